"""Local copies go in steps, each of which may be cut off; what is left agrees with itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from echonode.errors import InstanceConflict, OutOfSpace
from echonode.model.commitment import CommitmentReport, ReferencedInstance
from echonode.model.criteria import Level, Query, Root
from echonode.model.delivery import DeliveryEvent
from echonode.model.identity import CommitmentPolicy
from echonode.store.retention import candidates, deletion
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from tests.unit.store.samples import US_IMAGE, Clock, dataset, put, put_many, send_all

DAY_S = 86_400
POLICY = RetentionPolicy(
    keep_s=DAY_S,
    destinations={"pacs": CommitmentPolicy.REQUIRED, "backup": CommitmentPolicy.REQUIRED},
)


def commit_all(store: Store, clock: Clock, destination: str = "pacs") -> None:
    """The archive gets everything that is due to it, and commits it."""
    jobs = send_all(store, destination, clock())
    uid = f"2.25.{store.counter('transactions')}"
    store.commitment.transactions.create(
        destination, uid, [job.id for job in jobs], peer_ae_title="PACS", now=clock()
    )
    committed = tuple(
        ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid=job.instance.sop_instance_uid)
        for job in jobs
    )
    report = CommitmentReport(transaction_uid=uid, committed=committed, failed={})
    store.commitment.reports.apply("PACS", report, now=clock())


def days_pass(store: Store, days: float = 1) -> None:
    """On the observed clock; what is proved is seen first."""
    store.retention.observe(0)
    store.retention.observe(int(days * DAY_S))


def recycle(store: Store, clock: Clock) -> list[str]:
    return [gone.sop_instance_uid for gone in store.retention.recycle(POLICY, now=clock())]


def files(data_dir: Path, folder: str = "instances") -> int:
    return len([path for path in (data_dir / folder).rglob("*.dcm") if path.is_file()])


def test_a_promised_instance_goes_after_its_grace_period(
    store: Store, data_dir: Path, clock: Clock
) -> None:
    """Index row and file go; the ledger goes on to show what is proved of it."""
    put_many(store, 2, "pacs")
    commit_all(store, clock)
    put(store, dataset(3), destinations=["pacs"])
    days_pass(store, 0.99)
    assert recycle(store, clock) == []
    store.retention.observe(int(0.02 * DAY_S))
    assert sorted(recycle(store, clock)) == ["1.2.3.4.1", "1.2.3.4.2"]
    assert files(data_dir) == 1
    assert files(data_dir, "deleted") == 0
    assert store.index.instance("1.2.3.4.1") is None
    rows = {row.sop_instance_uid: row for row in store.ledger.rows()}
    assert [rows[f"1.2.3.4.{n}"].state for n in (1, 2, 3)] == ["committed", "committed", "queued"]
    assert rows["1.2.3.4.1"].committed_at == clock()
    assert store.statistics.store(since=clock()).instances_deleted == 2


def test_the_wall_clock_deletes_nothing(store: Store, clock: Clock) -> None:
    """Set forward by a year, and back by two: the grace period is not over."""
    put_many(store, 1, "pacs")
    commit_all(store, clock)
    store.retention.observe(60)
    for days in (365, -730):
        clock.time += timedelta(days=days)
        store.retention.observe(60)
        assert recycle(store, clock) == []


@pytest.mark.slow
def test_two_archives_and_one_never_promises(store: Store, data_dir: Path, clock: Clock) -> None:
    """Nothing is deleted, however long it takes."""
    put_many(store, 3, "pacs", "backup")
    commit_all(store, clock)
    send_all(store, "backup", clock())
    days_pass(store, 1000)
    assert recycle(store, clock) == []
    assert files(data_dir) == 3
    commit_all(store, clock, "backup")
    days_pass(store)
    assert len(recycle(store, clock)) == 3


def test_received_instances_stay(store: Store, clock: Clock) -> None:
    """What a peer sent us, and no archive was asked to keep, is kept here."""
    put(store, dataset(1), source_ae_title="PEER")
    days_pass(store, 1000)
    assert recycle(store, clock) == []


@pytest.mark.parametrize("status", [0xB006, 0xB007])
def test_a_warning_keeps_it_until_it_is_released(store: Store, clock: Clock, status: int) -> None:
    """Also when the same bytes were sent again and then promised: a person has to look."""
    put_many(store, 1, "pacs")
    [job] = store.deliveries.claim("pacs", now=clock(), limit=1)
    store.deliveries.record_attempt(job.id, DeliveryEvent.RETRY, now=clock(), status=status)
    commit_all(store, clock)
    days_pass(store, 1000)
    assert recycle(store, clock) == []
    assert store.operator.release("1.2.3.4.1", now=clock()) == 1
    assert recycle(store, clock) == ["1.2.3.4.1"]


@pytest.mark.slow
def test_the_counts_above_it_are_right_afterwards(store: Store, clock: Clock) -> None:
    """C-FIND answers as if it had never been here; an empty study is gone with its patient."""
    put(store, dataset(1), destinations=["pacs"])
    put(store, dataset(2, SeriesInstanceUID="1.2.3.1.2", Modality="OT"))
    put(
        store,
        dataset(3, StudyInstanceUID="1.2.3.9", SeriesInstanceUID="1.2.3.9.1", PatientID="P2"),
        destinations=["pacs"],
    )
    commit_all(store, clock)
    days_pass(store)
    assert len(recycle(store, clock)) == 2
    query = Query(root=Root.STUDY, level=Level.STUDY, criteria={})
    [study] = store.index.find(query)
    assert study["StudyInstanceUID"] == "1.2.3.1"
    assert study["ModalitiesInStudy"] == "OT"
    assert study["NumberOfStudyRelatedSeries"] == "1"
    assert study["NumberOfStudyRelatedInstances"] == "1"
    patients = Query(root=Root.PATIENT, level=Level.PATIENT, criteria={})
    [patient] = store.index.find(patients)
    assert patient["NumberOfPatientRelatedInstances"] == "1"
    assert patient["NumberOfPatientRelatedSeries"] == "1"


@pytest.mark.slow
@pytest.mark.parametrize("step", ["move", "fsync_folder", "remove"])
def test_cut_off_at_any_step_the_next_start_ends_it(
    data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Killed after the tombstone, after the rename, before the unlink: gone, and not adopted."""

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    store = Store.open(data_dir, now=clock)
    put_many(store, 2, "pacs")
    commit_all(store, clock)
    days_pass(store)
    with monkeypatch.context() as patch:
        patch.setattr(deletion, step, die)
        with pytest.raises(Killed):
            store.retention.recycle(POLICY, now=clock())
    store.close()
    with Store.open(data_dir, now=clock, adopt_to=["pacs"]) as again:
        assert again.recovery.report.adopted == ()
        assert again.recovery.report.missing == ()
        assert [row.state for row in again.ledger.rows()] == ["committed", "committed"]
        assert files(data_dir) + files(data_dir, "deleted") == 0


def test_killed_before_the_tombstone_nothing_has_happened(
    data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is touched before its tombstone is durable."""
    store = Store.open(data_dir, now=clock)
    put_many(store, 1, "pacs")
    commit_all(store, clock)
    days_pass(store)

    def fail(*_: object) -> None:
        raise OutOfSpace("full")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "remove_instance", fail)
        with pytest.raises(OutOfSpace):
            store.retention.recycle(POLICY, now=clock())
    instance = store.index.instance("1.2.3.4.1")
    assert instance is not None
    store.files.check_bytes(instance)
    store.close()


def test_a_disk_that_does_not_let_go_is_asked_again(
    store: Store, data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read-only moment costs a minute, not a restart."""
    put_many(store, 1, "pacs")
    commit_all(store, clock)
    days_pass(store)

    def refuse(*_: object) -> None:
        raise OutOfSpace("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, "move", refuse)
        assert len(recycle(store, clock)) == 1  # its tombstone is durable
        with pytest.raises(OutOfSpace):
            recycle(store, clock)
    assert files(data_dir) == 1
    assert recycle(store, clock) == []
    assert files(data_dir) == 0


@pytest.mark.slow
@pytest.mark.parametrize("step", ["move", "fsync_folder"])
def test_one_file_that_cannot_go_keeps_no_other_here(
    store: Store, data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The disk refuses to move one file, or to make the moves durable once: the others go, what is
    left is tried again at each look, and it goes as soon as the disk lets it, without a restart."""
    put_many(store, 3, "pacs")
    commit_all(store, clock)
    days_pass(store)
    work, refusals = getattr(deletion, step), [1] if step == "fsync_folder" else [1, 1, 1]

    def refuse_some(path: Path, *more: Path) -> None:
        if refusals and (step == "fsync_folder" or path.name == stuck):
            refusals.pop()
            raise OutOfSpace("read-only")
        work(path, *more)

    stuck = min(path.name for path in (data_dir / "instances").rglob("*.dcm"))
    monkeypatch.setattr(deletion, step, refuse_some)
    assert len(recycle(store, clock)) == 3
    if step == "move":
        assert files(data_dir) == 1, "the other two went"
        for _ in range(2):
            with pytest.raises(OutOfSpace):
                recycle(store, clock)
    assert recycle(store, clock) == []
    assert files(data_dir) + files(data_dir, "deleted") == 0


def test_a_destination_that_left_the_configuration_is_still_waited_for(
    store: Store, data_dir: Path, clock: Clock
) -> None:
    """One archive has promised, another that was removed since has only received: it stays."""
    put_many(store, 1, "pacs", "former")
    send_all(store, "former", clock())
    commit_all(store, clock)
    days_pass(store)
    assert "former" not in POLICY.destinations
    assert recycle(store, clock) == []
    assert files(data_dir) == 1


@pytest.mark.parametrize("step", ["fsync_folder", "remove"])
def test_a_file_on_its_way_out_does_not_wait_for_a_restart(
    store: Store, data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Renamed, and then the disk refused to keep the name or to remove it: the next look does."""
    put_many(store, 2, "pacs")
    commit_all(store, clock)
    days_pass(store)

    def refuse(path: Path) -> bool:
        if step == "remove":
            return False
        raise OutOfSpace("read-only")

    with monkeypatch.context() as patch:
        patch.setattr(deletion, step, refuse)
        with suppress(OutOfSpace):
            recycle(store, clock)
    assert files(data_dir) + files(data_dir, "deleted") == 2
    recycle(store, clock)
    assert files(data_dir) + files(data_dir, "deleted") == 0


def test_other_bytes_under_a_deleted_uid_are_a_conflict(
    store: Store, data_dir: Path, clock: Clock
) -> None:
    """The archive holds the first; the second is put aside as if ours were still here."""
    put_many(store, 1, "pacs")
    commit_all(store, clock)
    days_pass(store)
    recycle(store, clock)
    with pytest.raises(InstanceConflict):
        put(store, dataset(1, PatientName="Doe^John"))
    assert files(data_dir, "quarantine") == 1


@pytest.mark.slow
def test_the_same_bytes_come_and_go_again(store: Store, clock: Clock) -> None:
    """Sent back to us, it is an instance like any other, and one row of the ledger."""
    for _ in range(2):
        put(store, dataset(1), destinations=["pacs"])
        [row] = store.ledger.rows()
        assert row.state == "queued"
        commit_all(store, clock)
        days_pass(store)
        assert recycle(store, clock) == ["1.2.3.4.1"]
        [row] = store.ledger.rows()
        assert row.state == "committed"


@pytest.mark.slow
def test_what_must_stay_does_not_hide_what_may_go(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of what one archive never promises do not keep those behind them, nor for a minute."""
    monkeypatch.setattr(candidates, "_SEEN", candidates._SEEN.limit(2))
    monkeypatch.setattr(candidates, "ROWS_AT_ONCE", 2)
    put_many(store, 5, "pacs", "backup")
    put(store, dataset(6), destinations=["pacs"])
    commit_all(store, clock)
    days_pass(store)
    assert recycle(store, clock) == ["1.2.3.4.6"]


def test_proof_is_decided_upon_inside_the_transaction(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that is added between the look and the deed keeps the copy."""
    put_many(store, 1, "pacs")
    commit_all(store, clock)
    days_pass(store)
    looked: Callable[[RetentionPolicy], list[int]] = store.retention._next_candidates

    def look_then_add(policy: RetentionPolicy) -> list[int]:
        found = looked(policy)
        store.deliveries.add(["1.2.3.4.1"], ["backup"])
        return found

    monkeypatch.setattr(store.retention, "_next_candidates", look_then_add)
    assert recycle(store, clock) == []
