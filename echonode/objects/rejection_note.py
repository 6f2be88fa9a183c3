"""A rejection note: a Key Object Selection document (PS3.3 A.35.4) titled as IHE says. Pure.

Rules
- It is of the patient and study of what it rejects, right or wrong: an archive finds it next to
  the images.
- Its evidence names every rejected instance with its series; its content refers to each (TID 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import groupby

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import KeyObjectSelectionDocumentStorage

from echonode.model.worklist_item import Code
from echonode.objects.date_times import offset_from_utc, set_moment

# General Study and Patient, as they are in what is rejected; type 2 of them is written empty.
_SAME = (
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "StudyDescription",
)
_EMPTY = tuple(each for each in _SAME if each not in ("IssuerOfPatientID", "StudyDescription"))


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """One instance that a note rejects."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class NotePlace:
    """The UIDs and numbers of the note itself."""

    sop_instance_uid: str
    series_instance_uid: str
    series_number: int
    instance_number: int


def rejection_note(
    rejected: Sequence[Rejected],
    *,
    original: Dataset,
    title: Code,
    place: NotePlace,
    now: datetime,
    offset: timezone,
) -> Dataset:
    """The note's dataset. original: one of the rejected, without its pixels. now: aware."""
    note = Dataset()
    note.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _SAME:
        if keyword in original:
            setattr(note, keyword, original[keyword].value)
    for keyword in _EMPTY:
        if keyword not in note:
            setattr(note, keyword, None)
    note.SOPClassUID = KeyObjectSelectionDocumentStorage
    note.SOPInstanceUID = place.sop_instance_uid
    note.Modality = "KO"
    note.SeriesInstanceUID = place.series_instance_uid
    note.SeriesNumber = place.series_number
    note.SeriesDescription = "Rejection Note"
    note.ReferencedPerformedProcedureStepSequence = DicomSequence([])  # type 2
    note.Manufacturer = "EchoNode"
    note.InstanceNumber = place.instance_number
    set_moment(note, "Content", now, offset)
    set_moment(note, "InstanceCreation", now, offset)
    note.TimezoneOffsetFromUTC = offset_from_utc(offset)
    note.CurrentRequestedProcedureEvidenceSequence = DicomSequence(
        [_evidence(rejected, str(note.StudyInstanceUID))]
    )
    note.ValueType = "CONTAINER"
    note.ContinuityOfContent = "SEPARATE"
    note.ConceptNameCodeSequence = DicomSequence([_coded(title)])
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "2010"
    note.ContentTemplateSequence = DicomSequence([template])
    note.ContentSequence = DicomSequence([_reference(each) for each in rejected])
    return note


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme
    item.CodeMeaning = code.meaning
    return item


def _evidence(rejected: Sequence[Rejected], study_instance_uid: str) -> Dataset:
    """One study (C.17.2), its series, their instances."""
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    ordered = sorted(rejected, key=lambda each: each.series_instance_uid)
    study.ReferencedSeriesSequence = DicomSequence(
        [
            _series(series, list(members))
            for series, members in groupby(ordered, key=lambda each: each.series_instance_uid)
        ]
    )
    return study


def _series(series_instance_uid: str, members: Sequence[Rejected]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = series_instance_uid
    series.ReferencedSOPSequence = DicomSequence([_sop(each) for each in members])
    return series


def _sop(rejected: Rejected) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = rejected.sop_class_uid
    item.ReferencedSOPInstanceUID = rejected.sop_instance_uid
    return item


def _reference(rejected: Rejected) -> Dataset:
    """A content item: CONTAINS IMAGE (TID 2010, row 5)."""
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "IMAGE"
    item.ReferencedSOPSequence = DicomSequence([_sop(rejected)])
    return item
