"""What the order says, and where it goes: into each image and into the procedure step (MPPS).

Rules
- ROWS is the one table. A row names the attribute, where its value is taken from (a path from
  ExamFacts), its place in an image and its place in the N-CREATE of the procedure step; '' is
  nowhere. A place is a path of keywords; `>` steps into the one item of a sequence.
- A row whose value is unknown writes nothing. What PS3.4 wants empty is the step's own affair.
- What identifies the patient and the study is checked: a value that does not fit refuses the
  object. Other identifiers go as they are or not at all. What describes is made to fit its VR: an
  odd character in a description must not cost an image.
- LEFT_OUT are attributes of a worklist item that go nowhere, each with the reason.

References: PS3.3 sections of the modules; IHE RAD TF-2 appendix A, tables A.1-1 (images) and A.1-2
(procedure step), which say what a modality copies from the worklist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from echonode.errors import InvalidObject
from echonode.model.exam import ExamFacts
from echonode.model.identity import is_valid_uid
from echonode.model.patient import Identifier
from echonode.model.worklist_item import Code, Reference
from echonode.objects.values import checked, cleaned, cleaned_name, cleaned_number

_ORDER = "RequestAttributesSequence>"
_SCHEDULED = "ScheduledStepAttributesSequence>"


class Fit(StrEnum):
    """What becomes of a value that does not fit its VR."""

    EXACT = "exact"  # the object is refused
    WHOLE = "whole"  # the value is left out
    TEXT = "text"  # it is made to fit


@dataclass(frozen=True)
class Row:
    """One attribute. source: path from ExamFacts. image, step: its places."""

    keyword: str
    source: str
    image: str
    step: str
    reference: str
    fit: Fit = Fit.TEXT


def _both(keyword: str, source: str, reference: str, *, fit: Fit = Fit.TEXT) -> Row:
    """At the same place in both."""
    return Row(keyword, source, keyword, keyword, reference, fit)


def _order(keyword: str, source: str, reference: str, *, fit: Fit = Fit.TEXT) -> Row:
    """Of the request: Request Attributes Sequence, and Scheduled Step Attributes Sequence."""
    return Row(keyword, source, _ORDER + keyword, _SCHEDULED + keyword, reference, fit)


def _image(keyword: str, source: str, reference: str) -> Row:
    return Row(keyword, source, keyword, "", reference)


_PATIENT = "PS3.3 C.7.1.1"
_STUDY = "PS3.3 C.7.2.1; RAD TF-2 A.1-1"
_VISIT = "PS3.3 C.7.2.2"
_SERIES = "PS3.3 C.7.3.1; RAD TF-2 A.1-1"
_REQUEST = "PS3.3 10.6 (table 10-9); RAD TF-2 A.1-1, A.1-2"
_STEP = "PS3.3 C.7.3.1, table 10-16; RAD TF-2 A.1-1, A.1-2"

ROWS: tuple[Row, ...] = (
    _both("PatientName", "patient.name", _PATIENT, fit=Fit.EXACT),
    _both("PatientID", "patient.id", _PATIENT, fit=Fit.EXACT),
    _both("PatientBirthDate", "patient.birth_date", _PATIENT, fit=Fit.EXACT),
    _both("PatientSex", "patient.sex", _PATIENT, fit=Fit.EXACT),
    _both("IssuerOfPatientID", "patient.issuer", _PATIENT, fit=Fit.WHOLE),
    _both("IssuerOfPatientIDQualifiersSequence", "patient", _PATIENT + ", 10.14"),
    _both("OtherPatientIDsSequence", "patient.other_ids", _PATIENT),
    _both(
        "ReferencedPatientSequence", "worklist_item.referenced_patients", _PATIENT + "; PS3.4 F.7.2"
    ),
    _image("PatientBirthTime", "patient.birth_time", _PATIENT),
    _image("OtherPatientNames", "patient.other_names", _PATIENT),
    _image("EthnicGroup", "patient.ethnic_group", _PATIENT),
    _image("PatientComments", "patient.comments", _PATIENT),
    _image("PatientSize", "patient.size_m", _VISIT),
    _image("PatientWeight", "patient.weight_kg", _VISIT),
    _image("PregnancyStatus", "patient.pregnancy_status", _VISIT),
    _image("PatientState", "patient.state", _VISIT),
    _image(
        "AdmittingDiagnosesDescription", "worklist_item.admitting_diagnoses_description", _VISIT
    ),
    _both(
        "AdmissionID", "worklist_item.admission_id.value", _VISIT + "; PS3.4 F.7.2", fit=Fit.WHOLE
    ),
    _both("IssuerOfAdmissionIDSequence", "worklist_item.admission_id", _VISIT + ", 10.14"),
    _both("ServiceEpisodeID", "worklist_item.service_episode_id.value", _VISIT, fit=Fit.WHOLE),
    _both("IssuerOfServiceEpisodeIDSequence", "worklist_item.service_episode_id", _VISIT),
    Row(
        "StudyInstanceUID",
        "study_instance_uid",
        "StudyInstanceUID",
        _SCHEDULED + "StudyInstanceUID",
        _STUDY,
        fit=Fit.EXACT,
    ),
    Row(
        "AccessionNumber",
        "accession_number",
        "AccessionNumber",
        _SCHEDULED + "AccessionNumber",
        _STUDY,
        fit=Fit.EXACT,
    ),
    Row(
        "IssuerOfAccessionNumberSequence",
        "worklist_item.accession_number",
        "IssuerOfAccessionNumberSequence",
        _SCHEDULED + "IssuerOfAccessionNumberSequence",
        _STUDY,
    ),
    Row(
        "ReferencedStudySequence",
        "worklist_item.referenced_studies",
        "ReferencedStudySequence",
        _SCHEDULED + "ReferencedStudySequence",
        _STUDY,
    ),
    _both("StudyID", "study_id", _STUDY, fit=Fit.EXACT),
    _image("ReferringPhysicianName", "referring_physician_name", _STUDY),
    _image("RequestingService", "worklist_item.requesting_service", _STUDY),
    _both("ProcedureCodeSequence", "worklist_item.requested_procedure_codes", _STUDY),
    _order("RequestedProcedureID", "worklist_item.requested_procedure_id", _REQUEST, fit=Fit.WHOLE),
    _order(
        "RequestedProcedureDescription", "worklist_item.requested_procedure_description", _REQUEST
    ),
    _order("RequestedProcedureCodeSequence", "worklist_item.requested_procedure_codes", _REQUEST),
    _order("ScheduledProcedureStepID", "worklist_item.step.id", _REQUEST, fit=Fit.WHOLE),
    _order("ScheduledProcedureStepDescription", "worklist_item.step.description", _REQUEST),
    _order("ScheduledProtocolCodeSequence", "worklist_item.step.protocol_codes", _REQUEST),
    Row(
        "ReasonForTheRequestedProcedure",
        "worklist_item.reason_for_procedure",
        _ORDER + "ReasonForTheRequestedProcedure",
        "",
        _REQUEST,
    ),
    Row(
        "ReasonForRequestedProcedureCodeSequence",
        "worklist_item.reason_codes",
        _ORDER + "ReasonForRequestedProcedureCodeSequence",
        "",
        _REQUEST,
    ),
    # In the request as well, so that an image in two requests can say which is whose.
    Row(
        "AccessionNumber",
        "worklist_item.accession_number.value",
        _ORDER + "AccessionNumber",
        "",
        _REQUEST,
        fit=Fit.WHOLE,
    ),
    Row(
        "IssuerOfAccessionNumberSequence",
        "worklist_item.accession_number",
        _ORDER + "IssuerOfAccessionNumberSequence",
        "",
        _REQUEST,
    ),
    Row(
        "StudyInstanceUID",
        "worklist_item.study_instance_uid",
        _ORDER + "StudyInstanceUID",
        "",
        _REQUEST,
        fit=Fit.WHOLE,
    ),
    Row(
        "PlacerOrderNumberImagingServiceRequest",
        "worklist_item.placer_order_number.value",
        "",
        _SCHEDULED + "PlacerOrderNumberImagingServiceRequest",
        "PS3.4 F.7.2; RAD TF-2 A.1-2",
        fit=Fit.WHOLE,
    ),
    Row(
        "FillerOrderNumberImagingServiceRequest",
        "worklist_item.filler_order_number.value",
        "",
        _SCHEDULED + "FillerOrderNumberImagingServiceRequest",
        "PS3.4 F.7.2; RAD TF-2 A.1-2",
        fit=Fit.WHOLE,
    ),
    Row(
        "OrderPlacerIdentifierSequence",
        "worklist_item.placer_order_number",
        "",
        _SCHEDULED + "OrderPlacerIdentifierSequence",
        "PS3.4 F.7.2",
    ),
    Row(
        "OrderFillerIdentifierSequence",
        "worklist_item.filler_order_number",
        "",
        _SCHEDULED + "OrderFillerIdentifierSequence",
        "PS3.4 F.7.2",
    ),
    _both("PerformedProcedureStepID", "performed_step.id", _STEP, fit=Fit.WHOLE),
    _both("PerformedProcedureStepDescription", "performed_step.description", _STEP),
    _both("PerformedProtocolCodeSequence", "worklist_item.step.protocol_codes", _STEP),
    _image("ProtocolName", "performed_step.protocol_name", _SERIES),
    _image("ReferencedPerformedProcedureStepSequence", "performed_step.references", _STEP),
    Row("PerformedLocation", "worklist_item.step.location", "", "PerformedLocation", "PS3.4 F.7.2"),
)
_REQUESTED_PROCEDURE_ID, _SCHEDULED_STEP_ID = 0x00401001, 0x00400009
# Written by the code that knows the moment and its zone: not by this table.
MOMENTS: tuple[str, ...] = ("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime")

LEFT_OUT: MappingProxyType[str, str] = MappingProxyType(
    {
        "Allergies": "a safety matter that must be read where it is kept up to date, not in an old "
        "image; its absence there would be taken for none",
        "MedicalAlerts": "the same",
        "VisitComments": "free text about the stay, not about the examination; it often says what "
        "no receiver of the images should read",
        "SpecialNeeds": "for the person who fetches the patient; no image IOD has it",
        "CurrentPatientLocation": "where the patient was when the list was read; no image IOD "
        "has it",
        "ConfidentialityConstraintOnPatientDataDescription": "no image IOD has it, and no archive "
        "acts on it; shown to the operator alone",
        "ConfidentialityCode": "the same",
        "ScheduledPerformingPhysicianName": "who was planned; who performed is not known from it",
        "ScheduledStationName": "where it was planned; the image names its own station",
        "RequestingPhysician": "no image IOD has it (Imaging Service Request, PS3.3 C.4.12); the "
        "Referring Physician is in the image",
        "NamesOfIntendedRecipientsOfResults": "of the report, not of the image",
        "RequestedProcedureComments": "instructions to the operator, shown and not kept",
        "CommentsOnTheScheduledProcedureStep": "the same",
        "RequestedProcedurePriority": "of the planning; no image IOD has it",
    }
)


def value_at(facts: object, source: str) -> object:
    """What a row's source names; None where a part of the way is not there."""
    value: object = facts
    for name in source.split("."):
        value = getattr(value, name, None)
        if value is None:
            return None
    return value


def set_order_attributes(dataset: Dataset, exam: ExamFacts) -> None:
    """Write every row that has a place in an image. Raises InvalidObject."""
    _write(dataset, exam, (row.image for row in ROWS))
    for item in dataset.get("RequestAttributesSequence", []):
        if not item.keys() & {_REQUESTED_PROCEDURE_ID, _SCHEDULED_STEP_ID}:
            # Both are type 1C, and what neither names is no request (PS3.3 table 10-9).
            del dataset.RequestAttributesSequence


def set_step_attributes(dataset: Dataset, exam: ExamFacts) -> None:
    """Write every row that has a place in the procedure step. Raises InvalidObject."""
    _write(dataset, exam, (row.step for row in ROWS))


def _write(dataset: Dataset, exam: ExamFacts, places: Iterable[str]) -> None:
    for row, place in zip(ROWS, places, strict=True):
        if not place:
            continue
        made = _element(row, value_at(exam, row.source))
        if made is not None:
            *sequences, keyword = place.split(">")
            target = dataset
            for sequence in sequences:
                target = _only_item(target, sequence)
            setattr(target, keyword, made)


def _only_item(dataset: Dataset, keyword: str) -> Dataset:
    """The one item of a sequence, made where it is not there."""
    if keyword not in dataset:
        setattr(dataset, keyword, [Dataset()])
    item: Dataset = dataset[keyword].value[0]
    return item


def _element(row: Row, value: object) -> object:
    """The value as pydicom takes it; None where nothing is known."""
    maker = _SEQUENCES.get(row.keyword)
    if maker is not None:
        return maker(value) or None
    tag = tag_for_keyword(row.keyword) or 0
    vr = dictionary_VR(tag)
    if isinstance(value, tuple):
        texts = [text for text in (_text(row, vr, str(part)) for part in value) if text]
        return (texts if dictionary_VM(tag) != "1" else texts[0]) if texts else None
    if value is None or isinstance(value, int):
        return value
    return _text(row, vr, str(value)) or None


def _text(row: Row, vr: str, text: str) -> str:
    if vr == "UI":
        return text if is_valid_uid(text) else ""
    if row.fit is Fit.EXACT:
        return checked(row.keyword, vr, text)
    if row.fit is Fit.WHOLE:
        try:
            return checked(row.keyword, vr, text)
        except InvalidObject:
            return ""
    if vr == "PN":
        return cleaned_name(text)
    if vr in ("DS", "TM"):
        return cleaned_number(vr, text)
    return cleaned(vr, text)


def code_items(value: object) -> list[Dataset]:
    """Items of a code sequence (PS3.3 8.8); codes without a value or scheme are no codes."""
    items = []
    for code in value if isinstance(value, tuple) else ():
        if not isinstance(code, Code) or not (code.value and code.scheme):
            continue
        item = Dataset()
        _set_code_value(item, cleaned("UC", code.value))
        item.CodingSchemeDesignator = cleaned("SH", code.scheme)
        if code.scheme_version:
            item.CodingSchemeVersion = cleaned("SH", code.scheme_version)
        # Type 1: a code that came without its meaning is its own.
        item.CodeMeaning = cleaned("LO", code.meaning) or cleaned("LO", code.value)
        items.append(item)
    return items


def _set_code_value(item: Dataset, value: str) -> None:
    """PS3.3 8.1: Code Value to 16 characters, Long Code Value beyond, URN Code Value for a URN."""
    if value.startswith(("urn:", "http:", "https:")):
        item.URNCodeValue = value
    elif len(value) > 16:
        item.LongCodeValue = value
    else:
        item.CodeValue = value


def reference_items(value: object) -> list[Dataset]:
    """Items that refer to SOP instances (PS3.3 table 10-11)."""
    items = []
    for reference in value if isinstance(value, tuple) else ():
        if isinstance(reference, Reference) and _is_reference(reference):
            item = Dataset()
            item.ReferencedSOPClassUID = reference.sop_class_uid
            item.ReferencedSOPInstanceUID = reference.sop_instance_uid
            items.append(item)
    return items


def _is_reference(reference: Reference) -> bool:
    return is_valid_uid(reference.sop_class_uid) and is_valid_uid(reference.sop_instance_uid)


def issuer_items(value: object) -> list[Dataset]:
    """The issuer of an identifier as the one item of its sequence (PS3.3 table 10-17)."""
    if not isinstance(value, Identifier):
        return []
    item = Dataset()
    if value.issuer:
        item.LocalNamespaceEntityID = cleaned("UT", value.issuer)
    if value.universal_id and value.universal_id_type:
        item.UniversalEntityID = cleaned("UT", value.universal_id)
        item.UniversalEntityIDType = cleaned("CS", value.universal_id_type)
    return [item] if len(item) else []


def _patient_issuer_items(value: object) -> list[Dataset]:
    """Issuer of Patient ID Qualifiers: what IssuerOfPatientID does not say."""
    universal_id = getattr(value, "issuer_universal_id", "")
    kind = getattr(value, "issuer_universal_id_type", "")
    if not (universal_id and kind):
        return []
    item = Dataset()
    item.UniversalEntityID = cleaned("UT", universal_id)
    item.UniversalEntityIDType = cleaned("CS", kind)
    return [item]


def _other_id_items(value: object) -> list[Dataset]:
    """Other Patient IDs Sequence: Type of Patient ID is type 1 in it."""
    items = []
    for other in value if isinstance(value, tuple) else ():
        if not isinstance(other, Identifier) or not cleaned("LO", other.value):
            continue
        item = Dataset()
        item.PatientID = cleaned("LO", other.value)
        if other.issuer:
            item.IssuerOfPatientID = cleaned("LO", other.issuer)
        item.TypeOfPatientID = other.kind if other.kind in ("TEXT", "RFID", "BARCODE") else "TEXT"
        items.append(item)
    return items


_SEQUENCES: MappingProxyType[str, Callable[[object], list[Dataset]]] = MappingProxyType(
    {
        "IssuerOfPatientIDQualifiersSequence": _patient_issuer_items,
        "OtherPatientIDsSequence": _other_id_items,
        "ReferencedPatientSequence": reference_items,
        "ReferencedStudySequence": reference_items,
        "ReferencedPerformedProcedureStepSequence": reference_items,
        **dict.fromkeys(
            (
                "IssuerOfAdmissionIDSequence",
                "IssuerOfServiceEpisodeIDSequence",
                "IssuerOfAccessionNumberSequence",
                "OrderPlacerIdentifierSequence",
                "OrderFillerIdentifierSequence",
            ),
            issuer_items,
        ),
        **dict.fromkeys(
            (
                "ProcedureCodeSequence",
                "RequestedProcedureCodeSequence",
                "ScheduledProtocolCodeSequence",
                "ReasonForRequestedProcedureCodeSequence",
                "PerformedProtocolCodeSequence",
            ),
            code_items,
        ),
    }
)
