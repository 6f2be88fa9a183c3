"""A report that a preflight waits for is its own, and no other."""

from __future__ import annotations

from echonode.model.commitment import CommitmentReport
from echonode.model.identity import Peer
from echonode.monitoring.preflight.pending_reports import PendingReports

PACS, OTHER = (
    Peer(name=name, ae_title=name.upper(), host="127.0.0.1", port=104, may=frozenset())
    for name in ("pacs", "other")
)


def report(uid: str) -> CommitmentReport:
    return CommitmentReport(transaction_uid=uid, committed=(), failed={})


def test_only_the_transaction_that_is_waited_for_is_taken() -> None:
    """All others are the node's, before, meanwhile and after."""
    reports = PendingReports()
    assert reports.take(PACS, report("2.25.1")) is None
    awaited = reports.expect("2.25.1", PACS)
    assert reports.take(PACS, report("2.25.2")) is None
    assert not awaited.came.is_set()
    assert reports.take(PACS, report("2.25.1")) == 0x0000
    assert awaited.came.is_set()
    reports.forget("2.25.1")
    assert reports.take(PACS, report("2.25.1")) is None


def test_a_report_from_another_ae_is_not_taken_and_is_told() -> None:
    """An archive that reports under another AE title is a fault with a remedy of its own."""
    reports = PendingReports()
    awaited = reports.expect("2.25.1", PACS)
    assert reports.take(OTHER, report("2.25.1")) is None
    assert (awaited.report, awaited.from_another) == (None, "OTHER")
