"""What metrics and alarms are made of."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from echonode.model.commitment import CommitmentReport, TransactionEvent
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many, send_all


def test_what_waits_longest_is_known_by_state(store: Store, clock: Clock) -> None:
    """By when the picture was taken: that is how long a patient's image is not safe."""
    put(store, dataset(1), destinations=["pacs"], acquired_at=NOON - timedelta(hours=3))
    put(store, dataset(2), destinations=["pacs"], acquired_at=NOON - timedelta(hours=1))
    assert store.statistics.destination("pacs").oldest == {
        DeliveryState.QUEUED: NOON - timedelta(hours=3)
    }
    send_all(store, "pacs", clock())
    assert store.statistics.destination("pacs").oldest == {
        DeliveryState.SENT: NOON - timedelta(hours=3)
    }
    assert store.statistics.destination("other").oldest == {}


def test_what_is_held_is_counted(store: Store, clock: Clock) -> None:
    """For each destination, without counting all that is not."""
    put_many(store, 2, "pacs", "backup")
    store.operator.hold("1.2.3.4.1", now=clock(), destination="pacs")
    assert store.statistics.destination("pacs").held == 1
    assert store.statistics.destination("backup").held == 0


def test_repetitions_are_counted_for_each_destination(store: Store, clock: Clock) -> None:
    """And the count survives a restart."""
    put_many(store, 1, "pacs", "backup")
    [job] = store.deliveries.claim("pacs", now=clock(), limit=1)
    store.deliveries.record_attempt(job.id, DeliveryEvent.RETRY, now=clock())
    assert store.statistics.destination("pacs").retries == 1
    assert store.statistics.destination("backup").retries == 0


@pytest.mark.slow
def test_the_last_report_of_an_archive_is_known(store: Store, clock: Clock) -> None:
    """Whether the way back works shows by when it last did."""
    put_many(store, 1, "pacs")
    jobs = send_all(store, "pacs", clock())
    store.commitment.transactions.create(
        "pacs", "2.25.7", [job.id for job in jobs], peer_ae_title="PACS", now=clock()
    )
    figures = store.statistics.destination("pacs")
    assert (figures.unreported_since, figures.last_report_at) == (NOON, None)
    later = clock.pass_(hours=2)
    store.operator.release("1.2.3.4.1", now=later)
    report = CommitmentReport(transaction_uid="2.25.7", committed=(), failed={})
    store.commitment.reports.apply("PACS", report, now=later)
    put(store, dataset(2), destinations=["pacs"])
    commit_all(store, clock)
    put(store, dataset(3), destinations=["pacs"])
    [job] = send_all(store, "pacs", later)
    store.commitment.transactions.create(
        "pacs", "2.25.8", [job.id], peer_ae_title="PACS", now=later
    )
    much_later = clock.pass_(hours=9)
    store.commitment.transactions.apply_event("2.25.8", TransactionEvent.GIVE_UP, now=much_later)
    assert store.statistics.destination("pacs").last_report_at == later


def test_missing_and_quarantined_files_are_counted(data_dir: Path) -> None:
    """What a start found is an alarm until a person has dealt with it."""
    with Store.open(data_dir, now=Clock()) as store:
        gone = put(store, dataset(1)).instance
    gone.path.unlink()
    noise = gone.path.with_name(gone.path.name[:4] + "f" * 28 + ".dcm")
    noise.write_bytes(b"not DICOM")
    with Store.open(data_dir, now=Clock()) as store:
        assert store.statistics.store(since=NOON).missing_files == 1
        assert store.statistics.quarantined_files() == 1
        next((data_dir / "quarantine").iterdir()).unlink()
        assert store.statistics.quarantined_files() == 0


def test_refused_reports_are_counted_from_a_time_on(store: Store, clock: Clock) -> None:
    """Yesterday's forgery is no permanent alarm."""
    forged = CommitmentReport(transaction_uid="2.25.9", committed=(), failed={})
    store.commitment.reports.apply("EVIL", forged, now=clock())
    assert store.statistics.store(since=NOON).refused_reports == 1
    assert store.statistics.store(since=NOON + timedelta(seconds=1)).refused_reports == 0
