"""Patient, study and order of an exam in a dataset: written when it is built, and written again.

Rules
- `set_exam` is all that an exam says in an image, apart from its series: who builds an object, who
  names one later and who corrects one write the same.
- `replace_exam` first takes out every attribute that may say whose an image is, so that nothing of
  another patient stays behind.
"""

from __future__ import annotations

from datetime import timezone

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from echonode.model.exam import ExamFacts
from echonode.objects.date_times import set_moment
from echonode.objects.order_attributes import set_order_attributes
from echonode.objects.values import checked, refusal

# Patient; requests; visit; procedure. Of other groups only what is named below.
_GROUPS = frozenset({0x0010, 0x0032, 0x0038, 0x0040})
_KEYWORDS = (
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "IssuerOfAccessionNumberSequence",
    "ReferringPhysicianName",
    "ReferringPhysicianIdentificationSequence",
    "ConsultingPhysicianName",
    "StudyDescription",
    "ProcedureCodeSequence",
    "PhysiciansOfRecord",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "AdmittingDiagnosesDescription",
    "AdmittingDiagnosesCodeSequence",
    "ReferencedStudySequence",
    "ReferencedPerformedProcedureStepSequence",
    "ReferencedPatientSequence",
    "StudyInstanceUID",
    "StudyID",
    "ProtocolName",
)
# Written empty where nothing is known.
_TYPE_2 = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("ReferringPhysicianName", "StudyID", "AccessionNumber"),
)
_TAGS = frozenset(Tag(keyword) for keyword in _KEYWORDS)


def set_exam(dataset: Dataset, exam: ExamFacts, offset: timezone) -> None:
    """Patient (C.7.1.1), General Study (C.7.2.1), Patient Study (C.7.2.2), order, performed step.

    Raises InvalidObject, which names the attribute and the rule.
    """
    for keyword in _TYPE_2:
        setattr(dataset, keyword, None)
    set_order_attributes(dataset, exam)
    if exam.patient.sex not in ("", "M", "F", "O"):
        raise refusal("PatientSex", "M, F, O or empty (PS3.3 C.7.1.1)")
    if exam.study_description:
        dataset.StudyDescription = checked("StudyDescription", "LO", exam.study_description)
    set_moment(dataset, "Study", exam.started_at, offset)
    if exam.performed_step is not None:
        began = exam.performed_step.started_at
        set_moment(dataset, "PerformedProcedureStepStart", began, offset)


def replace_exam(dataset: Dataset, exam: ExamFacts, offset: timezone) -> None:
    """Take out whose the image was, and write whose it is. Raises InvalidObject."""
    for tag in [each for each in dataset.keys() if _is_of_exam(each)]:  # noqa: SIM118  # tags
        del dataset[tag]
    set_exam(dataset, exam, offset)


def _is_of_exam(tag: BaseTag) -> bool:
    return tag.group in _GROUPS or tag in _TAGS
