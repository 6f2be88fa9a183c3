"""An exam gets its patient after it began: typed by a person, or from the worklist.

Rules
- The worklist's item by its id is what a person chose: it is taken.
- A typed patient is compared with the worklist (patient_matching.py). One exact item is taken with
  its order; a doubtful one is refused with the candidates, until a person confirms what was typed
  or chooses an item.
- The exam's patient is durable before its images are written again (naming.py): what is cut off
  or fails there goes on by itself, and the answer says that the exam is identified, as it is.
- An exam whose images went out without a patient cannot be named any more: that is a correction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from echonode.errors import (
    EchoNodeError,
    IllegalTransition,
    OperatorRefused,
    UsageError,
    described,
)
from echonode.exam.desk import ExamDesk
from echonode.exam.facts import require_writable
from echonode.exam.patient_matching import match
from echonode.log import get_logger
from echonode.model.exam import Exam
from echonode.model.exam_state import ExamEvent, Identity, Progress
from echonode.model.patient import Patient
from echonode.model.worklist_item import WorklistItem
from echonode.store.exams.exams import Exams
from echonode.store.exams.worklist_items import WorklistItems

log = get_logger(__name__)


class PatientDoubtful(OperatorRefused):
    """A typed patient may be one of the worklist, or another; `candidates` are what may be meant.

    Nothing was changed: a person chooses an item, or confirms what was typed.
    """

    def __init__(self, candidates: Sequence[WorklistItem]) -> None:
        super().__init__(
            "the worklist has patients that may be meant: choose an item of it, or confirm"
        )
        self.candidates = tuple(candidates)


class Identification:
    """Thread-safe. name: writes the images of an exam again; may raise."""

    def __init__(
        self,
        *,
        desk: ExamDesk,
        exams: Exams,
        worklist: WorklistItems,
        name: Callable[[str], object],
        now: Callable[[], datetime],
    ) -> None:
        self._desk, self._exams, self._worklist = desk, exams, worklist
        self._name, self._now = name, now

    def chosen(self, item_id: str) -> WorklistItem:
        """An item of the worklist. Raises UsageError where it is unknown."""
        item = self._worklist.item(item_id)
        if item is None:
            raise UsageError(f"the worklist has no item {item_id}")
        return item

    def by_item(self, exam_id: str, item_id: str) -> Exam:
        """The patient and order of an item.

        Raises UsageError, OperatorRefused, InvalidObject where no image can say it, StoreError.
        """
        item = self.chosen(item_id)
        return self._identify(exam_id, item.patient, item, how="worklist")

    def by_patient(self, exam_id: str, patient: Patient, *, confirmed: bool = False) -> Exam:
        """A typed patient. confirmed: it is taken whatever the worklist has.

        Raises PatientDoubtful; UsageError, OperatorRefused, StoreError.
        """
        if not confirmed:
            self._require_nameable(self._desk.exam(exam_id))
            found = match(patient, self._worklist.items())
            if found.candidates:
                raise PatientDoubtful(found.candidates)
            if found.item is not None:
                return self._identify(exam_id, found.item.patient, found.item, how="matched")
        return self._identify(exam_id, patient, None, how="typed")

    def _identify(
        self, exam_id: str, patient: Patient, item: WorklistItem | None, *, how: str
    ) -> Exam:
        exam = self._desk.exam(exam_id)
        self._require_nameable(exam)
        require_writable(exam, patient, item)
        if exam.connection_id and exam.state.progress is not Progress.ENDED:
            # No person ends one that no person opened: the next capture may be of the next patient.
            self._desk.end(exam_id)
        exam = self._exams.apply(
            exam_id,
            ExamEvent.IDENTIFIED,
            at=self._now(),
            detail={"how": how},
            patient=patient,
            worklist_item=item,
        )
        log.info("exam_identified", exam=exam_id, how=how)
        try:
            self._name(exam_id)
        except EchoNodeError as error:  # it is identified; the worker goes on with its images
            log.error("exam_unnamed", exam=exam_id, reason=str(error))
        except Exception as error:  # noqa: BLE001  # as above: what is durable is answered
            log.error("exam_unnamed", exam=exam_id, reason=described(error))
        return exam

    def _require_nameable(self, exam: Exam) -> None:
        if exam.state.identity is not Identity.UNIDENTIFIED:
            raise IllegalTransition(
                f"the exam {exam.id} has its patient already: end it and correct it"
            )
        if exam.captures and not exam.held:
            raise OperatorRefused(
                f"images of {exam.id} went out without a patient (exam.deliver_unidentified): "
                "end it and correct it"
            )
