"""Directory records of a DICOMDIR (PS3.3 F.5), of an object's header. Pure.

Rules
- Records have the keys of PS3.3 F.5, and those that the profiles of PS3.11 add (D.3.3, H.3.3).
- A type 1 key that the object does not have, or has in another form than its VR, is supplied:
  NONE0001 for a Patient ID, 19000101 for a date that is not known, the place in the order for a
  number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.charset import python_encoding
from pydicom.dataset import Dataset
from pydicom.fileset import DIRECTORY_RECORDERS
from pydicom.tag import Tag
from pydicom.valuerep import PersonName

from echonode.errors import InvalidObject

_NO_DATE, _NO_TIME = "19000101", "000000"
_DATE = re.compile(r"\d{8}")
_TIME = re.compile(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?")
_NUMBER = re.compile(r"[+-]?\d{1,11}")
_CODE = re.compile(r"[A-Z0-9_ ]{0,16}")
_CODES = frozenset({"ImageType", "PatientSex"})
_SR = "1.2.840.10008.5.1.4.1.1.88."
_KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
# The beginning of SOP Class UIDs, and the type of their record (PS3.3 table F.4-1); the longest
# that fits counts, and all else is an image.
_TYPES: Mapping[str, str] = MappingProxyType(
    {
        _SR: "SR DOCUMENT",
        _KEY_OBJECTS: "KEY OBJECT DOC",
        "1.2.840.10008.5.1.4.1.1.11.": "PRESENTATION",
        "1.2.840.10008.5.1.4.1.1.9.": "WAVEFORM",
        "1.2.840.10008.5.1.4.1.1.104.": "ENCAP DOC",
        "1.2.840.10008.5.1.4.1.1.66": "RAW DATA",
        "1.2.840.10008.5.1.4.1.1.66.1": "REGISTRATION",
        "1.2.840.10008.5.1.4.1.1.66.2": "FIDUCIAL",
        "1.2.840.10008.5.1.4.1.1.66.3": "REGISTRATION",
        "1.2.840.10008.5.1.4.1.1.66.4": "IMAGE",
        "1.2.840.10008.5.1.4.1.1.66.5": "SURFACE",
        "1.2.840.10008.5.1.4.1.1.67": "VALUE MAP",
        "1.2.840.10008.5.1.4.1.1.481.2": "RT DOSE",
        "1.2.840.10008.5.1.4.1.1.481.3": "RT STRUCTURE SET",
        "1.2.840.10008.5.1.4.1.1.481.5": "RT PLAN",
    }
)
_WORDS = (
    *("SpecificCharacterSet", "SOPClassUID", "PatientName", "PatientID", "IssuerOfPatientID"),
    *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyDescription"),
    *("StudyInstanceUID", "StudyID", "AccessionNumber", "Modality", "SeriesInstanceUID"),
    *("SeriesNumber", "SeriesDate", "ContentDate", "ContentTime", "AcquisitionDate"),
    *("InstitutionName", "InstitutionAddress", "PerformingPhysicianName", "InstanceNumber"),
    *("ImageType", "Rows", "Columns", "NumberOfFrames", "PhotometricInterpretation"),
    *("CompletionFlag", "VerificationFlag", "ConceptNameCodeSequence", "ContentSequence"),
    *("VerificationDateTime", "PresentationCreationDate", "PresentationCreationTime"),
    *("ContentLabel", "ContentDescription", "ContentCreatorName", "ReferencedSeriesSequence"),
    *("BlendingSequence", "DocumentTitle", "MIMETypeOfEncapsulatedDocument", "RTPlanLabel"),
    *("DoseSummationType", "StructureSetLabel", "StructureSetDate", "StructureSetTime"),
    *("RTPlanDate", "RTPlanTime", "HL7InstanceIdentifier"),
)
# What records are made of: nothing else of a header needs to be read.
TAGS = tuple(int(Tag(word)) for word in _WORDS)


@dataclass(frozen=True, kw_only=True)
class Place:
    """The object as it lies on the medium."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str


def patient_record(header: Dataset, number: int) -> Dataset:
    """PS3.3 F.5.1."""
    record = _record("PATIENT", header, "PatientName")
    record.PatientID = _text(header, "PatientID") or f"NONE{number:04d}"
    _add(record, header, "PatientBirthDate", "PatientSex")
    return record


def study_record(header: Dataset, number: int) -> Dataset:
    """PS3.3 F.5.2."""
    record = _record("STUDY", header, "StudyDescription", "StudyInstanceUID", "AccessionNumber")
    dates = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
    record.StudyDate = _first(header, dates, _DATE) or _NO_DATE
    record.StudyTime = _first(header, ("StudyTime",), _TIME) or _NO_TIME
    record.StudyID = _text(header, "StudyID") or str(number)
    return record


def series_record(header: Dataset, number: int) -> Dataset:
    """PS3.3 F.5.3."""
    record = _record("SERIES", header, "SeriesInstanceUID")
    _add(record, header, "InstitutionName", "InstitutionAddress", "PerformingPhysicianName")
    record.Modality = _text(header, "Modality") or "OT"
    record.SeriesNumber = _first(header, ("SeriesNumber",), _NUMBER) or str(number)
    return record


def leaf_record(header: Dataset, number: int) -> Dataset:
    """PS3.3 F.5.4 and the other leaves, without the references. Raises InvalidObject."""
    kind = record_type(_text(header, "SOPClassUID"))
    instance_number = _first(header, ("InstanceNumber",), _NUMBER) or str(number)
    if kind == "IMAGE":
        record = _record(kind, header, "ImageType")
        for keyword in ("Rows", "Columns"):
            if header.get(keyword):
                setattr(record, keyword, header.get(keyword))
        record.InstanceNumber = instance_number
        return record
    filled = Dataset()
    filled.update(header)
    filled.InstanceNumber = instance_number
    for keyword, pattern, instead in (
        ("ContentDate", _DATE, _NO_DATE),
        ("ContentTime", _TIME, _NO_TIME),
        ("PresentationCreationDate", _DATE, _NO_DATE),
        ("PresentationCreationTime", _TIME, _NO_TIME),
    ):
        setattr(filled, keyword, _first(header, (keyword,), pattern) or instead)
    if kind in ("SR DOCUMENT", "KEY OBJECT DOC") and "ContentSequence" in filled:
        # Of the content, only what modifies the title (PS3.3 F.5.24, F.5.25).
        modifiers = [
            item
            for item in filled.ContentSequence
            if item.get("RelationshipType") == "HAS CONCEPT MOD"
        ]
        if modifiers:
            filled.ContentSequence = modifiers
        else:
            del filled.ContentSequence
    try:
        made = DIRECTORY_RECORDERS[kind](filled)
    except ValueError as fault:
        raise InvalidObject(f"it has no {kind} record: {fault}") from None
    record = _record(kind, header)
    record.update(made)
    return record


def record_type(sop_class_uid: str) -> str:
    """The type of an object's record (PS3.3 table F.4-1)."""
    fitting = [begin for begin in _TYPES if _begins(sop_class_uid, begin)]
    return _TYPES[max(fitting, key=len)] if fitting else "IMAGE"


def _begins(uid: str, begin: str) -> bool:
    return uid.startswith(begin) if begin.endswith(".") else uid == begin


def _record(kind: str, header: Dataset, *keywords: str) -> Dataset:
    """A record with type 2 keys of the header."""
    record = Dataset()
    if header.get("SpecificCharacterSet"):
        record.SpecificCharacterSet = _character_set(header)
    record.DirectoryRecordType = kind
    _add(record, header, *keywords)
    return record


def _character_set(header: Dataset) -> str | list[str]:
    """The object's own; UTF-8 where that is a term that the standard does not have."""
    value = header.get("SpecificCharacterSet")
    terms = [value] if isinstance(value, str) else list(value)
    return terms if all(term in python_encoding for term in terms) else "ISO_IR 192"


def _add(record: Dataset, header: Dataset, *keywords: str) -> None:
    """Values as they are; of code strings only those that are of their form (PS3.5 6.2)."""
    for keyword in keywords:
        value = header.get(keyword)
        if isinstance(value, PersonName):
            value = str(value)  # to be encoded in the record's own character set
        if keyword in _CODES and not _are_codes(value):
            value = None
        setattr(record, keyword, value)


def _are_codes(value: object) -> bool:
    terms = [value] if isinstance(value, str) else value
    return isinstance(terms, Iterable) and all(_CODE.fullmatch(str(term)) for term in terms)


def _text(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    return "" if value is None else str(value).strip()


def _first(header: Dataset, keywords: tuple[str, ...], pattern: re.Pattern[str]) -> str:
    """The first value of the form; '' where there is none."""
    return next((value for each in keywords if pattern.fullmatch(value := _text(header, each))), "")
