"""An exam and its captures as values, and what an object must know of the exam it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from echonode.model.exam_state import ExamState
from echonode.model.identity import is_valid_uid
from echonode.model.patient import Patient
from echonode.model.procedure_step import PerformedStep
from echonode.model.worklist_item import WorklistItem


@dataclass(frozen=True, kw_only=True)
class ExamFacts:
    """The patient and study of an exam, and the series its captures go into; '' is unknown.

    started_at: aware; gives Study Date and Time, and its offset from UTC is used for every date
        and time of the study, so that a change to summer time does not split the study in two.
    study_id: SH, 16 characters at most; a number for people.
    series_instance_uid, series_number: of the probe in the exam; '' where the connection has a
        series of its own. instance_number: in that series; 0 for the acquisition's own number.
    series_started_at: aware; None where the series began with the exam.
    exam_id: as the store keeps the exam; '' of a connection without one.
    referring_physician_name, operators_name: PN with carets. worklist_item: the exam's own copy;
        None where it was not opened from the worklist. performed_step: None where none is
        recorded.
    """

    study_instance_uid: str
    patient: Patient
    started_at: datetime
    study_id: str
    accession_number: str = ""
    referring_physician_name: str = ""
    study_description: str = ""
    operators_name: str = ""
    series_instance_uid: str = ""
    series_number: int = 1
    instance_number: int = 0
    series_description: str = ""
    series_started_at: datetime | None = None
    worklist_item: WorklistItem | None = None
    performed_step: PerformedStep | None = None
    exam_id: str = ""

    def __post_init__(self) -> None:
        if not is_valid_uid(self.study_instance_uid):
            raise ValueError("study_instance_uid has not the form of a UID")
        if self.series_instance_uid and not is_valid_uid(self.series_instance_uid):
            raise ValueError("series_instance_uid has not the form of a UID")
        for moment in (self.started_at, self.series_started_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("the moments of an exam must be aware")


@dataclass(frozen=True, kw_only=True)
class Exam:
    """One exam, as the store keeps it.

    id: such as E00000012; unique on this node. connection_id: of an exam that no person opened, its
    probe's connection; '' otherwise. held: deliveries wait until the exam has its patient.
    opened_at: aware, with the offset from UTC that all dates of the study are written in.
    patient: None while unidentified. worklist_item: the exam's own copy; None where it was not
    named from the worklist. captures: how many images it has that are not rejected. on_request:
    all its captures are asked for; else as the probe's capture.mode says.
    """

    id: str
    study_instance_uid: str
    probe: str
    state: ExamState
    held: bool
    opened_at: datetime
    connection_id: str = ""
    ended_at: datetime | None = None
    patient: Patient | None = None
    worklist_item: WorklistItem | None = None
    captures: int = 0
    on_request: bool = False


class CaptureKind(StrEnum):
    """How an instance came into its exam."""

    CAPTURE = "capture"
    CORRECTED = "corrected"  # the same pixels under another UID, after a correction
    REJECTION_NOTE = "rejection_note"  # Key Object Selection (IHE RAD TF-3 4.66)
    REPORT = "report"  # an object of a report: SR, PDF, key objects
    PRESENTATION = "presentation"  # a softcopy presentation state


# What a person said of the images: of the procedure step, and no image of the exam.
DOCUMENTS = (CaptureKind.REPORT, CaptureKind.PRESENTATION)


@dataclass(frozen=True, kw_only=True)
class ExamCapture:
    """One instance of an exam, or one that is about to be.

    connection_id, acquisition_number: the capture it is; of what a correction made, the SOP
        Instance UID of the correction's note, and the number of what it is instead of; of a
        document, its id and which part of it this is (exam_document.DocumentPart).
    replaces, replaced_by, rejected_by: SOP Instance UIDs, of a correction; '' where there is none.
        rejected_by is WITHDRAWN_HERE (correction.py) of what was withdrawn before it left the node.
    """

    exam_id: str
    sop_instance_uid: str
    series_instance_uid: str
    probe: str
    connection_id: str
    acquisition_number: int
    series_number: int
    instance_number: int
    kind: CaptureKind
    captured_at: datetime
    replaces: str = ""
    replaced_by: str = ""
    rejected_by: str = ""


@dataclass(frozen=True, kw_only=True)
class ExamEventRecord:
    """One line of an exam's history. detail: JSON of our own words, without patient data."""

    at: datetime
    event: str
    state: ExamState
    detail: str = ""
