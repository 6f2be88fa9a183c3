"""Reports to a RIS what was performed (PS3.4 annex F, service class user): in the background.

Rules
- Never in the way of an image: it looks at what is durable already, on a thread of its own.
- A step begins with the first durable capture of an exam that has its patient, and is over when the
  exam has ended and what was captured is durable. It waits `settle_s` for that, so that an exam
  that was ended too early can be reopened: after the final N-SET nothing can be changed.
- A step that was given up is tried again when the node starts: an operator may have acted.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from random import random as random_number

from pydicom.dataset import Dataset

from echonode.errors import InvalidObject, StoreError
from echonode.exam.facts import facts_of
from echonode.exam.procedure_step.attributes import (
    StepStation,
    created,
    finished,
    series_made,
)
from echonode.exam.procedure_step.sender import Associate, StepSender
from echonode.log import get_logger
from echonode.model.backoff import Random
from echonode.model.discontinuation import discontinuation
from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.identity import CallBackAddress, Peer
from echonode.model.procedure_step import (
    StepEvent,
    step_uid,
)
from echonode.objects.date_times import offset_of
from echonode.store.database.key_value import KeyValue
from echonode.store.exams.exams import Exams
from echonode.store.exams.procedure_steps import StepRow
from echonode.store.exams.step_reports import StepReports
from echonode.threads import RecurringThread

log = get_logger(__name__)

LOOK_EVERY_S = 2.0
# A clip that was under way when the exam ended is durable by then, or soon after; and a person
# who ended it by mistake has noticed.
SETTLE_S = 20.0
# For the thread to end after `stop`.
STOP_S = 3.0


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
        self._station = station
        self._now = now
        self._settle = timedelta(seconds=settle_s)
        self._look_every_s = look_every_s
        self._since: datetime | None = None
        self._unreportable: set[str] = set()
        self._status = ReporterStatus(peer=peer.name)
        self._thread = RecurringThread(
            "procedure-steps", self._step, on_stalled=self._stalled, stalled_s=look_every_s
        )
        self._sender = StepSender(
            peer=peer,
            reports=reports,
            associate=associate,
            us=us,
            now=now,
            monotonic=monotonic,
            random=random,
            is_stopping=lambda: self._thread.is_stopping,
        )

    @property
    def status(self) -> ReporterStatus:
        """A snapshot."""
        return replace(self._status, problem=self._sender.problem)

    def only_while(self, may: Callable[[], bool]) -> None:
        """Work only while `may` is true: of several nodes one does."""
        self._thread.only_while(may)

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
        self._sender.break_off()
        return self._thread.join(min(deadline_s, STOP_S))

    def look(self) -> None:
        """Once around: new steps, steps that are over, messages that are due. Raises StoreError."""
        for exam_id in self._reports.unreported(self.peer.name, since=self._reporting_since()):
            self._alone(exam_id, partial(self._begin, exam_id))
        settled = self._now() - self._settle
        for row in self._reports.unfinished(self.peer.name, ended_before=settled):
            self._alone(row.exam_id, partial(self._finish, row))
        self._sender.send_due()
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

    # --- the thread ---

    def _step(self) -> float:
        self.look()
        return self._look_every_s

    def _stalled(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, StoreError) else type(error).__name__
        log.error("procedure_steps_stalled", reason=reason)


def _plain(error: Exception) -> str:
    """InvalidObject's text names attributes alone; another error's may quote a value."""
    return str(error) if isinstance(error, InvalidObject) else type(error).__name__
