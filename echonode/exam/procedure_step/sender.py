"""Sends procedure steps to a RIS, one association for all that are due.

Rules
- Each attempt is written down before its message goes out, each answer as soon as it is there.
  After a kill the same UID is reported again, and the answers say what had arrived (answers.py).
- A peer that cannot be reached pauses all its steps; a step that is refused waits alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pydicom.dataset import Dataset

from echonode.dimse.contexts import MPPS, ProposedContext
from echonode.dimse.requested_association import RequestedAssociation
from echonode.errors import ContextNotAccepted, NetworkError, StoreError
from echonode.exam.procedure_step.answers import Outcome, Verdict, judged, pause_s
from echonode.exam.procedure_step.attributes import creation, modification
from echonode.log import get_logger
from echonode.model import remedies
from echonode.model.backoff import PEER_STEPS_S, Random, step_s
from echonode.model.identity import CallBackAddress, Peer
from echonode.model.procedure_step import MPPS_CLASS, StepMessage, StepState, message_due
from echonode.store.exams.procedure_steps import StepRow
from echonode.store.exams.step_reports import StepReports

log = get_logger(__name__)

JITTER = 0.1


class Associate(Protocol):
    """Opens an association (dimse.requestor.Requestor.associate)."""

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> RequestedAssociation:
        """Raises NetworkError."""


class StepSender:
    """Used by one thread, except `break_off` and `problem`.

    is_stopping: whether the node stops: then nothing more begins, and a failure is not logged.
    """

    def __init__(
        self,
        *,
        peer: Peer,
        reports: StepReports,
        associate: Associate,
        us: CallBackAddress,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        random: Random,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._peer = peer
        self._reports = reports
        self._associate = associate
        self._us = us
        self._now = now
        self._monotonic = monotonic
        self._random = random
        self._is_stopping = is_stopping
        self._failures = 0
        self._paused_until = 0.0
        self._problem = ""
        self._under_way: RequestedAssociation | None = None
        self._lock = threading.Lock()

    @property
    def problem(self) -> str:
        """Why the peer cannot get reports, and what to do; '' where it can."""
        return self._problem

    def break_off(self) -> None:
        """End a message under way; from any thread."""
        with self._lock:
            if self._under_way is not None:
                self._under_way.break_off()

    def send_due(self) -> None:
        """Report every step that is due, unless the peer is paused. Raises StoreError."""
        if self._monotonic() < self._paused_until:
            return
        due = self._reports.due(self._peer.name, now=self._now())
        if not due or self._is_stopping():
            return
        try:
            association = self._opened()
        except NetworkError as error:
            self._pause(error)
            return
        try:
            with association:
                for row in due:
                    self._report_alone(association, row)
        except NetworkError as error:
            self._pause(error)
        else:
            self._failures = 0
            self._problem = ""
        finally:
            with self._lock:
                self._under_way = None

    def _opened(self) -> RequestedAssociation:
        association = self._associate(self._peer, (MPPS,))
        with self._lock:
            self._under_way = association
        return association

    def _report_alone(self, association: RequestedAssociation, row: StepRow) -> None:
        """An error of our own code for one step is that step's."""
        try:
            self._report(association, row)
        except (NetworkError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # the border of one step
            reason = f"this node failed to report it: {type(error).__name__}"
            self._postpone(row, Verdict(outcome=Outcome.GIVEN_UP, reason=reason), row.attempts)

    def _report(self, association: RequestedAssociation, row: StepRow) -> None:
        """Both messages where both are due. Raises NetworkError where no answer came."""
        state = StepState(row.state)
        acknowledged = StepState(row.acknowledged) if row.acknowledged else None
        unseen = row.attempts > 0 and row.last_status is None
        while (message := message_due(state, acknowledged)) is not None:
            attempts = self._reports.attempt(row.sop_instance_uid)
            known = Dataset.from_json(row.attributes)
            try:
                if message is StepMessage.CREATE:
                    answer = association.n_create(MPPS_CLASS, row.sop_instance_uid, creation(known))
                else:
                    answer = association.n_set(
                        MPPS_CLASS, row.sop_instance_uid, modification(known)
                    )
            except NetworkError as error:
                self._postpone(row, Verdict(outcome=Outcome.RETRY, reason=str(error)), attempts)
                raise
            verdict = judged(
                message, answer.status, attempts=attempts, unseen_before=unseen, peer=self._peer
            )
            unseen = False
            if verdict.outcome is not Outcome.ACKNOWLEDGED:
                self._postpone(row, verdict, attempts, status=answer.status)
                return
            acknowledged = StepState.IN_PROGRESS if message is StepMessage.CREATE else state
            self._reports.acknowledge(
                row.sop_instance_uid, acknowledged, status=answer.status, now=self._now()
            )
            log.info(
                "procedure_step_reported",
                exam=row.exam_id,
                peer=self._peer.name,
                state=acknowledged.value,
                status=f"{answer.status:04X}",
            )

    def _postpone(
        self, row: StepRow, verdict: Verdict, attempts: int, *, status: int | None = None
    ) -> None:
        given_up = verdict.outcome is Outcome.GIVEN_UP
        wait = timedelta(seconds=verdict.pause_s or pause_s(attempts))
        self._reports.postpone(
            row.sop_instance_uid,
            error=f"{verdict.reason}. {verdict.remedy}" if verdict.remedy else verdict.reason,
            next_attempt_at=None if given_up else self._now() + wait,
            status=status,
            forget_creation=verdict.outcome is Outcome.BEGIN_AGAIN,
        )
        log.log(
            logging.ERROR if given_up else logging.WARNING,
            "procedure_step_held" if given_up else "procedure_step_retried",
            exam=row.exam_id,
            peer=self._peer.name,
            attempts=attempts,
            reason=verdict.reason,
            remedy=verdict.remedy,
            alarm=given_up,
        )

    def _pause(self, error: NetworkError) -> None:
        pause_s = step_s(PEER_STEPS_S, self._failures, self._random, jitter=JITTER)
        self._failures += 1
        self._paused_until = self._monotonic() + pause_s
        if isinstance(error, ContextNotAccepted):
            remedy = remedies.no_service(self._peer, "procedure steps")
        else:
            remedy = remedies.no_query(error, self._peer, self._us)
        problem = f"{error}. {remedy}"
        if problem != self._problem and not self._is_stopping():
            log.warning(
                "procedure_steps_unsent", peer=self._peer.name, reason=str(error), remedy=remedy
            )
        self._problem = problem
