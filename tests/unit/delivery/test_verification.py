"""Proof by C-FIND for archives without storage commitment."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from echonode.errors import AssociationLost, ContextNotAccepted, DimseFailure
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import FindAnswers

S = DeliveryState
VERIFY = CommitmentPolicy.VERIFY


def answer(sop_instance_uid: str) -> Dataset:
    ds = Dataset()
    ds.SOPInstanceUID = sop_instance_uid
    return ds


def has_it(identifier: Dataset) -> FindAnswers:
    return [(0xFF00, answer(str(identifier.SOPInstanceUID))), (0x0000, None)]


def test_what_is_found_is_verified(scene: Scene, lines: Recorder) -> None:
    """Each instance is asked for at IMAGE level by all its unique keys; found is `verified`."""
    scene.queue(3)
    scene.archive.on_find = has_it
    scene.run(scene.worker(VERIFY), 1)
    assert {job.state for job in scene.store.jobs.values()} == {S.VERIFIED}
    query = scene.archive.queries[0]
    assert query.QueryRetrieveLevel == "IMAGE"
    assert (query.StudyInstanceUID, query.SeriesInstanceUID) == ("1.2.3.1000", "1.2.3.1001")
    assert len(scene.archive.associations) == 1
    assert len(lines.named("instance_verified")) == 3


def test_another_instance_is_no_proof(scene: Scene) -> None:
    """An archive that answers with something else has not shown that it has this one."""
    scene.queue()
    scene.archive.on_find = lambda identifier: [(0xFF00, answer("1.2.3.99")), (0x0000, None)]
    scene.run(scene.worker(VERIFY), 1)
    assert scene.store.state() is S.SENT


def test_an_archive_that_indexes_late_is_waited_for(scene: Scene) -> None:
    """Not found at once is not lost: it is looked for again before it is sent again."""
    scene.queue()
    worker = scene.worker(VERIFY)
    scene.run(worker, 20)
    assert scene.store.state() is S.SENT
    scene.archive.on_find = has_it
    scene.run(worker, 20)
    assert scene.store.state() is S.VERIFIED
    assert len(scene.archive.received) == 1


def test_what_stays_absent_is_sent_again_then_held(scene: Scene, lines: Recorder) -> None:
    """Success without the instance: sent three times in all, then a person decides."""
    scene.queue()
    scene.run(scene.worker(VERIFY), 3600)
    assert scene.store.state() is S.HELD
    assert len(scene.archive.received) == 3
    assert lines.named("job_held")


@pytest.mark.parametrize("status", [0xA700, 0xC000, 0xFE00])
def test_a_failed_query_proves_nothing(scene: Scene, status: int) -> None:
    """A query that fails neither verifies nor resends; it is repeated."""
    scene.queue()
    scene.archive.on_find = lambda identifier: [(status, None)]
    worker = scene.worker(VERIFY)
    scene.run(worker, 3600)
    assert scene.store.state() is S.SENT
    assert len(scene.archive.received) == 1
    assert len(scene.archive.queries) < 130
    scene.archive.on_find = has_it
    scene.run(worker, 60)
    assert scene.store.state() is S.VERIFIED


@pytest.mark.parametrize(
    "error", [ContextNotAccepted("no C-FIND here"), DimseFailure(0xC000, "not to be parsed")]
)
def test_an_archive_without_c_find_stops_no_delivery(
    scene: Scene, lines: Recorder, error: Exception
) -> None:
    """No context for the query, or no sense in its answer: said in the log, deliveries go on."""
    scene.queue(2)

    def refuse(identifier: Dataset) -> FindAnswers:
        raise error

    scene.archive.on_find = refuse
    scene.run(scene.worker(VERIFY), 10)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}
    assert lines.named("verification_failed")


def test_an_association_lost_in_the_query_is_opened_again(scene: Scene) -> None:
    """A query without an answer is asked again once the archive is back."""
    scene.queue()
    failures = [AssociationLost("reset")]

    def fail_once(identifier: Dataset) -> FindAnswers:
        if failures:
            raise failures.pop()
        return has_it(identifier)

    scene.archive.on_find = fail_once
    scene.run(scene.worker(VERIFY), 5)
    assert scene.store.state() is S.VERIFIED
    assert len(scene.archive.associations) == 2


@pytest.mark.parametrize(
    "error",
    [NotImplementedError("DOE^JANE"), ValueError("DOE^JANE"), AssociationLost("aborted")],
    ids=lambda error: type(error).__name__,
)
def test_an_instance_that_cannot_be_looked_for_keeps_no_other_unverified(
    scene: Scene, lines: Recorder, error: Exception
) -> None:
    """Whatever the look for one instance raises, also where the archive ends the association at it:
    the others are verified within seconds, and the looks for it become rare."""
    scene.queue(5)
    looks = 0

    def fail_on_the_first(identifier: Dataset) -> FindAnswers:
        nonlocal looks
        if identifier.SOPInstanceUID == "1.2.3.1":
            looks += 1
            raise error
        return has_it(identifier)

    scene.archive.on_find = fail_on_the_first
    worker = scene.worker(VERIFY)
    scene.run(worker, 10)
    assert [scene.store.state(n) for n in range(1, 6)] == [S.SENT] + [S.VERIFIED] * 4
    scene.run(worker, 24 * 3600)
    assert looks < 50
    assert "DOE" not in repr(lines.lines)
