"""When to request again, and what each Failure Reason leads to. Pure: (facts, now).

Rules
- A report may take days (PS3.4 J.3.3 sets no limit). Without one, commitment is requested
  again under a new Transaction UID, 1 h, 6 h and 24 h after the first request and then daily. At
  24 h an alarm informs the operator: the usual cause is that the archive cannot call back.
- A report that came while the node was down is lost: Orthanc and others send it once. A request
  from before the last start is repeated soon after it, unless its report comes first.
- A report that was due when an archive restarted, or broke an association off, may never come
  either. Once the archive answers again the request is repeated soon, and after a longer time with
  each request that brought no report.
- Nothing here ever leads to a deletion: what is not committed is kept.

Failure Reasons: PS3.3 C.14.1.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from echonode.model.backoff import Doubling, Random
from echonode.model.commitment import FailureReason, TransactionState
from echonode.model.delivery import DeliveryEvent
from echonode.store.values import DeliveryJob, FailureAction, Transaction

_HOUR_S = 3600.0
# Counted from the first request for an instance, however often it was repeated.
ASK_AGAIN_AFTER_S = (1 * _HOUR_S, 6 * _HOUR_S, 24 * _HOUR_S)
_DAILY_S = 24 * _HOUR_S
# A request that was refused for long and then taken is not repeated at once.
_LEAST_WAIT_S = 1 * _HOUR_S
ALARM_AFTER = timedelta(hours=24)
# After a start: the archive may be about to report again, and a late report is as good.
AFTER_START_S = 15.0
# After the archive answers again: it may be about to send the reports that it kept.
AFTER_BACK_S = 15.0
_AFTER_BACK = Doubling(first_s=AFTER_BACK_S, cap_s=30 * 24 * _HOUR_S, jitter=0.0)
# An instance that the archive did not have in so many reports is not sent once more.
RESENDS = 3

_BACKOFF = Doubling(first_s=30.0, cap_s=6 * _HOUR_S)


def backoff_s(failures_before: int, random: Random) -> float:
    """The delay after so many failures: 30 s doubling up to 6 h, with jitter."""
    return _BACKOFF.delay_s(failures_before, random)


def report_overdue_in_s(
    transaction: Transaction,
    now: datetime,
    *,
    node_started_at: datetime,
    back_at: datetime | None = None,
) -> float:
    """Seconds until an unreported transaction is to be given up for a new one; 0: now.

    back_at: when the archive last answered again after an outage.
    """
    if transaction.state is TransactionState.CREATED:
        # A stop between the row and the answer: whether the archive has the request is unknown.
        return 0.0
    asked_s = (transaction.requested_at - transaction.first_requested_at).total_seconds()
    awaited_s = max(_LEAST_WAIT_S, _next_point_s(asked_s) - asked_s)
    elapsed_s = (now - transaction.requested_at).total_seconds()
    if elapsed_s < -awaited_s:
        return 0.0  # the clock was set back: one request too many is better than none for a year
    overdue_s = max(0.0, awaited_s - elapsed_s)
    if transaction.requested_at < node_started_at:
        overdue_s = min(overdue_s, AFTER_START_S - (now - node_started_at).total_seconds())
    if back_at is not None and transaction.requested_at < back_at:
        # Else an archive that breaks off now and then would get a request each time.
        wait_s = _AFTER_BACK.delay_s(transaction.times_asked - 1, lambda: 0.0)
        overdue_s = min(overdue_s, wait_s - (now - back_at).total_seconds())
    return max(0.0, overdue_s)


def _next_point_s(asked_s: float) -> float:
    """The first point of the schedule after a request made `asked_s` after the first one."""
    for point_s in ASK_AGAIN_AFTER_S:
        if point_s > asked_s:
            return point_s
    return (asked_s // _DAILY_S + 1) * _DAILY_S


def is_alarming(transaction: Transaction, now: datetime) -> bool:
    """Whether the report is so late that a person should look."""
    return now - transaction.first_requested_at >= ALARM_AFTER


@dataclass(frozen=True, kw_only=True)
class FailureRule:
    """What a Failure Reason leads to.

    event: NOT_COMMITTED sends the instance again, REQUEST_LOST only repeats the request, HOLD needs
    a person. limit: from so many failed reports on, it is held after all; None: never.
    """

    event: DeliveryEvent
    meaning: str
    limit: int | None = None


_ASK_AGAIN = DeliveryEvent.REQUEST_LOST
FAILURE_RULES: Mapping[int, FailureRule] = MappingProxyType(
    {
        FailureReason.NO_SUCH_OBJECT_INSTANCE: FailureRule(
            event=DeliveryEvent.NOT_COMMITTED,
            meaning="the archive does not have the instance",
            limit=RESENDS,
        ),
        FailureReason.PROCESSING_FAILURE: FailureRule(
            event=_ASK_AGAIN, meaning="the archive failed to process the request"
        ),
        FailureReason.RESOURCE_LIMITATION: FailureRule(
            event=_ASK_AGAIN, meaning="the archive lacks the resources to commit"
        ),
        FailureReason.DUPLICATE_TRANSACTION_UID: FailureRule(
            event=_ASK_AGAIN, meaning="the archive says that the Transaction UID was used before"
        ),
        FailureReason.CLASS_INSTANCE_CONFLICT: FailureRule(
            event=DeliveryEvent.HOLD, meaning="the archive has the instance under another SOP class"
        ),
        FailureReason.REFERENCED_SOP_CLASS_NOT_SUPPORTED: FailureRule(
            event=DeliveryEvent.HOLD,
            meaning="the archive never commits to this SOP class; the local copy stays",
        ),
    }
)
_LEFT_OUT = FailureRule(event=_ASK_AGAIN, meaning="the report left the instance out")
_UNKNOWN = FailureRule(event=_ASK_AGAIN, meaning="the report gives an unknown reason")


def rule_for(reason: int | None) -> FailureRule:
    """The rule for a Failure Reason as sent; None where the report left the instance out."""
    return _LEFT_OUT if reason is None else FAILURE_RULES.get(reason, _UNKNOWN)


def after_failure(
    job: DeliveryJob, reason: int | None, *, now: datetime, random: Random
) -> FailureAction:
    """What to do with a delivery that a report did not commit; `job` as before the report."""
    rule = rule_for(reason)
    failed_before = job.commitments_failed
    code = "" if reason is None else f" ({reason:04X})"
    error = f"not committed: {rule.meaning}{code}"
    if rule.limit is not None and failed_before >= rule.limit:
        return FailureAction(event=DeliveryEvent.HOLD, error=f"{error}, {failed_before + 1} times")
    if rule.event is DeliveryEvent.HOLD:
        return FailureAction(event=DeliveryEvent.HOLD, error=error)
    if rule.event is DeliveryEvent.NOT_COMMITTED:
        # What the archive lost is sent again at once; a second loss has a cause.
        delay_s = backoff_s(failed_before - 1, random) if failed_before else 0.0
    else:
        delay_s = backoff_s(max(0, job.commitments_asked - 1), random)
    return FailureAction(
        event=rule.event, next_attempt_at=now + timedelta(seconds=delay_s), error=error
    )
