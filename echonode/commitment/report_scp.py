"""Taking the archives' reports: N-EVENT-REPORT on any association (PS3.4 J.3.3).

Rules
- 0000 is answered only after the database has committed; where it could not, 0110, so that the
  archive sends the report again. A duplicate is answered 0000 and changes nothing.
- A report counts only where the store finds that it is for us: from that destination's AE, for a
  transaction of ours and the instances it names. Any other is refused, recorded and logged.
- The sender of a refused report gets the same answer for an unknown transaction and for one of
  another archive.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime

from echonode.commitment.ports import Wake
from echonode.commitment.schedule import after_failure, rule_for
from echonode.errors import StoreError
from echonode.log import get_logger
from echonode.model.backoff import Random
from echonode.model.commitment import CommitmentReport
from echonode.model.delivery import DeliveryState
from echonode.model.identity import Peer, is_valid_uid
from echonode.model.status import INVALID_ARGUMENT_VALUE, PROCESSING_FAILURE, SUCCESS
from echonode.store.commitment.reports import Reports
from echonode.store.values import DeliveryJob, FailureAction, ReportDisposition, ReportOutcome

log = get_logger(__name__)


class ReportSCP:
    """Answers commitment reports; called on any association's thread."""

    def __init__(
        self,
        *,
        store: Reports,
        wake: Wake,
        now: Callable[[], datetime],
        random: Random,
        committed: Callable[[str, float], None] = lambda destination, seconds: None,
    ) -> None:
        """wake: called with the destination whose deliveries a report made due.

        committed: called for each instance with its destination and the seconds since it was taken.
        """
        self._store = store
        self._wake = wake
        self._now = now
        self._random = random
        self._committed = committed

    def __call__(self, caller: Peer, report: CommitmentReport) -> int:
        """Apply `report` and return the status to answer."""
        try:
            outcome = self._store.apply(
                caller.ae_title, report, now=self._now(), decide=self._decide
            )
        except StoreError as error:
            _log_failure(caller, report, reason=f"the report was not kept: {error}", alarm=True)
            return PROCESSING_FAILURE
        if outcome.disposition is ReportDisposition.REFUSED:
            _log_failure(caller, report, reason=f"refused: {outcome.reason}", alarm=True)
            return INVALID_ARGUMENT_VALUE
        for seconds in outcome.committed_after_s:
            self._committed(outcome.destination, seconds)
        self._log_applied(caller, report, outcome)
        if outcome.failed:
            self._wake(outcome.destination)
        return SUCCESS

    def _decide(self, job: DeliveryJob, reason: int | None) -> FailureAction:
        return after_failure(job, reason, now=self._now(), random=self._random)

    def _log_applied(self, caller: Peer, report: CommitmentReport, outcome: ReportOutcome) -> None:
        whose = {
            "destination": outcome.destination,
            "ae_title": caller.ae_title,
            "transaction_uid": report.transaction_uid,
        }
        for sop_instance_uid in outcome.committed:
            log.info(
                "instance_committed",
                sop_instance_uid=sop_instance_uid,
                # Where the archive has committed to a lossy copy in its place.
                derived_sop_instance_uid=outcome.derived.get(sop_instance_uid),
                **whose,
            )
        for job, failure_reason in outcome.failed:
            log.warning(
                "commitment_failed",
                sop_instance_uid=job.instance.sop_instance_uid,
                failure_reason=None if failure_reason is None else f"{failure_reason:04X}",
                reason=rule_for(failure_reason).meaning,
                **whose,
            )
            _log_consequence(job)
        for sop_instance_uid in outcome.noted:
            log.info(
                "commitment_noted",
                sop_instance_uid=sop_instance_uid,
                reason="it is held here; released, it is committed and not sent again",
                **whose,
            )
        for sop_instance_uid in outcome.damaged:
            log.error(
                "job_held",
                sop_instance_uid=sop_instance_uid,
                reason="the archive commits, but our bytes have changed since they were sent",
                alarm=True,
                **whose,
            )


def _log_consequence(job: DeliveryJob) -> None:
    """Log the new state of a delivery that was not committed."""
    held = job.state is DeliveryState.HELD
    log.log(
        logging.ERROR if held else logging.INFO,
        "job_held" if held else "job_retried",
        sop_instance_uid=job.instance.sop_instance_uid,
        destination=job.destination,
        state=str(job.state),
        reason=job.last_error,
        next_attempt_at=job.next_attempt_at and job.next_attempt_at.isoformat(),
        alarm=held,
    )


def _log_failure(caller: Peer, report: CommitmentReport, *, reason: str, alarm: bool) -> None:
    """A report that changed nothing. Its Transaction UID is logged only if it is a UID."""
    uid = report.transaction_uid
    log.error(
        "commitment_failed",
        ae_title=caller.ae_title,
        transaction_uid=uid if is_valid_uid(uid) else "not a UID",
        committed=len(report.committed),
        failed=len(report.failed),
        reason=reason,
        alarm=alarm,
    )
