"""The worker as a thread: woken, stopped, and never in another's way."""

from __future__ import annotations

import threading
import time

import pytest

from echonode.delivery import lanes, outcome_writer
from echonode.dimse.services import Part10File
from echonode.errors import AssociationLost, OutOfSpace, PeerUnreachable
from echonode.model.delivery import DeliveryState
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import delivery_job, stored_instance

S = DeliveryState
PATIENCE_S = 10.0  # a test that waits so long has failed


def test_a_capture_is_sent_as_soon_as_the_worker_is_woken(scene: Scene, lines: Recorder) -> None:
    """No polling: `wake` is what starts the sending, at once."""
    sent = threading.Event()
    scene.archive.on_store = lambda file: sent.set()
    worker = scene.worker(monotonic=time.monotonic)
    worker.start()
    scene.store.put(delivery_job(1, stored_instance()))
    worker.wake()
    assert sent.wait(PATIENCE_S)
    assert worker.stop(PATIENCE_S)
    assert scene.store.state() is S.SENT
    assert scene.archive.associations[0].released


def test_a_hung_archive_does_not_hold_up_another(lines: Recorder) -> None:
    """While one archive does not answer, the other's queue is delivered to the end."""
    hung, other = Scene(), Scene()
    answer_now = threading.Event()
    hung.queue()
    hung.archive.on_store = lambda file: assert_set(answer_now)
    for number in range(1, 21):
        other.store.put(delivery_job(number, stored_instance(number), "other"))
    all_sent = threading.Event()
    other.archive.on_store = lambda file: (
        all_sent.set() if file.sop_instance_uid == "1.2.3.20" else None
    )
    workers = [hung.worker(), other.worker(name="other")]
    for worker in workers:
        worker.start()
    assert all_sent.wait(PATIENCE_S)
    assert hung.store.state() is S.SENDING
    answer_now.set()
    assert all(worker.stop(PATIENCE_S) for worker in workers)
    assert hung.store.state() is S.SENT


def assert_set(event: threading.Event) -> None:
    assert event.wait(PATIENCE_S)


def test_stop_finishes_the_instance_under_way_and_gives_back_the_rest(
    scene: Scene, lines: Recorder
) -> None:
    """The C-STORE under way is finished and written down; what is behind it is queued again."""
    scene.queue(3)
    under_way, answer_now = threading.Event(), threading.Event()

    def answer_when_told(file: Part10File) -> None:
        under_way.set()
        assert_set(answer_now)

    scene.archive.on_store = answer_when_told
    worker = scene.worker()
    worker.start()
    assert under_way.wait(PATIENCE_S)
    stopped: list[bool] = []
    stopper = threading.Thread(target=lambda: stopped.append(worker.stop(PATIENCE_S)))
    stopper.start()
    while not worker._thread.is_stopping:
        pass
    answer_now.set()
    stopper.join(PATIENCE_S)
    assert stopped == [True]
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.SENT, S.QUEUED, S.QUEUED]
    assert scene.archive.associations[0].released


def test_stop_breaks_off_an_archive_that_does_not_answer(scene: Scene, lines: Recorder) -> None:
    """Past the deadline the association is aborted; the instance goes again after a restart."""
    scene.queue()
    under_way, aborted = threading.Event(), threading.Event()
    scene.archive.on_abort = aborted.set

    def hang(file: Part10File) -> None:
        under_way.set()
        assert_set(aborted)
        scene.archive.answers = [AssociationLost("aborted")]

    scene.archive.on_store = hang
    worker = scene.worker()
    worker.start()
    assert under_way.wait(PATIENCE_S)
    assert worker.stop(0.0) is False
    assert not worker._thread.is_alive
    assert scene.store.state() is S.QUEUED


@pytest.mark.parametrize("error", [RuntimeError("DOE^JANE"), OutOfSpace("DOE^JANE")])
def test_what_fails_on_our_side_does_not_end_the_thread(
    scene: Scene, lines: Recorder, error: Exception
) -> None:
    """A full disk or a defect is said in one line, with its class and place and not with its text,
    which may quote the data; the worker lives on."""
    failed = threading.Event()

    def fail(destination: str) -> None:
        failed.set()
        raise error

    scene.store.next_due = fail  # type: ignore[method-assign]
    worker = scene.worker()
    worker.start()
    assert failed.wait(PATIENCE_S)
    assert worker._thread.is_alive
    assert worker.stop(PATIENCE_S)
    (line,) = lines.named("delivery_stalled")
    assert line["error"] == type(error).__name__
    assert str(line["where"]).startswith("test_worker_thread.py:")
    assert "DOE" not in repr(lines.lines)


def test_a_worker_that_never_ran_stops(scene: Scene) -> None:
    """Stopping before the start is allowed: start-up may have failed elsewhere."""
    assert scene.worker().stop(0.0)


def test_an_orderly_stop_repeats_nothing(
    scene: Scene, lines: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second lane gets its answer after the first has ended: what was stored is written down
    all the same before the stop is over, and the next start sends none of it again."""
    monkeypatch.setattr(
        outcome_writer, "GATHER_S", 3600.0
    )  # nothing is written before it is asked for
    scene.queue(60)
    under_way, answer_now = threading.Event(), threading.Event()

    def hold_the_second_lane(file: Part10File) -> None:
        if threading.current_thread().name == "delivery-pacs-2" and not under_way.is_set():
            under_way.set()
            assert_set(answer_now)

    scene.archive.on_store = hold_the_second_lane
    worker = scene.worker(monotonic=time.monotonic, associations=2)
    worker.start()
    assert under_way.wait(PATIENCE_S)
    stopped: list[bool] = []
    stopper = threading.Thread(target=lambda: stopped.append(worker.stop(PATIENCE_S)))
    stopper.start()
    worker._thread.join(PATIENCE_S)
    answer_now.set()
    stopper.join(PATIENCE_S)
    assert stopped == [True]
    assert S.SENDING not in {job.state for job in scene.store.jobs.values()}
    scene.archive.on_store = lambda file: None
    scene.run(scene.worker(), 10)
    sent = [uid for uid, _ in scene.archive.received]
    assert len(sent) == len(set(sent)) == 60


def test_a_first_lane_that_ends_at_once_does_not_cut_the_stop_short(
    scene: Scene, lines: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked to stop and has ended before the stop begins: what the other lane stored is
    written down all the same."""
    monkeypatch.setattr(outcome_writer, "GATHER_S", 3600.0)
    scene.queue(60)
    under_way, answer_now = threading.Event(), threading.Event()

    def hold_the_second_lane(file: Part10File) -> None:
        if threading.current_thread().name == "delivery-pacs-2" and not under_way.is_set():
            under_way.set()
            assert_set(answer_now)

    scene.archive.on_store = hold_the_second_lane
    worker = scene.worker(monotonic=time.monotonic, associations=2)
    worker.start()
    assert under_way.wait(PATIENCE_S)
    worker.ask_stop()
    worker._thread.join(PATIENCE_S)
    answer_now.set()
    assert worker.stop(PATIENCE_S)
    assert S.SENDING not in {job.state for job in scene.store.jobs.values()}


@pytest.mark.parametrize("while_opening", [True, False])
def test_a_stop_does_not_wait_for_a_handshake(
    scene: Scene, lines: Recorder, monkeypatch: pytest.MonkeyPatch, while_opening: bool
) -> None:
    """An association that is being opened to a dead address, be it to send or only to ask whether
    it is there, need not be finished: the stop does not use up its deadline for it."""
    monkeypatch.setattr(lanes, "EXPENDABLE_S", 0.1)
    monkeypatch.setattr(lanes, "BREAK_OFF_S", 0.2)
    if while_opening:
        scene.queue()
    opening, give_up = threading.Event(), threading.Event()

    def hang() -> None:
        opening.set()
        assert_set(give_up)
        raise PeerUnreachable("timed out")

    scene.archive.on_associate = hang
    worker = scene.worker(monotonic=time.monotonic, echo_every_s=300.0)
    worker.start()
    assert opening.wait(PATIENCE_S)
    began = time.monotonic()
    assert worker.stop(60.0) is False
    assert time.monotonic() - began < 30
    give_up.set()
    worker._thread.join(PATIENCE_S)
    assert not lines.named("destination_unreachable"), "what it meets after the stop is no news"
