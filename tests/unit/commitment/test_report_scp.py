"""Answering the archives' reports."""

from __future__ import annotations

import pytest

from echonode.commitment.report_scp import ReportSCP
from echonode.errors import OutOfSpace, StoreError
from echonode.model.commitment import CommitmentReport
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.values import ReportDisposition, ReportOutcome
from tests.support.clock import Clock
from tests.support.log_recorder import Recorder
from tests.unit.commitment.doubles import FakeReports, delivery_job, peer, referenced

REPORT = CommitmentReport(transaction_uid="2.25.1", committed=(referenced(1),), failed={})
D = ReportDisposition


class Reporting:
    """A ReportSCP over a scripted store."""

    def __init__(self, outcome: ReportOutcome | Exception) -> None:
        self.store = FakeReports(outcome)
        self.woken: list[str] = []
        self.scp = ReportSCP(
            store=self.store, wake=self.woken.append, now=Clock().now, random=lambda: 0.0
        )


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (ReportOutcome(disposition=D.APPLIED, destination="pacs"), 0x0000),
        (ReportOutcome(disposition=D.DUPLICATE, destination="pacs"), 0x0000),
        (ReportOutcome(disposition=D.REFUSED, reason="not ours"), 0x0115),
        (StoreError("the database failed"), 0x0110),
        (OutOfSpace("disk full"), 0x0110),
    ],
)
def test_each_outcome_has_its_status(
    lines: Recorder, outcome: ReportOutcome | Exception, status: int
) -> None:
    """0000 only for what is durable; 0110 makes the archive send it again; 0115 refuses."""
    reporting = Reporting(outcome)
    assert reporting.scp(peer(), REPORT) == status
    assert reporting.store.asked == [("PACS", REPORT)]


def test_what_became_committed_is_logged_for_each_instance(lines: Recorder) -> None:
    """One line for each instance, after it is durable."""
    outcome = ReportOutcome(
        disposition=D.APPLIED, destination="pacs", committed=("1.2.3.1", "1.2.3.2")
    )
    Reporting(outcome).scp(peer(), REPORT)
    committed = [line["sop_instance_uid"] for line in lines.named("instance_committed")]
    assert committed == ["1.2.3.1", "1.2.3.2"]


def test_a_promise_of_a_lossy_copy_is_logged_as_one(lines: Recorder) -> None:
    """The line has the original's UID and the copy's: that is what the archive keeps."""
    outcome = ReportOutcome(
        disposition=D.APPLIED,
        destination="pacs",
        committed=("1.2.3.1", "1.2.3.2"),
        derived={"1.2.3.2": "2.25.7"},
    )
    Reporting(outcome).scp(peer(), REPORT)
    logged = lines.named("instance_committed")
    assert [line["derived_sop_instance_uid"] for line in logged] == [None, "2.25.7"]


def test_a_duplicate_says_nothing_again(lines: Recorder) -> None:
    """The second copy of a report changes nothing and logs no commitment."""
    Reporting(ReportOutcome(disposition=D.DUPLICATE, destination="pacs")).scp(peer(), REPORT)
    assert not lines.named("instance_committed")


@pytest.mark.parametrize(
    ("state", "event"), [(DeliveryState.QUEUED, "job_retried"), (DeliveryState.HELD, "job_held")]
)
def test_what_was_not_committed_is_logged_with_its_consequence(
    lines: Recorder, state: DeliveryState, event: str
) -> None:
    """The failure, its reason and what happens next are said, and the worker is woken."""
    job = delivery_job(1, state=state, last_error="not committed: lost (0112)")
    outcome = ReportOutcome(disposition=D.APPLIED, destination="pacs", failed=((job, 0x0112),))
    reporting = Reporting(outcome)
    reporting.scp(peer(), REPORT)
    assert lines.named("commitment_failed")[0]["failure_reason"] == "0112"
    assert lines.named(event)[0]["reason"] == "not committed: lost (0112)"
    assert reporting.woken == ["pacs"]


def test_a_promise_for_bytes_that_changed_here_rings(lines: Recorder) -> None:
    """The archive keeps what we no longer have: a person must look."""
    outcome = ReportOutcome(disposition=D.APPLIED, destination="pacs", damaged=("1.2.3.1",))
    Reporting(outcome).scp(peer(), REPORT)
    assert lines.named("job_held")[0]["alarm"] is True


def test_a_forged_report_is_recorded_and_its_text_is_not(lines: Recorder) -> None:
    """A refused report rings with the sender's AE; free text in its UID does not reach the log."""
    report = CommitmentReport(transaction_uid="DOE^JANE\n", committed=(), failed={})
    Reporting(ReportOutcome(disposition=D.REFUSED, reason="unknown")).scp(peer("evil"), report)
    (line,) = lines.named("commitment_failed")
    assert (line["ae_title"], line["alarm"]) == ("EVIL", True)
    assert "DOE" not in repr(line)


def test_failures_are_decided_by_the_table(lines: Recorder) -> None:
    """The store asks this room what each Failure Reason leads to, inside its transaction."""
    reporting = Reporting(ReportOutcome(disposition=D.APPLIED, destination="pacs"))
    reporting.scp(peer(), REPORT)
    decide = reporting.store.decide
    assert decide is not None
    assert decide(delivery_job(1, asked=1), 0x0112).event is DeliveryEvent.NOT_COMMITTED
    assert decide(delivery_job(1, asked=1), 0x0119).event is DeliveryEvent.HOLD
    assert decide(delivery_job(1, asked=1), None).event is DeliveryEvent.REQUEST_LOST
