"""A Key Object Selection document (PS3.3 A.35.4): a title and the instances it is about. Pure.

Rules
- It is of the patient and study of what it names: an archive finds it next to the images.
- Its evidence names every instance with its series; its content refers to each (TID 2010).
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

# General Study and Patient, as they are in what is named; type 2 of them is written empty.
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
class KeyObject:
    """One instance that a document names. frames: from 1 on; none is the whole instance."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str
    frames: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Place:
    """The UIDs and numbers of a document itself."""

    sop_instance_uid: str
    series_instance_uid: str
    series_number: int
    instance_number: int


def key_object_selection(
    named: Sequence[KeyObject],
    *,
    original: Dataset,
    title: Code,
    description: str,
    place: Place,
    now: datetime,
    offset: timezone,
) -> Dataset:
    """The document's dataset. original: has patient and study. now: aware."""
    document = Dataset()
    document.SpecificCharacterSet = "ISO_IR 192"
    for keyword in _SAME:
        if keyword in original:
            setattr(document, keyword, original[keyword].value)
    for keyword in _EMPTY:
        if keyword not in document:
            setattr(document, keyword, None)
    document.SOPClassUID = KeyObjectSelectionDocumentStorage
    document.SOPInstanceUID = place.sop_instance_uid
    document.Modality = "KO"
    document.SeriesInstanceUID = place.series_instance_uid
    document.SeriesNumber = place.series_number
    document.SeriesDescription = description
    document.ReferencedPerformedProcedureStepSequence = DicomSequence([])  # type 2
    document.Manufacturer = "EchoNode"
    document.InstanceNumber = place.instance_number
    set_moment(document, "Content", now, offset)
    set_moment(document, "InstanceCreation", now, offset)
    document.TimezoneOffsetFromUTC = offset_from_utc(offset)
    document.CurrentRequestedProcedureEvidenceSequence = DicomSequence(
        [_evidence(named, str(document.StudyInstanceUID))]
    )
    document.ValueType = "CONTAINER"
    document.ContinuityOfContent = "SEPARATE"
    document.ConceptNameCodeSequence = DicomSequence([_coded(title)])
    template = Dataset()
    template.MappingResource = "DCMR"
    template.TemplateIdentifier = "2010"
    document.ContentTemplateSequence = DicomSequence([template])
    document.ContentSequence = DicomSequence([_reference(each) for each in named])
    return document


def _coded(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme
    item.CodeMeaning = code.meaning
    return item


def _evidence(named: Sequence[KeyObject], study_instance_uid: str) -> Dataset:
    """One study (C.17.2), its series, their instances: each once, whatever its frames."""
    study = Dataset()
    study.StudyInstanceUID = study_instance_uid
    once = {each.sop_instance_uid: each for each in named}
    ordered = sorted(once.values(), key=lambda each: each.series_instance_uid)
    study.ReferencedSeriesSequence = DicomSequence(
        [
            _series(series, list(members))
            for series, members in groupby(ordered, key=lambda each: each.series_instance_uid)
        ]
    )
    return study


def _series(series_instance_uid: str, members: Sequence[KeyObject]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = series_instance_uid
    series.ReferencedSOPSequence = DicomSequence([_sop(each) for each in members])
    return series


def _sop(named: KeyObject) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = named.sop_class_uid
    item.ReferencedSOPInstanceUID = named.sop_instance_uid
    return item


def _reference(named: KeyObject) -> Dataset:
    """A content item: CONTAINS IMAGE (TID 2010, row 5)."""
    item = Dataset()
    item.RelationshipType = "CONTAINS"
    item.ValueType = "IMAGE"
    sop = _sop(named)
    if named.frames:
        sop.ReferencedFrameNumber = list(named.frames)
    item.ReferencedSOPSequence = DicomSequence([sop])
    return item
