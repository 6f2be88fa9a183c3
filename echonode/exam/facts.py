"""What an exam says in its images: ExamFacts of the exam and of a capture's place in it. Pure."""

from __future__ import annotations

from echonode.exam.unattended import unidentified_patient
from echonode.model.exam import Exam, ExamCapture, ExamFacts
from echonode.model.patient import Patient


def patient_of(exam: Exam) -> Patient:
    """The exam's patient; one that is nobody else while it has none."""
    if exam.patient is not None:
        return exam.patient
    return unidentified_patient(exam.opened_at, int(exam.id[1:]))


def facts_of(exam: Exam, capture: ExamCapture) -> ExamFacts:
    """For an object of the exam."""
    item = exam.worklist_item
    return ExamFacts(
        study_instance_uid=exam.study_instance_uid,
        patient=patient_of(exam),
        started_at=exam.opened_at,
        study_id=exam.id,
        accession_number=item.accession_number.value if item else "",
        referring_physician_name=item.referring_physician_name if item else "",
        study_description=item.requested_procedure_description if item else "",
        series_instance_uid=capture.series_instance_uid,
        series_number=capture.series_number,
        instance_number=capture.instance_number,
        worklist_item=item,
    )
