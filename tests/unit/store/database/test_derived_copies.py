"""Lossy copies sent in an instance's place: remembered, asked for, and never taken for it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from echonode.errors import Damaged
from echonode.model.commitment import CommitmentReport, ReferencedInstance
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import DerivedCopy, StoredInstance
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from echonode.store.values import Attempt, DeliveryJob, ReportDisposition, ReportOutcome
from tests.unit.store.samples import NOON, US_IMAGE, US_MULTI_FRAME, Clock, dataset, put, put_many

S = DeliveryState
JPEG = "1.2.840.10008.1.2.4.50"
ORIGINAL, COPY_UID = "1.2.3.4.1", "2.25.77"
COPY = DerivedCopy(
    sop_class_uid=US_IMAGE,
    sop_instance_uid=COPY_UID,
    transfer_syntax_uid=JPEG,
    dataset_sha256="c" * 64,
)
PROVED = f"the archive holds a lossy derived copy, {COPY_UID}; the original is kept here"
NEVER_ENOUGH = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})
ENOUGH = RetentionPolicy(
    keep_s=0,
    destinations={"pacs": CommitmentPolicy.REQUIRED},
    lossy_is_enough=frozenset({"pacs"}),
)


def send(store: Store, derived: DerivedCopy | None, *, now: datetime = NOON) -> DeliveryJob:
    """The archive gets what is due to it, in this form; the job as it is then."""
    [job] = store.deliveries.claim("pacs", now=now, limit=10)
    stored = Attempt(job_id=job.id, event=DeliveryEvent.STORED, status=0, derived=derived)
    store.deliveries.record_attempts([stored], now=now)
    return store.deliveries.of_instance(ORIGINAL)[0]


def ask(store: Store, job: DeliveryJob, uid: str = "2.25.1") -> None:
    store.commitment.transactions.create("pacs", uid, [job.id], peer_ae_title="PACS", now=NOON)


def promise(
    store: Store, sop_instance_uid: str, uid: str = "2.25.1", sop_class_uid: str = US_IMAGE
) -> ReportOutcome:
    """The archive's report that it keeps the instance of this UID."""
    item = ReferencedInstance(sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid)
    report = CommitmentReport(transaction_uid=uid, committed=(item,), failed={})
    return store.commitment.reports.apply("PACS", report, now=NOON)


def sent_copy(store: Store) -> DeliveryJob:
    """One image, of which the archive got a lossy copy and was asked to keep it."""
    put_many(store, 1, "pacs")
    job = send(store, COPY)
    ask(store, job)
    return job


def send_again(store: Store, job: DeliveryJob) -> None:
    """The archive says that it does not have it: it is due once more."""
    failed = ReferencedInstance(
        sop_class_uid=US_IMAGE, sop_instance_uid=job.sent_as.sop_instance_uid
    )
    report = CommitmentReport(transaction_uid="2.25.1", committed=(), failed={failed: 0x0112})
    store.commitment.reports.apply("PACS", report, now=NOON)


def test_what_was_sent_is_known_after_a_restart(data_dir: Path) -> None:
    """UID, class, transfer syntax and hash of the copy: a promise can still be asked for it."""
    with Store.open(data_dir, now=Clock()) as store:
        put_many(store, 1, "pacs")
        send(store, COPY)
    with Store.open(data_dir, now=Clock()) as store:
        [job] = store.deliveries.sent("pacs", limit=10)
        assert job.derived == COPY
        assert job.sent_as == ReferencedInstance(sop_class_uid=US_IMAGE, sop_instance_uid=COPY_UID)


def test_many_outcomes_at_once_each_keep_their_own_copy(store: Store) -> None:
    """Written together, and not mixed up."""
    put_many(store, 3, "pacs")
    jobs = store.deliveries.claim("pacs", now=NOON, limit=10)
    copies = [
        DerivedCopy(
            sop_class_uid=US_IMAGE,
            sop_instance_uid=f"2.25.{job.id}",
            transfer_syntax_uid=JPEG,
            dataset_sha256="c" * 64,
        )
        for job in jobs[:2]
    ]
    attempts = [
        Attempt(job_id=job.id, event=DeliveryEvent.STORED, status=0, derived=copy)
        for job, copy in zip(jobs, [*copies, None], strict=True)
    ]
    store.deliveries.record_attempts(attempts, now=NOON)
    assert [job.derived for job in store.deliveries.sent("pacs", limit=10)] == [*copies, None]
    assert store.statistics.lossy_copies() == {"pacs": 2}


def test_a_promise_of_the_copy_commits_and_says_of_what(store: Store) -> None:
    """The ledger's state is `committed`, with the copy's UID and that the original is kept."""
    sent_copy(store)
    outcome = promise(store, COPY_UID)
    assert (outcome.committed, dict(outcome.derived)) == ((ORIGINAL,), {ORIGINAL: COPY_UID})
    [row] = store.ledger.rows()
    assert (row.sop_instance_uid, row.state, row.committed_at) == (ORIGINAL, "committed", NOON)
    assert row.last_error == PROVED


def test_a_promise_of_the_original_is_no_answer(store: Store) -> None:
    """The archive never got it, and was not asked for it."""
    sent_copy(store)
    assert promise(store, ORIGINAL).disposition is ReportDisposition.REFUSED
    assert [row.state for row in store.ledger.rows()] == ["commit_requested"]


def test_the_copys_class_must_be_right(store: Store) -> None:
    """As that of any instance: a promise of something else counts for nothing."""
    sent_copy(store)
    assert promise(store, COPY_UID, sop_class_uid=US_MULTI_FRAME).committed == ()
    assert "committed" not in [row.state for row in store.ledger.rows()]


def test_a_changed_original_is_held_whatever_was_promised(data_dir: Path) -> None:
    """The copy was made of other bytes than those that lie here by now."""

    def changed(instance: StoredInstance) -> None:
        raise Damaged("the bytes have changed")

    with Store.open(data_dir, now=Clock(), check_bytes=changed) as store:
        sent_copy(store)
        assert promise(store, COPY_UID).damaged == (ORIGINAL,)
        assert [row.state for row in store.ledger.rows()] == ["held"]


def test_a_failed_copy_is_sent_again(store: Store) -> None:
    """A report that names the copy as failed is about this delivery."""
    send_again(store, sent_copy(store))
    assert [row.state for row in store.ledger.rows()] == ["queued"]


@pytest.mark.parametrize(("first", "then"), [(COPY, None), (None, COPY)])
def test_a_late_promise_counts_only_for_what_the_archive_has_by_now(
    store: Store, first: DerivedCopy | None, then: DerivedCopy | None
) -> None:
    """Sent as a copy, then as the original, or the other way: the first one's promise is not the
    second one's. It is taken (answered 0000), and changes nothing.
    """
    put_many(store, 1, "pacs")
    job = send(store, first)
    ask(store, job)
    send_again(store, job)
    again = send(store, then)
    assert again.derived == then
    assert promise(store, job.sent_as.sop_instance_uid).disposition is ReportDisposition.DUPLICATE
    assert [row.state for row in store.ledger.rows()] == ["sent"]
    ask(store, again, uid="2.25.2")
    promise(store, again.sent_as.sop_instance_uid, uid="2.25.2")
    assert [row.last_error for row in store.ledger.rows()] == [PROVED if then else ""]


def recycle(store: Store, policy: RetentionPolicy) -> list[str]:
    store.retention.observe(0)
    store.retention.observe(60)
    return [gone.sop_instance_uid for gone in store.retention.recycle(policy, now=NOON)]


def test_the_original_stays_however_well_the_copy_is_kept(store: Store, data_dir: Path) -> None:
    """The archive promised the copy, the grace period is over: the only lossless one is here."""
    sent_copy(store)
    promise(store, COPY_UID)
    assert recycle(store, NEVER_ENOUGH) == []
    assert store.index.instance(ORIGINAL) is not None
    assert len(list((data_dir / "instances").rglob("*.dcm"))) == 1


def test_the_original_goes_where_the_profile_says_that_the_copy_is_enough(store: Store) -> None:
    """The ledger goes on to say that the archive has a lossy copy, and that ours was deleted."""
    sent_copy(store)
    promise(store, COPY_UID)
    assert recycle(store, ENOUGH) == [ORIGINAL]
    [row] = store.ledger.rows()
    assert (row.state, row.committed_at) == ("committed", NOON)
    assert row.last_error == (
        f"the archive holds a lossy derived copy, {COPY_UID}; the original was deleted here"
    )


def test_an_instance_that_went_itself_leaves_no_remark(store: Store) -> None:
    """With a lossy archive present, a lossless one is shown as before."""
    put_many(store, 1, "pacs")
    ask(store, send(store, None))
    promise(store, ORIGINAL)
    assert recycle(store, NEVER_ENOUGH) == [ORIGINAL]
    assert [row.last_error for row in store.ledger.rows()] == [""]


@pytest.mark.slow
def test_the_same_report_after_the_deletion_is_a_duplicate(store: Store) -> None:
    """An archive that did not see our answer reports again: it is not told that it lies."""
    sent_copy(store)
    promise(store, COPY_UID)
    recycle(store, ENOUGH)
    assert promise(store, COPY_UID).disposition is ReportDisposition.DUPLICATE
    assert promise(store, ORIGINAL).disposition is ReportDisposition.REFUSED


def test_what_was_deleted_with_a_copy_can_come_again(store: Store) -> None:
    """The same bytes stored once more begin again: queued, and no copy of theirs was sent."""
    sent_copy(store)
    promise(store, COPY_UID)
    recycle(store, ENOUGH)
    put(store, dataset(1), destinations=["pacs"])
    [job] = store.deliveries.of_instance(ORIGINAL)
    assert (job.state, job.derived) == (S.QUEUED, None)
