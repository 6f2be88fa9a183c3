"""Reports that come when what they name was deleted here: known, acknowledged, without effect."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from echonode.model.commitment import CommitmentReport, ReferencedInstance, TransactionEvent
from echonode.model.identity import CommitmentPolicy
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from echonode.store.values import ReportDisposition, ReportOutcome
from tests.unit.store.samples import (
    NOON,
    US_IMAGE,
    US_MULTI_FRAME,
    dataset,
    put,
    put_many,
    send_all,
)

APPLIED, DUPLICATE, REFUSED = ReportDisposition
AT_ONCE = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})
GONE = "1.2.3.4.1"


def ask(store: Store, uid: str, *, destination: str = "pacs") -> None:
    """Whatever is due there is sent and asked for."""
    jobs = [job.id for job in send_all(store, destination, NOON)]
    store.commitment.transactions.create(destination, uid, jobs, peer_ae_title="PACS", now=NOON)
    store.commitment.transactions.apply_event(uid, TransactionEvent.ACCEPTED, now=NOON)


def report(
    store: Store,
    uid: str,
    sop_instance_uid: str = GONE,
    *,
    ae_title: str = "PACS",
    sop_class_uid: str = US_IMAGE,
    reason: int | None = None,
) -> ReportOutcome:
    """One instance reported; reason: as failed."""
    item = ReferencedInstance(sop_class_uid=sop_class_uid, sop_instance_uid=sop_instance_uid)
    given = CommitmentReport(
        transaction_uid=uid,
        committed=(item,) if reason is None else (),
        failed={} if reason is None else {item: reason},
    )
    return store.commitment.reports.apply(ae_title, given, now=NOON)


def forget(store: Store) -> list[str]:
    """All that is promised is deleted here."""
    store.retention.observe(1)
    return [gone.sop_instance_uid for gone in store.retention.recycle(AT_ONCE, now=NOON)]


@pytest.fixture
def emptied(store: Store) -> Store:
    """Image 1 was promised in 2.25.1, and has gone."""
    put_many(store, 1, "pacs")
    ask(store, "2.25.1")
    assert report(store, "2.25.1").disposition is APPLIED
    assert forget(store) == [GONE]
    return store


@pytest.mark.slow
@pytest.mark.parametrize("reason", [None, 0x0112])
def test_the_same_report_again_is_a_duplicate(emptied: Store, reason: int | None) -> None:
    """An archive that missed our answer reports once more: it is answered as before, whatever it
    says by now, and no alarm is raised.
    """
    before = list(emptied.ledger.rows())
    assert report(emptied, "2.25.1", reason=reason).disposition is DUPLICATE
    assert list(emptied.ledger.rows()) == before
    assert emptied.statistics.store(since=NOON).refused_reports == 0


def test_the_report_on_an_earlier_request_is_a_duplicate_too(store: Store) -> None:
    """Asked twice, promised on the second request and deleted: then the first is reported."""
    put_many(store, 1, "pacs")
    ask(store, "2.25.1")
    store.commitment.transactions.apply_event("2.25.1", TransactionEvent.GIVE_UP, now=NOON)
    ask(store, "2.25.2")
    report(store, "2.25.2")
    assert forget(store) == [GONE]
    assert report(store, "2.25.1").disposition is not REFUSED
    assert report(store, "2.25.1").disposition is DUPLICATE


@pytest.mark.slow
def test_the_report_on_a_later_request_ends_it(store: Store) -> None:
    """Asked twice, promised on the first request and deleted: the second is reported at last, and
    is not awaited any longer.
    """
    put_many(store, 1, "pacs")
    ask(store, "2.25.1")
    store.commitment.transactions.apply_event("2.25.1", TransactionEvent.GIVE_UP, now=NOON)
    ask(store, "2.25.2")
    report(store, "2.25.1")
    assert forget(store) == [GONE]
    assert report(store, "2.25.2").disposition is not REFUSED
    assert store.commitment.transactions.list_open("pacs") == []


@pytest.mark.parametrize(
    "forged",
    [
        {"ae_title": "OTHER"},
        {"uid": "2.25.9"},
        {"sop_instance_uid": "1.2.3.4.9"},
        {"sop_class_uid": US_MULTI_FRAME},
    ],
)
def test_a_forged_report_of_what_has_gone_is_still_refused(
    emptied: Store, forged: dict[str, str]
) -> None:
    """Another AE, another transaction, an instance that never was here, another class."""
    given: dict[str, Any] = {"uid": "2.25.1"} | forged
    assert report(emptied, given.pop("uid"), **given).disposition is REFUSED
    assert emptied.statistics.store(since=NOON).refused_reports == 1


@pytest.mark.slow
def test_what_has_gone_says_nothing_about_what_is_awaited(emptied: Store) -> None:
    """A request that waits for another instance goes on waiting when the deleted one is reported
    on it, and that report is refused.
    """
    put(emptied, dataset(2), destinations=["pacs"])
    ask(emptied, "2.25.2")
    assert report(emptied, "2.25.2").disposition is REFUSED
    [waiting] = emptied.commitment.transactions.list_open("pacs")
    assert waiting.transaction_uid == "2.25.2"
    assert report(emptied, "2.25.2", "1.2.3.4.2").committed == ("1.2.3.4.2",)


@pytest.mark.slow
def test_an_old_report_does_not_commit_what_came_back(emptied: Store) -> None:
    """The instance is stored here again after its deletion: the promise of then is not of now."""
    put(emptied, dataset(1), destinations=["pacs"])
    ask(emptied, "2.25.2")
    assert report(emptied, "2.25.1").disposition is DUPLICATE
    states = [row.state for row in emptied.ledger.rows()]
    assert states == ["commit_requested"]


@pytest.mark.slow
def test_the_promise_of_one_archive_is_not_that_of_another(store: Store) -> None:
    """What has gone was never at this archive: its report is of nothing that we know."""
    put(store, dataset(1), destinations=["pacs"])
    put(store, dataset(2), destinations=["backup"])
    ask(store, "2.25.1")
    ask(store, "2.25.2", destination="backup")
    report(store, "2.25.1")
    assert forget(store) == [GONE]
    store.commitment.transactions.apply_event(
        "2.25.2", TransactionEvent.GIVE_UP, now=NOON + timedelta(hours=1)
    )
    assert report(store, "2.25.2").disposition is REFUSED
