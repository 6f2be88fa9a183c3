"""Whatever one instance raises is that instance's failure: those behind it are sent."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from pydicom.uid import ImplicitVRLittleEndian

from echonode.delivery.retry import FAULTS_BEFORE_HOLD
from echonode.dimse.services import Part10File
from echonode.errors import DimseFailure, IllegalTransition, OutOfSpace, UsageError
from echonode.model.delivery import DeliveryState
from echonode.model.instance import StoredInstance
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import delivery_job, stored_instance

S = DeliveryState
HOUR_S = 3600.0


class Poisoned:
    """Raises the test's error for instance 1, and re-encodes every other one."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.tries = 0

    def __call__(self, instance: StoredInstance, syntax: str) -> nullcontext[Part10File]:
        if instance.sop_instance_uid == "1.2.3.1":
            self.tries += 1
            raise self.error
        return nullcontext(
            Part10File(
                path=instance.path,
                sop_class_uid=instance.sop_class_uid,
                sop_instance_uid=instance.sop_instance_uid,
                transfer_syntax_uid=syntax,
                dataset_offset=0,
                size=0,
            )
        )


def poison(scene: Scene, count: int = 3) -> None:
    """Instances that an archive of Implicit VR alone can take only re-encoded."""
    for number in range(1, count + 1):
        scene.store.put(delivery_job(number, stored_instance(number)))
    scene.archive.accepts = lambda sop_class, syntax: syntax == ImplicitVRLittleEndian


@pytest.mark.parametrize(
    "error",
    [
        NotImplementedError("Unknown Value Representation 'PATIENT^NAME'"),
        ValueError("PATIENT^NAME"),
        RecursionError("PATIENT^NAME"),
        AssertionError("PATIENT^NAME"),
        IllegalTransition("PATIENT^NAME"),
        UsageError("PATIENT^NAME"),
        DimseFailure(0x0110, "PATIENT^NAME"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_instance_that_raises_is_held_and_those_behind_it_are_sent(
    scene: Scene, lines: Recorder, error: Exception
) -> None:
    """It is tried some times, ever less often, then held with its UID in the log; the others go at
    once, and no line quotes what the exception says: it may quote the data."""
    poison(scene)
    reencode = Poisoned(error)
    worker = scene.worker(reencode=reencode)
    scene.run(worker, 1)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.QUEUED, S.SENT, S.SENT]
    assert scene.store.jobs[1].attempts == 1
    scene.run(worker, 24 * HOUR_S)
    assert scene.store.state(1) is S.HELD
    assert reencode.tries == FAULTS_BEFORE_HOLD
    (held,) = lines.named("job_held")
    assert held["sop_instance_uid"] == "1.2.3.1"
    assert type(error).__name__ in str(held["reason"])
    assert len(lines.named("job_retried")) == FAULTS_BEFORE_HOLD - 1
    assert "PATIENT" not in repr(lines.lines) + scene.store.jobs[1].last_error
    assert not lines.named("delivery_stalled")


@pytest.mark.parametrize("error", [MemoryError(), OutOfSpace("full"), OSError(28, "No space")])
def test_what_this_node_lacks_is_never_held_against_an_instance(
    scene: Scene, lines: Recorder, error: Exception
) -> None:
    """Want of memory or of room for a re-encoded copy is waited for; the others go meanwhile."""
    poison(scene)
    worker = scene.worker(reencode=Poisoned(error))
    scene.run(worker, 24 * HOUR_S)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.QUEUED, S.SENT, S.SENT]


def test_an_instance_that_cannot_even_be_proposed_stops_nothing(
    scene: Scene, lines: Recorder
) -> None:
    """What fails while its association is opened is its own failure as well."""
    scene.queue(3)
    failures = [RuntimeError("a defect")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    scene.archive.on_associate = fail_once
    scene.run(scene.worker(), 1)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.QUEUED, S.SENT, S.SENT]
    assert lines.named("job_retried")[0]["sop_instance_uid"] == "1.2.3.1"


def test_a_defect_in_opening_associations_holds_nothing(scene: Scene, lines: Recorder) -> None:
    """Where every association fails on our side, no instance is to blame: all wait, and the
    operator sees that deliveries are stalled."""
    scene.queue(3)

    def fail() -> None:
        raise RuntimeError("a defect")

    scene.archive.on_associate = fail
    worker = scene.worker()
    scene.run(worker, 24 * HOUR_S)
    assert {job.state for job in scene.store.jobs.values()} == {S.QUEUED}
    assert "RuntimeError" in worker.status.problem
    scene.archive.on_associate = lambda: None
    scene.run(worker, 2 * HOUR_S)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}
    assert worker.status.problem == ""


def test_a_stalled_worker_says_so_until_it_works_again(scene: Scene, lines: Recorder) -> None:
    """A disk that refuses to write outcomes down shows as a stalled destination, by its class."""
    scene.queue()
    worker = scene.worker()
    scene.store.fail_next = OutOfSpace("the disk refused PATIENT^NAME")
    worker._thread._taken()
    assert "OutOfSpace" in worker.status.problem
    assert "PATIENT" not in worker.status.problem
    worker._thread._taken()
    assert worker.status.problem == ""
    assert scene.store.state() is S.SENT
