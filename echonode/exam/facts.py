"""What an exam says in its images: ExamFacts of the exam and of a capture's place in it. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pydicom import Dataset

from echonode.exam.unattended import unidentified_patient
from echonode.model.exam import CaptureKind, Exam, ExamCapture, ExamFacts
from echonode.model.exam_state import opened
from echonode.model.patient import Patient
from echonode.model.procedure_step import PerformedStep, step_uid
from echonode.model.worklist_item import WorklistItem
from echonode.objects.date_times import offset_of
from echonode.objects.exam_attributes import set_exam

_LONGEST_STUDY_ID = 16  # SH


def patient_of(exam: Exam) -> Patient:
    """The exam's patient; a placeholder of its own while it has none."""
    if exam.patient is not None:
        return exam.patient
    return unidentified_patient(exam.opened_at, int(exam.id[1:]))


def new_exam(probe: str, at: datetime) -> Exam:
    """An exam that is not kept yet, to try what it would say."""
    return Exam(
        id="E00000000",
        study_instance_uid="2.25.0",
        probe=probe,
        state=opened(identified=False),
        held=True,
        opened_at=at,
    )


def require_writable(exam: Exam, patient: Patient, item: WorklistItem | None) -> None:
    """That an object can say so: a value of a RIS may be none that DICOM allows.

    Asked before an exam has them: an image must not be lost for a name that is too long. Raises
    InvalidObject, which names the attribute and the rule.
    """
    facts = _facts(replace(exam, patient=patient, worklist_item=item))
    set_exam(Dataset(), facts, offset_of(facts.started_at))


def facts_of(exam: Exam, capture: ExamCapture, *, reports_step: bool = False) -> ExamFacts:
    """For an object of the exam. reports_step: whether the exam's step is reported to a RIS."""
    return replace(
        _facts(exam),
        series_instance_uid=capture.series_instance_uid,
        series_number=capture.series_number,
        instance_number=capture.instance_number,
        performed_step=performed_step_of(exam, capture, reported=reports_step),
    )


def _facts(exam: Exam) -> ExamFacts:
    item = exam.worklist_item
    return ExamFacts(
        study_instance_uid=exam.study_instance_uid,
        patient=patient_of(exam),
        started_at=exam.opened_at,
        study_id=_study_id(exam),
        accession_number=item.accession_number.value if item else "",
        referring_physician_name=item.referring_physician_name if item else "",
        study_description=item.requested_procedure_description if item else "",
        worklist_item=item,
        exam_id=exam.id,
    )


def _study_id(exam: Exam) -> str:
    """The Requested Procedure ID where it fits (RAD TF-2 A.1-1), else the exam's own."""
    requested = exam.worklist_item.requested_procedure_id if exam.worklist_item else ""
    return requested if 0 < len(requested) <= _LONGEST_STUDY_ID else exam.id


def performed_step_of(exam: Exam, capture: ExamCapture, *, reported: bool) -> PerformedStep:
    """The step in which an instance was made.

    reported: an instance that was captured refers to it. One of a correction does not: it is of
    another series, and perhaps of another patient than the step that was reported.
    """
    item = exam.worklist_item
    step = item.step if item else None
    requested = item.requested_procedure_description if item else ""
    protocols = [code.meaning for code in step.protocol_codes] if step else []
    description = (step.description if step else "") or requested
    is_of_step = reported and capture.kind is CaptureKind.CAPTURE
    return PerformedStep(
        id=exam.id,
        started_at=exam.opened_at,
        sop_instance_uid=step_uid(capture.series_instance_uid) if is_of_step else "",
        description=description,
        protocol_name=next(filter(None, protocols), description),
    )
