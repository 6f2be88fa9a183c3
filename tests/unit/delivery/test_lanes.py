"""Several associations with one archive, and what is learnt while one is opened."""

from __future__ import annotations

import threading
import time
from typing import NoReturn

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dimse.services import Part10File
from echonode.errors import AssociationRejected, ContextNotAccepted
from echonode.model.delivery import DeliveryState
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import US_IMAGE, delivery_job, stored_instance

S = DeliveryState
PATIENCE_S = 10.0
BUSY = AssociationRejected("too many", result=2, source=3, reason=2)


class SlowArchive:
    """Answers every C-STORE after 20 ms, and counts how many wait at once."""

    def __init__(self, scene: Scene, *, most: int = 100) -> None:
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0
        self.most = most
        self.scene = scene
        scene.archive.on_store = self.store
        scene.archive.on_associate = self.associate

    def store(self, file: Part10File) -> None:
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.02)  # the archive's own time, which is what lanes are for
        with self.lock:
            self.at_once -= 1

    def associate(self) -> None:
        if sum(a.is_open for a in self.scene.archive.associations) >= self.most:
            raise BUSY


def deliver(scene: Scene, count: int, associations: int) -> None:
    """Send `count` stills with the worker's own threads and the real clock."""
    scene.queue(count)
    worker = scene.worker(monotonic=time.monotonic, associations=associations)
    worker.start()
    deadline = time.monotonic() + PATIENCE_S
    while any(job.state is not S.SENT for job in [*scene.store.jobs.values()]):
        assert time.monotonic() < deadline, "not delivered"
        threading.Event().wait(0.01)
    assert worker.stop(PATIENCE_S)


@pytest.mark.slow
def test_a_backlog_goes_over_several_associations(scene: Scene, lines: Recorder) -> None:
    """More than one at once, no more than the cap, each instance once, and all are ended."""
    archive = SlowArchive(scene)
    deliver(scene, 150, 4)
    assert 2 <= archive.most_at_once <= 4
    sent = [uid for uid, _ in scene.archive.received]
    assert len(sent) == len(set(sent)) == 150
    assert all(not association.is_open for association in scene.archive.associations)


@pytest.mark.slow
def test_they_start_in_the_order_of_the_exam(scene: Scene, lines: Recorder) -> None:
    """An instance is overtaken only by those that go at the same time."""
    SlowArchive(scene)
    deliver(scene, 120, 4)
    numbers = [int(uid.rsplit(".", 1)[1]) for uid, _ in scene.archive.received]
    assert max(abs(number - place) for place, number in enumerate(numbers, start=1)) <= 4


@pytest.mark.slow
def test_an_archive_of_one_association_is_not_paused(scene: Scene, lines: Recorder) -> None:
    """A refused second association costs nothing: no pause, no try, no alarm."""
    archive = SlowArchive(scene, most=1)
    deliver(scene, 60, 8)
    assert archive.most_at_once == 1
    assert lines.named("associations_limited")
    assert not lines.named("association_rejected")
    assert {job.attempts for job in scene.store.jobs.values()} == {1}


def test_what_a_second_lane_cannot_send_is_sent_by_the_first(scene: Scene, lines: Recorder) -> None:
    """The archive takes its time to refuse a second association, and the first lane has nothing
    more to do by then: it is woken for what the second had taken, which does not stay `sending`."""
    scene.queue(3)
    worker = scene.worker(monotonic=time.monotonic, associations=2, linger_s=0.1)
    idle, opened = threading.Event(), []
    run_once = worker.run_once

    def run_and_tell() -> float:
        wait_s = run_once()
        if wait_s > 5:  # beyond the linger of its association
            idle.set()
        return wait_s

    def refuse_the_second_late() -> None:
        opened.append(threading.current_thread().name)
        if len(opened) == 2:
            assert idle.wait(PATIENCE_S)
            raise BUSY

    worker.run_once = run_and_tell  # type: ignore[method-assign]
    scene.archive.on_associate = refuse_the_second_late
    worker.start()
    deadline = time.monotonic() + PATIENCE_S
    while any(job.state is not S.SENT for job in [*scene.store.jobs.values()]):
        assert time.monotonic() < deadline, {n: j.state for n, j in scene.store.jobs.items()}
        threading.Event().wait(0.01)
    assert worker.stop(PATIENCE_S)


@pytest.mark.slow
def test_without_threads_for_more_lanes_one_delivers_all(
    scene: Scene, lines: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system gives no more threads: everything goes over the first lane, and it ends well."""
    archive = SlowArchive(scene)
    start = threading.Thread.start

    def refuse_helpers(thread: threading.Thread) -> None:
        if thread.name.startswith("delivery-pacs-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_helpers)
    deliver(scene, 30, 4)
    assert archive.most_at_once == 1
    assert not lines.named("delivery_stalled")


def test_what_was_learnt_is_proposed_next_time(scene: Scene) -> None:
    """An archive that takes only Implicit VR is not offered Explicit VR again, not even by another
    worker after a restart.
    """
    scene.store.put(delivery_job(1, stored_instance(transfer_syntax_uid=ImplicitVRLittleEndian)))
    scene.archive.accepts = lambda sop_class, syntax: syntax == ImplicitVRLittleEndian
    scene.run(scene.worker(reencode=never), 60)
    scene.store.put(delivery_job(2, stored_instance(2, transfer_syntax_uid=ImplicitVRLittleEndian)))
    scene.run(scene.worker(reencode=never), 60)
    first, second = (
        {t for c in proposal if c.abstract_syntax == US_IMAGE for t in c.transfer_syntaxes}
        for proposal in scene.archive.proposals
    )
    assert ExplicitVRLittleEndian in first
    assert second == {ImplicitVRLittleEndian}


def test_an_archive_that_changed_is_asked_for_everything_before_anything_is_held(
    scene: Scene,
) -> None:
    """It took Implicit VR yesterday and takes Explicit VR today: nothing is held for that."""
    scene.store.put(delivery_job(1, stored_instance(transfer_syntax_uid=ImplicitVRLittleEndian)))
    scene.archive.accepts = lambda sop_class, syntax: syntax == ImplicitVRLittleEndian
    worker = scene.worker(reencode=never)
    scene.run(worker, 60)
    scene.archive.accepts = lambda sop_class, syntax: syntax == ExplicitVRLittleEndian
    scene.store.put(delivery_job(2, stored_instance(2)))
    scene.run(worker, 60)
    assert scene.store.state(2) is S.SENT
    assert scene.archive.received[-1] == ("1.2.3.2", ExplicitVRLittleEndian)


def test_a_narrow_proposal_that_is_refused_whole_is_followed_by_a_full_one(scene: Scene) -> None:
    """After a restart the archive refuses the one syntax it was known for: all is proposed, and
    nothing is held for what was learnt before.
    """
    scene.store.put(delivery_job(1, stored_instance(transfer_syntax_uid=ImplicitVRLittleEndian)))
    scene.archive.accepts = lambda sop_class, syntax: syntax == ImplicitVRLittleEndian
    scene.run(scene.worker(reencode=never), 60)
    scene.archive.refusals = [ContextNotAccepted("nothing was accepted")]
    scene.archive.accepts = lambda sop_class, syntax: syntax == ExplicitVRLittleEndian
    scene.store.put(delivery_job(2, stored_instance(2)))
    scene.run(scene.worker(reencode=never), 60)
    assert scene.store.state(2) is S.SENT


def test_an_archive_that_takes_nothing_is_remembered_for_it(scene: Scene) -> None:
    """The instance is held with the reason, and the operator sees the class as refused."""
    scene.queue()
    scene.archive.refusals = [ContextNotAccepted("nothing was accepted")]
    worker = scene.worker()
    scene.run(worker, 1)
    assert scene.store.state() is S.HELD
    assert "in none of" in scene.store.jobs[1].last_error
    assert worker.status.accepts[US_IMAGE] == ()


def never(*_: object) -> NoReturn:
    raise AssertionError("nothing is to be re-encoded here")
