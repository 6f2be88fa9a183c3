"""What is kept of things past, and that it goes when nothing needs it any more."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from echonode.errors import InstanceConflict
from echonode.model.commitment import CommitmentReport, CommitmentRequest, ReferencedInstance
from echonode.model.identity import CommitmentPolicy
from echonode.store.database import schema
from echonode.store.retention import pruning
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.retention.pruning import KEEP_HISTORY
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import US_IMAGE, Clock, dataset, put, put_many

POLICY = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})
UID = "1.2.3.4.1"


def count(store: Store, table: sa.Table) -> int:
    with store._readers.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture
def deleted(store: Store, clock: Clock) -> Store:
    """One instance that an archive committed and that was deleted here."""
    put_many(store, 1, "pacs")
    commit_all(store, clock)
    store.retention.observe(60)
    assert store.retention.recycle(POLICY, now=clock())
    return store


@pytest.mark.slow
def test_the_ledger_shows_a_deleted_image_for_some_months(deleted: Store, clock: Clock) -> None:
    """Then its row goes, and with it all but two digests."""
    clock.time += KEEP_HISTORY
    deleted.retention.prune(now=clock())
    assert [row.sop_instance_uid for row in deleted.ledger.rows()] == [UID]
    clock.pass_(seconds=1)
    deleted.retention.prune(now=clock())
    assert list(deleted.ledger.rows()) == []
    assert count(deleted, schema.tombstone) == count(deleted, schema.tombstone_delivery) == 0
    assert count(deleted, schema.deleted_instance) == 1


@pytest.mark.slow
def test_other_bytes_under_its_uid_are_refused_for_ever(deleted: Store, clock: Clock) -> None:
    """The archive holds the first; the same bytes are welcome."""
    clock.time += 2 * KEEP_HISTORY
    deleted.retention.prune(now=clock())
    with pytest.raises(InstanceConflict):
        put(deleted, dataset(1, PatientComments="other"))
    put(deleted, dataset(1), destinations=["pacs"])
    assert deleted.index.instance(UID) is not None


@pytest.mark.slow
def test_an_image_that_comes_and_goes_again_is_known_once(deleted: Store, clock: Clock) -> None:
    """The digests are written again, not twice."""
    for _ in range(2):
        clock.time += 2 * KEEP_HISTORY
        deleted.retention.prune(now=clock())
        put(deleted, dataset(1), destinations=["pacs"])
        commit_all(deleted, clock)
        deleted.retention.observe(60)
        deleted.retention.recycle(POLICY, now=clock())
    clock.time += 2 * KEEP_HISTORY
    deleted.retention.prune(now=clock())
    assert count(deleted, schema.deleted_instance) == 1


@pytest.mark.slow
def test_a_file_that_the_disk_did_not_let_go_of_keeps_its_tombstone(
    deleted: Store, clock: Clock
) -> None:
    """Or the next start would take it for one without a row."""
    [file_id] = file_ids(deleted)
    path = deleted._layout.instance_file(file_id)
    path.write_bytes(b"still here")
    clock.time += 2 * KEEP_HISTORY
    deleted.retention.prune(now=clock())
    assert count(deleted, schema.tombstone) == 1
    path.unlink()
    deleted.retention.prune(now=clock())
    assert count(deleted, schema.tombstone) == 0


def file_ids(store: Store) -> list[str]:
    with store._readers.connect() as connection:
        return list(connection.execute(sa.select(schema.tombstone.c.file_id)).scalars())


@pytest.mark.slow
def test_our_requests_go_once_their_images_have_gone(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the last report of each destination; one whose image is here stays."""
    put_many(store, 3, "pacs")
    for job in send_and_ask(store, clock):
        store.commitment.reports.apply(
            "PACS", report(f"2.25.{job}", job), now=clock.pass_(seconds=1)
        )
    store.retention.observe(60)
    clock.time += 2 * KEEP_HISTORY
    store.retention.prune(now=clock())
    assert count(store, schema.commitment_transaction) == 3
    before = store.statistics.destination("pacs").last_report_at
    assert len(store.retention.recycle(POLICY, now=clock())) == 3
    store.retention.prune(now=clock())
    assert count(store, schema.commitment_transaction) == 1
    assert store.statistics.destination("pacs").last_report_at == before


def send_and_ask(store: Store, clock: Clock) -> list[int]:
    """Each instance in a request of its own; the numbers of both."""
    from tests.unit.store.samples import send_all

    jobs = send_all(store, "pacs", clock())
    for number, job in enumerate(jobs, 1):
        store.commitment.transactions.create(
            "pacs", f"2.25.{number}", [job.id], peer_ae_title="PACS", now=clock()
        )
    return list(range(1, len(jobs) + 1))


def report(transaction_uid: str, number: int) -> CommitmentReport:
    item = ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid=f"1.2.3.4.{number}")
    return CommitmentReport(transaction_uid=transaction_uid, committed=(item,), failed={})


def test_a_peers_request_goes_and_what_it_names_before(store: Store, clock: Clock) -> None:
    """While it may be reported nothing goes; afterwards only its Transaction UID stays for long."""
    item = ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid=UID)
    request = CommitmentRequest(transaction_uid="2.25.9", instances=(item,))
    pending = store.commitment.inbound.create("PEER", request, clock())
    assert pending is not None
    clock.time += 2 * KEEP_HISTORY
    store.retention.prune(now=clock())
    assert [each.request for each in store.commitment.inbound.pending(clock(), limit=9)] == [
        request
    ]
    store.commitment.inbound.mark_reported(pending.id, clock())
    store.retention.prune(now=clock())
    assert count(store, schema.inbound_commitment_item) == 0
    assert store.commitment.inbound.create("PEER", request, clock()) is None
    clock.time += 2 * KEEP_HISTORY
    store.retention.prune(now=clock())
    assert count(store, schema.inbound_commitment) == 0


def test_why_a_file_is_in_quarantine_is_known_while_it_is_there(store: Store, clock: Clock) -> None:
    """The file is evidence and stays; its row goes some months after a person took it out."""
    put(store, dataset(1))
    with pytest.raises(InstanceConflict):
        put(store, dataset(1, PatientComments="other"))
    clock.time += 2 * KEEP_HISTORY
    store.retention.prune(now=clock())
    assert count(store, schema.quarantine) == store.statistics.quarantined_files() == 1
    [path] = (store.data_dir / "quarantine").iterdir()
    path.unlink()
    store.retention.prune(now=clock())
    assert count(store, schema.quarantine) == 0


@pytest.mark.slow
def test_a_look_takes_a_bounded_part_and_the_next_goes_on(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands are no long transaction; those that stay do not hide those that go."""
    monkeypatch.setattr(pruning, "_AT_ONCE", 2)
    put_many(store, 5, "pacs")
    commit_all(store, clock)
    store.retention.observe(60)
    store.retention.recycle(POLICY, now=clock())
    clock.time += 2 * KEEP_HISTORY
    left = []
    for _ in range(3):
        store.retention.prune(now=clock())
        left.append(count(store, schema.tombstone))
    assert left == [3, 1, 0]
