"""Reports to a RIS what was performed (PS3.4 annex F, service class user): in the background.

Rules
- Never in the way of an image: it looks at what is durable already, on a thread of its own.
- A step begins with the first durable capture of an exam that has its patient, and is over when the
  exam has ended and what was captured is durable. It waits `settle_s` for that, so that an exam
  that was ended too early can be reopened: after the final N-SET nothing can be changed.
- Each attempt is written down before its message goes out, each answer as soon as it is there.
  After a kill the same UID is reported again, and the answers say what had arrived (answers.py).
- A peer that cannot be reached pauses all its steps; a step that is refused waits alone. One that
  was given up is tried again when the node starts: an operator may have acted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import random as random_number
from typing import Protocol

from pydicom.dataset import Dataset

from echonode.dimse.contexts import MPPS, ProposedContext
from echonode.dimse.requestor import RequestedAssociation
from echonode.errors import ContextNotAccepted, InvalidObject, NetworkError, StoreError
from echonode.exam.facts import facts_of
from echonode.exam.procedure_step.answers import Outcome, Verdict, judged, pause_s
from echonode.exam.procedure_step.attributes import (
    StepStation,
    created,
    creation,
    finished,
    modification,
    series_made,
)
from echonode.log import get_logger
from echonode.model import remedies
from echonode.model.backoff import PEER_STEPS_S, Random, step_s
from echonode.model.discontinuation import discontinuation
from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.identity import CallBackAddress, Peer
from echonode.model.procedure_step import (
    MPPS_CLASS,
    StepEvent,
    StepMessage,
    StepState,
    message_due,
    step_uid,
)
from echonode.objects.date_times import offset_of
from echonode.store.database.key_value import KeyValue
from echonode.store.exams.exams import Exams
from echonode.store.exams.procedure_steps import StepRow
from echonode.store.exams.step_reports import StepReports
from echonode.threads.recurring import RecurringThread

log = get_logger(__name__)

LOOK_EVERY_S = 2.0
# A clip that was under way when the exam ended is durable by then, or soon after; and a person
# who ended it by mistake has noticed.
SETTLE_S = 20.0
JITTER = 0.1
# For the thread to end after `stop`.
STOP_S = 3.0


class Associate(Protocol):
    """Opens an association (dimse.requestor.Requestor.associate)."""

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> RequestedAssociation:
        """Raises NetworkError."""


@dataclass(frozen=True, kw_only=True)
class ReporterStatus:
    """How reporting stands. problem: why the peer cannot get reports, and what to do; ''."""

    peer: str
    waiting: int = 0
    given_up: int = 0
    problem: str = ""


class StepReporter:
    """A thread of its own; `look` is what it does."""

    def __init__(
        self,
        *,
        peer: Peer,
        reports: StepReports,
        exams: Exams,
        notes: KeyValue,
        associate: Associate,
        station: StepStation,
        us: CallBackAddress,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        random: Random = random_number,
        settle_s: float = SETTLE_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self.peer = peer
        self._reports = reports
        self._exams = exams
        self._notes = notes
        self._associate = associate
        self._station = station
        self._us = us
        self._now = now
        self._monotonic = monotonic
        self._random = random
        self._settle = timedelta(seconds=settle_s)
        self._look_every_s = look_every_s
        self._since: datetime | None = None
        self._unreportable: set[str] = set()
        self._failures = 0
        self._paused_until = 0.0
        self._status = ReporterStatus(peer=peer.name)
        self._under_way: RequestedAssociation | None = None
        self._lock = threading.Lock()
        self._thread = RecurringThread(
            "procedure-steps", self._step, on_stalled=self._stalled, stalled_s=look_every_s
        )

    @property
    def status(self) -> ReporterStatus:
        """A snapshot."""
        return self._status

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look now: an exam changed, or a person asks again. Quick; does not raise."""
        self._thread.wake()

    def stop(self, deadline_s: float) -> bool:
        """End, breaking off a message under way; False when it did not in time.

        A RIS that does not answer our association request is left alone after STOP_S.
        """
        self._thread.ask_stop()
        with self._lock:
            if self._under_way is not None:
                self._under_way.break_off()
        return self._thread.join(min(deadline_s, STOP_S))

    def look(self) -> None:
        """Once around: new steps, steps that are over, messages that are due. Raises StoreError."""
        for exam_id in self._reports.unreported(self.peer.name, since=self._reporting_since()):
            self._alone(exam_id, partial(self._begin, exam_id))
        settled = self._now() - self._settle
        for row in self._reports.unfinished(self.peer.name, ended_before=settled):
            self._alone(row.exam_id, partial(self._finish, row))
        if self._monotonic() >= self._paused_until:
            self._send()
        if self._thread.is_stopping:
            return  # perhaps long after: the store may be closed
        waiting, given_up = self._reports.counts(self.peer.name)
        self._status = replace(self._status, waiting=waiting, given_up=given_up)

    # --- what is to be reported ---

    def _reporting_since(self) -> datetime:
        """Exams of before that are not reported: no RIS expects them any more."""
        if self._since is None:
            self._reports.retry_held(self.peer.name, now=self._now())
            key = f"procedure_steps_since {self.peer.name}"
            try:
                self._since = datetime.fromisoformat(self._notes.read(key))
            except ValueError:
                self._since = self._now()
                self._notes.write(key, self._since.isoformat())
        return self._since

    def _alone(self, exam_id: str, work: Callable[[], None]) -> None:
        """What one exam raises is that exam's failure: it is left out until the next start."""
        if exam_id in self._unreportable:
            return
        try:
            work()
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # the border of one step
            self._unreportable.add(exam_id)
            log.error("procedure_step_unreportable", exam=exam_id, reason=_plain(error))

    def _begin(self, exam_id: str) -> None:
        exam, first = self._exam_and_first_capture(exam_id)
        if exam is None or first is None:
            return
        facts = facts_of(exam, first, reports_step=True)
        dataset = created(facts, self._station, offset_of(facts.started_at))
        self._reports.begin(
            sop_instance_uid=step_uid(first.series_instance_uid),
            exam_id=exam_id,
            peer=self.peer.name,
            attributes=dataset.to_json(),
            now=self._now(),
        )
        log.info("procedure_step_begun", exam=exam_id, peer=self.peer.name)

    def _finish(self, row: StepRow) -> None:
        """The exam ended: completed, or given up with a reason."""
        exam, first = self._exam_and_first_capture(row.exam_id)
        if exam is None or first is None:
            return
        facts = facts_of(exam, first, reports_step=True)
        given_up = discontinuation(self._exams.events(row.exam_id))
        event = StepEvent.DISCONTINUED if given_up else StepEvent.COMPLETED
        dataset = finished(
            Dataset.from_json(row.attributes),
            series_made(self._reports.instances(row.exam_id)),
            self._station,
            protocol_name=facts.performed_step.protocol_name if facts.performed_step else "",
            ended_at=exam.ended_at or self._now(),
            offset=offset_of(facts.started_at),
            discontinued=given_up,
        )
        self._reports.finish(
            row.sop_instance_uid, event, attributes=dataset.to_json(), now=self._now()
        )
        log.info("procedure_step_over", exam=row.exam_id, state=event.value)

    def _exam_and_first_capture(self, exam_id: str) -> tuple[Exam | None, ExamCapture | None]:
        captures = self._exams.captures(exam_id)
        first = next((one for one in captures if one.kind is CaptureKind.CAPTURE), None)
        return self._exams.exam(exam_id), first

    # --- sending ---

    def _send(self) -> None:
        due = self._reports.due(self.peer.name, now=self._now())
        if not due or self._thread.is_stopping:
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
            self._status = replace(self._status, problem="")
        finally:
            with self._lock:
                self._under_way = None

    def _opened(self) -> RequestedAssociation:
        association = self._associate(self.peer, (MPPS,))
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
                message, answer.status, attempts=attempts, unseen_before=unseen, peer=self.peer
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
                peer=self.peer.name,
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
            peer=self.peer.name,
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
            remedy = remedies.no_service(self.peer, "procedure steps")
        else:
            remedy = remedies.no_query(error, self.peer, self._us)
        problem = f"{error}. {remedy}"
        if problem != self._status.problem and not self._thread.is_stopping:
            log.warning(
                "procedure_steps_unsent", peer=self.peer.name, reason=str(error), remedy=remedy
            )
        self._status = replace(self._status, problem=problem)

    def _step(self) -> float:
        self.look()
        return self._look_every_s

    def _stalled(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, StoreError) else type(error).__name__
        log.error("procedure_steps_stalled", reason=reason)


def _plain(error: Exception) -> str:
    """InvalidObject's text names attributes alone; another error's may quote a value."""
    return str(error) if isinstance(error, InvalidObject) else type(error).__name__
