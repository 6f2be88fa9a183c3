"""The exams of a running node: opened and ended at its probes, and whose each capture is.

Rules
- An exam is durable before its probe's captures are of it, and before it is answered.
- What arrived from the probe before an exam began or ended is of the one before: the cut is among
  the frames (frames/source), not at the clock.
- A capture without an exam that was opened is of the exam of its connection: held until a person
  says whose it is, unless the configuration says whose or lets it go as it is.
- One change at a time at each probe; other probes wait for nothing but the database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, tzinfo
from typing import Protocol

from echonode.errors import CaptureRefused, OperatorRefused, StoreError, UsageError
from echonode.exam.facts import facts_of, new_exam, require_writable
from echonode.exam.unattended import UnattendedExams
from echonode.frames.capture_request import (
    CaptureAction,
    CaptureCommands,
    CaptureRequest,
    CaptureResult,
    FrozenFrames,
)
from echonode.frames.frame import Acquisition, Frame
from echonode.log import get_logger
from echonode.model.discontinuation import DETAIL
from echonode.model.exam import Exam, ExamFacts
from echonode.model.exam_state import ExamEvent, Progress
from echonode.model.patient import Patient
from echonode.model.worklist_item import Code, WorklistItem
from echonode.objects.ultrasound import instance_uid
from echonode.store.exams.captures import Captures, Taken
from echonode.store.exams.exams import Exams

log = get_logger(__name__)


class Probe(Protocol):
    """What an exam needs of a probe's source."""

    @property
    def name(self) -> str: ...

    @property
    def capture(self) -> CaptureCommands | None: ...

    def change_exam(self, exam_id: str, /, *, on_request: bool = False) -> bool: ...


class ExamDesk:
    """Thread-safe.

    held: deliveries of an exam without a patient wait for one. unattended: probe -> whose its
    captures are while no exam is open; probes that are not in it get an exam for each connection.
    refusal: why no exam may begin just now; ''. local: the zone that dates are written in.
    reports_steps: each exam's performed procedure step is reported to a RIS; images refer to it.
    """

    def __init__(
        self,
        *,
        exams: Exams,
        captures: Captures,
        node_id: str,
        held: bool,
        unattended: Mapping[str, UnattendedExams],
        refusal: Callable[[], str],
        now: Callable[[], datetime],
        local: tzinfo,
        reports_steps: bool = False,
    ) -> None:
        self._exams, self._captures, self._node_id = exams, captures, node_id
        self._held, self._unattended, self._refusal = held, unattended, refusal
        self._now, self._local = now, local
        self._reports_steps = reports_steps
        self._probes: dict[str, Probe] = {}
        self._locks: dict[str, threading.RLock] = {}
        self._elsewhere = threading.RLock()  # of exams whose probe left the configuration

    def attach(self, probe: Probe) -> None:
        """A probe that exams may be opened at; its open exam goes on. Before it is started."""
        self._probes[probe.name] = probe
        self._locks[probe.name] = threading.RLock()
        exam = self._exams.open_of_probe(probe.name)
        if exam is None:
            probe.change_exam("")
        else:
            probe.change_exam(exam.id, on_request=exam.on_request)

    def resume(self) -> None:
        """At start: exams that no person opened ended with the connections of the last run."""
        self._captures.end_unattended(at=self._moment())

    # --- whose a capture is ---

    def facts_for(self, acquisition: Acquisition, connected_at: datetime) -> ExamFacts:
        """The exam of an acquisition and its place in it; durable on return. Raises StoreError."""
        probe = acquisition.probe.name
        taken = Taken(
            sop_instance_uid=instance_uid(self._node_id, acquisition),
            probe=probe,
            connection_id=acquisition.connection_id,
            acquisition_number=acquisition.number,
            connected_at=connected_at.astimezone(self._local),
        )
        if acquisition.exam_id:
            try:
                place = self._captures.place(acquisition.exam_id, taken, at=self._moment())
                return facts_of(*place, reports_step=self._reports_steps)
            except UsageError:  # its row went with a lost database; the image stays
                log.error("exam_unknown", exam=acquisition.exam_id, probe=probe)
        if unattended := self._unattended.get(probe):
            return unattended.exam_for(acquisition.connection_id, probe, connected_at)
        place = self._captures.place_unattended(taken, at=self._moment())
        return facts_of(*place, reports_step=self._reports_steps)

    # --- what a person does ---

    def open(
        self,
        probe: str,
        *,
        patient: Patient | None = None,
        worklist_item: WorklistItem | None = None,
        on_request: bool = False,
    ) -> Exam:
        """A new exam at a probe, without a patient where none is given.

        on_request: the probe makes no automatic clips while it is open, whatever its mode.
        Raises UsageError where there is no such probe, OperatorRefused where it has an open exam or
        the disk has no room for one, InvalidObject where no image could say whose it is;
        StoreError.
        """
        source = self._probe(probe)
        if refusal := self._refusal():
            raise OperatorRefused(refusal)
        if worklist_item is not None and patient is None:
            patient = worklist_item.patient
        at = self._moment()
        if patient is not None:
            require_writable(new_exam(probe, at), patient, worklist_item)
        with self._lock(probe):
            exam = self._exams.open(
                probe,
                at=at,
                held=self._held,
                patient=patient,
                worklist_item=worklist_item,
                on_request=on_request,
            )
            source.change_exam(exam.id, on_request=on_request)
        log.info("exam_opened", exam=exam.id, probe=probe, identity=exam.state.identity.value)
        return exam

    def end(self, exam_id: str, *, discontinued: Code | None = None) -> Exam:
        """No capture after this is of the exam. Raises UsageError, IllegalTransition, StoreError.

        discontinued: why it was given up; None where it was done.
        """
        exam = self.exam(exam_id)
        with self._lock(exam.probe):
            exam = self.exam(exam_id)
            is_at_probe = exam.state.progress is not Progress.ENDED and not exam.connection_id
            source = self._probes.get(exam.probe) if is_at_probe else None
            if source:
                source.change_exam("")
            try:
                ended = self._exams.apply(
                    exam_id,
                    ExamEvent.ENDED,
                    at=self._moment(),
                    detail={DETAIL: discontinued.value} if discontinued else None,
                )
            except StoreError:
                if source:  # it has not ended, and its captures go on
                    source.change_exam(exam_id, on_request=exam.on_request)
                raise
        why = discontinued.value if discontinued else ""
        log.info("exam_ended", exam=exam_id, probe=exam.probe, discontinued=why)
        return ended

    def reopen(self, exam_id: str) -> Exam:
        """It ended too early: captures are of it again.

        Raises UsageError, IllegalTransition, and OperatorRefused where its probe has another.
        """
        exam = self.exam(exam_id)
        source = self._probe(exam.probe)
        with self._lock(exam.probe):
            other = self._exams.open_of_probe(exam.probe)
            if other is not None:
                raise OperatorRefused(f"the probe {exam.probe} has the exam {other.id}: end it")
            if exam.connection_id:
                raise OperatorRefused(f"no person opened {exam_id}: open an exam instead")
            reopened = self._exams.apply(exam_id, ExamEvent.REOPENED, at=self._moment())
            source.change_exam(exam_id, on_request=reopened.on_request)
        return reopened

    def still(
        self, exam_id: str, *, sequence: int | None = None, freeze: str = ""
    ) -> tuple[str, ...]:
        """A still of an open exam, the frame of that number or the latest; its SOP Instance UID.

        freeze: of its frames. Returns once it is durable. Raises UsageError, CaptureRefused,
        StoreError, InvalidObject.
        """
        request = CaptureRequest(
            action=CaptureAction.CAPTURE_STILL, sequence=sequence, freeze=freeze, exam_id=exam_id
        )
        return self._prepared(exam_id, request)().sop_instance_uids

    def clip(
        self,
        exam_id: str,
        *,
        seconds: float,
        past: bool,
        last_sequence: int | None = None,
        freeze: str = "",
    ) -> tuple[str, ...]:
        """The last seconds, or the next; a UID for each piece of one size and calibration.

        last_sequence, freeze: of a clip of the past, the frame that it ends with and whose frames.
        """
        request = CaptureRequest(
            action=CaptureAction.CAPTURE_CLIP,
            seconds=seconds,
            past=past,
            last_sequence=last_sequence,
            freeze=freeze,
            exam_id=exam_id,
        )
        return self._prepared(exam_id, request)().sop_instance_uids

    def freeze(self, exam_id: str) -> FrozenFrames:
        """Keep what the exam's probe showed last. Raises UsageError, CaptureRefused."""
        with self._capturing(exam_id) as capture:
            return capture.freeze(exam_id)

    def unfreeze(self, exam_id: str, freeze: str) -> None:
        """End a freeze; one that is over already raises nothing. Raises UsageError."""
        exam = self.exam(exam_id)
        capture = self._probe(exam.probe).capture
        if capture is not None:
            capture.unfreeze(exam_id, freeze)

    def frozen_frame(self, exam_id: str, freeze: str, number: int) -> Frame:
        """A frame of a freeze. Raises UsageError, CaptureRefused where it is gone."""
        with self._capturing(exam_id) as capture:
            return capture.frozen_frame(exam_id, freeze, number)

    def exam(self, exam_id: str) -> Exam:
        """Raises UsageError where it is unknown."""
        exam = self._exams.exam(exam_id)
        if exam is None:
            raise UsageError(f"there is no exam {exam_id}")
        return exam

    def _prepared(self, exam_id: str, request: CaptureRequest) -> Callable[[], CaptureResult]:
        """What is asked for is fixed while no exam changes; the disk's work comes after."""
        with self._capturing(exam_id) as capture:
            return capture.prepare(request)

    @contextmanager
    def _capturing(self, exam_id: str) -> Iterator[CaptureCommands]:
        """The captures of an open exam's probe, while no exam changes there."""
        exam = self.exam(exam_id)
        with self._lock(exam.probe):
            exam = self.exam(exam_id)
            if exam.state.progress is Progress.ENDED:
                raise CaptureRefused(f"the exam {exam_id} has ended")
            capture = self._probe(exam.probe).capture
            if capture is None:
                raise CaptureRefused(f"nothing of {exam.probe} can be captured on request")
            yield capture

    def _lock(self, probe: str) -> threading.RLock:
        return self._locks.get(probe, self._elsewhere)

    def _probe(self, name: str) -> Probe:
        try:
            return self._probes[name]
        except KeyError:
            known = ", ".join(self._probes) or "none"
            raise UsageError(f"there is no probe `{name}`; configured: {known}") from None

    def _moment(self) -> datetime:
        return self._now().astimezone(self._local)
