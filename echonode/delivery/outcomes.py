"""What became of each instance: recorded, counted, and applied to the destination.

Rules
- status_table.py and retry.py decide; this carries the decision out. A failure is durable before
  its lane sends another instance. A success is durable soon after (outcome_writer.py). Each is
  logged once it is durable.
- Attempts are counted in memory, for each instance and kind of failure. A restart begins at 0,
  which can only mean more attempts, never fewer.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Callable

from echonode.delivery.blame import Blame
from echonode.delivery.context import DestinationContext
from echonode.delivery.outcome_writer import Outcome, OutcomeWriter
from echonode.delivery.retry import (
    Decision,
    after_own_failure,
    after_response,
    after_silence,
    remark_on_stored,
)
from echonode.delivery.status_table import Treatment
from echonode.delivery.storage_scu import SendOutcome
from echonode.errors import AssociationLost, IllegalTransition, NetworkError, UsageError
from echonode.log import get_logger
from echonode.model.delivery import DeliveryEvent
from echonode.model.identity import Destination
from echonode.store.values import Attempt, DeliveryJob

log = get_logger(__name__)


class OutcomeHandler:
    """The outcomes of all lanes of one destination. Thread-safe."""

    def __init__(self, context: DestinationContext, writer: OutcomeWriter) -> None:
        """writer: takes the successes; stored_logger makes its `written`."""
        self._destination = context.destination
        self._store = context.store
        self._health = context.health
        self._now = context.now
        self._random = context.random
        self._backoff = context.backoff
        self._writer = writer
        self._lock = threading.Lock()  # for the counts and the health
        self._blame = Blame()
        self._failures: defaultdict[int, Counter[Treatment]] = defaultdict(Counter)
        self._own_failures: Counter[int] = Counter()

    def answered(self, job: DeliveryJob, outcome: SendOutcome) -> None:
        """The archive answered the C-STORE."""
        with self._lock:
            decision = self._after_outcome(job, outcome)
        if decision.event is DeliveryEvent.STORED:
            self._stored(job, outcome)
        else:
            response = outcome.response
            self.settle(job, decision, response.about_instance)

    def _stored(self, job: DeliveryJob, outcome: SendOutcome) -> None:
        self._forget(job)
        status = outcome.response.about_instance
        attempt = Attempt(
            job_id=job.id,
            event=DeliveryEvent.STORED,
            status=status,
            error=remark_on_stored(outcome.verdict, status, outcome.derived),
            derived=outcome.derived,
        )
        self._writer.note(Outcome(job=job, attempt=attempt))

    def _after_outcome(self, job: DeliveryJob, outcome: SendOutcome) -> Decision:
        treatment = outcome.verdict.treatment
        decision = after_response(
            outcome.verdict,
            failures_before=self._failures[job.id][treatment],
            pauses_before=self._health.unable,
            now=self._now(),
            random=self._random,
            backoff=self._backoff,
        )
        self._health.answered()
        if decision.event is DeliveryEvent.STORED:
            self._health.stored()
            self._blame.stored(job.id)
        elif decision.pause_s:
            self._health.unable += 1
        self._failures[job.id][treatment] += 1
        return decision

    def lost(self, job: DeliveryJob, error: NetworkError) -> None:
        """The association ended before the answer."""
        with self._lock:
            by_peer = isinstance(error, AssociationLost) and error.by_peer
            decision = after_silence(
                error,
                blamed=self._blame.lost(job.id) if by_peer else 0,
                failures_before=self._failures[job.id][Treatment.RESEND],
                losses_before=self._health.lost,
                now=self._now(),
                random=self._random,
                backoff=self._backoff,
            )
            self._health.lost_association()
            self._failures[job.id][Treatment.RESEND] += 1
        self.settle(job, decision)

    def failed_here(self, job: DeliveryJob, error: Exception, *, is_of_instance: bool) -> None:
        """This node failed to send it: its disk, its memory, or an error of its code.

        is_of_instance: whether the instance is held when that goes on.
        """
        with self._lock:
            decision = after_own_failure(
                error,
                is_of_instance=is_of_instance,
                failures_before=self._own_failures[job.id],
                now=self._now(),
                random=self._random,
                backoff=self._backoff,
            )
            self._own_failures[job.id] += 1
        self.settle(job, decision)

    def settle(self, job: DeliveryJob, decision: Decision, status: int | None = None) -> None:
        """Make a failure durable, then pause the destination and log. Raises StoreError."""
        # The Error Comment of the archive is not kept: archives write patient names into it.
        attempt = Attempt(
            job_id=job.id,
            event=decision.event,
            status=status,
            error=decision.reason,
            next_attempt_at=decision.next_attempt_at,
        )
        try:
            self._store.record_attempts([attempt], now=self._now())
        except (IllegalTransition, UsageError) as error:
            # It was changed or deleted meanwhile, which takes precedence.
            log.warning("outcome_ignored", job=job.id, reason=str(error))
            return
        if decision.event is not DeliveryEvent.RETRY:
            self._forget(job)
        if decision.pause_s:
            with self._lock:
                self._health.pause(decision.pause_s)
        name = "job_retried" if decision.event is DeliveryEvent.RETRY else "job_held"
        _log_outcome(name, self._destination, job, attempt, alarm=decision.alarm)

    def _forget(self, job: DeliveryJob) -> None:
        with self._lock:
            self._blame.forget(job.id)
            self._failures.pop(job.id, None)
            self._own_failures.pop(job.id, None)


def stored_logger(destination: Destination) -> Callable[[Outcome], None]:
    """Logs `instance_sent` of each outcome; for OutcomeWriter's `written`."""
    return lambda outcome: _log_outcome(
        "instance_sent", destination, outcome.job, outcome.attempt, alarm=False
    )


def _log_outcome(
    name: str, destination: Destination, job: DeliveryJob, attempt: Attempt, *, alarm: bool
) -> None:
    again_at = attempt.next_attempt_at
    log.log(
        logging.ERROR if alarm else logging.INFO,
        name,
        sop_instance_uid=job.instance.sop_instance_uid,
        destination=destination.name,
        ae_title=destination.peer.ae_title,
        status=None if attempt.status is None else f"{attempt.status:04X}",
        reason=attempt.error,
        next_attempt_at=again_at.isoformat() if again_at else None,
        alarm=alarm,
    )
