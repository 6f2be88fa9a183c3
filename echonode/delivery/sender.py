"""Sends what is due to one destination and writes down how each instance fared.

Rules
- Everything is decided elsewhere (status_table, retry, negotiation); this obeys. The outcome of
  an instance is durable before the next one is sent, and logged after it is durable.
- What was claimed and not settled (stop, lost association, failing disk) goes back as
  INTERRUPTED: it does not stay `sending`, and no try is counted against it.
- Tries are counted in memory, for each instance and kind of failure: a restart begins the count
  anew, which can only mean more tries, never fewer.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from echonode.delivery.health import DestinationHealth
from echonode.delivery.line import Line
from echonode.delivery.ports import CheckBytes, DeliveryStore
from echonode.delivery.retry import (
    Backoff,
    Decision,
    Random,
    after_damage,
    after_own_failure,
    after_refused_contexts,
    after_response,
    after_silence,
    after_unreadable,
)
from echonode.delivery.status_table import Treatment
from echonode.delivery.storage_scu import SendOutcome, StorageSCU
from echonode.errors import (
    ContextNotAccepted,
    Damaged,
    IllegalTransition,
    InvalidObject,
    NetworkError,
)
from echonode.log import get_logger
from echonode.model.delivery import DeliveryEvent
from echonode.model.identity import Destination
from echonode.store.values import Attempt, DeliveryJob

# Claimed at once, in one transaction; also the most that a crash can make us send again.
BATCH = 100

log = get_logger(__name__)


class Sender:
    """The sending half of a worker, on its thread."""

    def __init__(
        self,
        destination: Destination,
        *,
        store: DeliveryStore,
        storage_scu: StorageSCU,
        check_bytes: CheckBytes | None,
        health: DestinationHealth,
        now: Callable[[], datetime],
        random: Random,
        backoff: Backoff,
    ) -> None:
        """`check_bytes` None: send without looking whether the bytes are still those stored."""
        self._destination = destination
        self._store = store
        self._storage_scu = storage_scu
        self._check_bytes = check_bytes
        self._health = health
        self._now = now
        self._random = random
        self._backoff = backoff
        self._claimed: deque[DeliveryJob] = deque()
        self._failures: defaultdict[int, Counter[Treatment]] = defaultdict(Counter)
        self._own_failures: Counter[int] = Counter()

    def send_due(self, line: Line, stopping: Callable[[], bool]) -> bool:
        """Send one batch; False where nothing was due. A failure may leave the destination paused.

        Raises what Line.get raises, with nothing left claimed, and StoreError: what could then not
        be put back is sent next time.
        """
        # While the destination may be down, claiming more than one would be in vain.
        limit = 1 if self._health.is_suspect and not line.is_open else BATCH
        self._claimed.extend(
            self._store.claim(self._destination.name, now=self._now(), limit=limit)
        )
        found = bool(self._claimed)
        try:
            while self._claimed and not stopping() and not self._health.paused_s():
                self._send_first(line)
        finally:
            self._put_back()
        return found

    def _put_back(self) -> None:
        interrupted = [
            Attempt(job_id=job.id, event=DeliveryEvent.INTERRUPTED) for job in self._claimed
        ]
        try:
            if interrupted:
                self._store.record_attempts(interrupted, now=self._now())
        except IllegalTransition:
            # One of them was moved by the operator's hand meanwhile; the others still go back.
            for attempt in interrupted:
                with suppress(IllegalTransition):
                    self._store.record_attempts([attempt], now=self._now())
        self._claimed.clear()

    def _send_first(self, line: Line) -> None:
        job = self._claimed[0]
        status = None
        decision = self._damage(job)
        if decision is None:
            decision, status = self._attempt(line, job)
        self._settle(job, decision, status)
        self._claimed.popleft()

    def _damage(self, job: DeliveryJob) -> Decision | None:
        """The decision on an instance whose bytes have changed; None where they have not."""
        try:
            if self._check_bytes is not None:
                self._check_bytes(job.instance)
        except Damaged as error:
            return after_damage(error)
        return None

    def _attempt(self, line: Line, job: DeliveryJob) -> tuple[Decision, int | None]:
        """Send one instance; the decision on it, and the status where there was an answer.

        Raises what Line.get raises: then nothing was sent.
        """
        try:
            opened = line.get([claimed.instance for claimed in self._claimed])
        except ContextNotAccepted as error:
            return after_refused_contexts(error), None
        try:
            outcome = self._storage_scu.send(opened.association, opened.negotiated, job.instance)
        except ContextNotAccepted as error:
            return after_refused_contexts(error), None
        except InvalidObject as error:
            return after_unreadable(error), None
        except OSError as error:
            return self._after_own_failure(job, error), None
        except Damaged as error:
            line.drop()  # half a message is out, nothing can follow it
            return after_damage(error), None
        except NetworkError as error:
            line.drop()
            return self._after_silence(job, error), None
        line.touch()
        return self._after_outcome(job, outcome), outcome.response.status

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
        elif decision.pause_s:
            self._health.unable += 1
        self._failures[job.id][treatment] += 1
        return decision

    def _after_silence(self, job: DeliveryJob, error: NetworkError) -> Decision:
        decision = after_silence(
            error,
            failures_before=self._failures[job.id][Treatment.RESEND],
            losses_before=self._health.lost,
            now=self._now(),
            random=self._random,
            backoff=self._backoff,
        )
        self._health.lost += 1
        self._failures[job.id][Treatment.RESEND] += 1
        return decision

    def _after_own_failure(self, job: DeliveryJob, error: OSError) -> Decision:
        decision = after_own_failure(
            error,
            failures_before=self._own_failures[job.id],
            now=self._now(),
            random=self._random,
            backoff=self._backoff,
        )
        self._own_failures[job.id] += 1
        return decision

    def _settle(self, job: DeliveryJob, decision: Decision, status: int | None) -> None:
        """Make the decision durable, then act on the destination and say so."""
        # The archive's Error Comment is kept nowhere: archives write names into it.
        try:
            self._store.record_attempt(
                job.id,
                decision.event,
                now=self._now(),
                status=status,
                error="" if status == 0x0000 else decision.reason,
                next_attempt_at=decision.next_attempt_at,
            )
        except IllegalTransition as error:
            # The operator's hand moved it meanwhile, and that goes before.
            log.warning("outcome_ignored", job=job.id, reason=str(error))
            return
        if decision.event is not DeliveryEvent.RETRY:
            self._failures.pop(job.id, None)
            self._own_failures.pop(job.id, None)
        if decision.pause_s:
            self._health.pause(decision.pause_s)
        self._log(job, decision, status)

    def _log(self, job: DeliveryJob, decision: Decision, status: int | None) -> None:
        name = {DeliveryEvent.STORED: "instance_sent", DeliveryEvent.RETRY: "job_retried"}.get(
            decision.event, "job_held"
        )
        log.log(
            logging.ERROR if decision.alarm else logging.INFO,
            name,
            sop_instance_uid=job.instance.sop_instance_uid,
            destination=self._destination.name,
            ae_title=self._destination.peer.ae_title,
            status=None if status is None else f"{status:04X}",
            reason=decision.reason,
            next_attempt_at=decision.next_attempt_at and decision.next_attempt_at.isoformat(),
            alarm=decision.alarm,
        )
