"""What a server's answer becomes: worklist items, or why it is not one. Pure.

Rules
- What identifies the patient or the order is taken as it came, decoded; where it does not fit its
  VR the answer is no item, and the reason names the attribute, never the value: an image of it
  would be refused after the patient was scanned.
- All else is tolerant: what is missing, empty, of another VR or not in the calendar is unknown;
  text is made to fit.
- One item for each scheduled procedure step of an answer. Where the steps of one answer are for
  several stations or modalities and one of them is what was asked for, the others are left out.
- Without a Study Instance UID, or with one that is no UID, the exam makes its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from echonode.errors import InvalidObject
from echonode.exam.worklist.character_sets import check_repertoire
from echonode.exam.worklist.query import WorklistQuery
from echonode.model.identity import is_valid_uid
from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import (
    Code,
    Reference,
    ScheduledStep,
    WorklistItem,
    WorklistSource,
    worklist_item_id,
)
from echonode.objects.values import checked, cleaned, cleaned_name, cleaned_number, refusal

# Items of one sequence, and values of one attribute: a real order has one or two.
MOST_PARTS = 32
# Steps of one answer: a day's programme of one patient at most.
MOST_STEPS = 32
_SEXES = ("M", "F", "O")
_PREGNANCY = range(1, 5)  # PS3.3 C.7.2.2


def items_of(
    answer: Dataset, *, source_name: str, fetched_at: datetime, asked: WorklistQuery
) -> tuple[WorklistItem, ...]:
    """The items of one answer. Raises InvalidObject, which names what is wrong with it."""
    check_repertoire(answer)
    patient = _patient(answer)
    accession = _identifier(answer, "AccessionNumber", "IssuerOfAccessionNumberSequence")
    checked("AccessionNumber", "SH", accession.value)
    requested = _exact(answer, "RequestedProcedureID", "SH")
    found = []
    for step in _steps_asked_for(_steps(answer), asked):
        scheduled = checked("ScheduledProcedureStepID", "SH", step.id)
        # A server without step IDs has at least another time for another step.
        parts = (scheduled,) if scheduled else ("", step.start_date, step.start_time)
        found.append(
            WorklistItem(
                id=worklist_item_id(
                    WorklistSource.RIS,
                    source_name,
                    accession.value,
                    requested,
                    *parts,
                    patient.id or patient.name,
                ),
                source=WorklistSource.RIS,
                source_name=source_name,
                fetched_at=fetched_at,
                patient=patient,
                step=step,
                study_instance_uid=_uid(answer, "StudyInstanceUID"),
                accession_number=accession,
                requested_procedure_id=requested,
                requested_procedure_description=_text(answer, "RequestedProcedureDescription"),
                requested_procedure_codes=_codes(answer, "RequestedProcedureCodeSequence"),
                requested_procedure_priority=_text(answer, "RequestedProcedurePriority", "SH"),
                requested_procedure_comments=_text(answer, "RequestedProcedureComments", "LT"),
                reason_for_procedure=_text(answer, "ReasonForTheRequestedProcedure"),
                reason_codes=_codes(answer, "ReasonForRequestedProcedureCodeSequence"),
                placer_order_number=_identifier(
                    answer,
                    "PlacerOrderNumberImagingServiceRequest",
                    "OrderPlacerIdentifierSequence",
                ),
                filler_order_number=_identifier(
                    answer,
                    "FillerOrderNumberImagingServiceRequest",
                    "OrderFillerIdentifierSequence",
                ),
                referring_physician_name=_name(answer, "ReferringPhysicianName"),
                requesting_physician_name=_name(answer, "RequestingPhysician"),
                requesting_service=_text(answer, "RequestingService"),
                names_of_intended_recipients=_names(answer, "NamesOfIntendedRecipientsOfResults"),
                admission_id=_identifier(answer, "AdmissionID", "IssuerOfAdmissionIDSequence"),
                service_episode_id=_identifier(
                    answer, "ServiceEpisodeID", "IssuerOfServiceEpisodeIDSequence"
                ),
                current_patient_location=_text(answer, "CurrentPatientLocation"),
                admitting_diagnoses_description=_text(answer, "AdmittingDiagnosesDescription"),
                referenced_studies=_references(answer, "ReferencedStudySequence"),
                referenced_patients=_references(answer, "ReferencedPatientSequence"),
                confidentiality_code=_text(answer, "ConfidentialityCode"),
            )
        )
    return tuple(found)


def _patient(answer: Dataset) -> Patient:
    patient = Patient(
        id=_exact(answer, "PatientID", "LO"),
        name=_exact(answer, "PatientName", "PN"),
        birth_date=_date(answer, "PatientBirthDate"),
        sex=_sex(answer),
        issuer=_exact(answer, "IssuerOfPatientID", "LO"),
        birth_time=cleaned_number("TM", _value(answer, "PatientBirthTime")),
        size_m=cleaned_number("DS", _value(answer, "PatientSize")),
        weight_kg=cleaned_number("DS", _value(answer, "PatientWeight")),
        other_ids=_other_ids(answer),
        other_names=_names(answer, "OtherPatientNames"),
        ethnic_group=_text(answer, "EthnicGroup", "SH"),
        comments=_text(answer, "PatientComments", "LT"),
        state=_text(answer, "PatientState"),
        special_needs=_text(answer, "SpecialNeeds"),
        pregnancy_status=_pregnancy(answer),
        confidentiality=_text(answer, "ConfidentialityConstraintOnPatientDataDescription"),
        **_universal_issuer(answer),
    )
    if not patient.id and not patient.name.strip("^= "):
        raise refusal("PatientID", "an item names a patient (PS3.4 table K.6-1)")
    return patient


def _universal_issuer(answer: Dataset) -> dict[str, str]:
    for item in _items(answer, "IssuerOfPatientIDQualifiersSequence"):
        return {
            "issuer_universal_id": _text(item, "UniversalEntityID", "UT"),
            "issuer_universal_id_type": _text(item, "UniversalEntityIDType", "CS"),
        }
    return {}


def _other_ids(answer: Dataset) -> tuple[Identifier, ...]:
    found = [
        Identifier(
            value=_text(item, "PatientID"),
            issuer=_text(item, "IssuerOfPatientID"),
            kind=_text(item, "TypeOfPatientID", "CS"),
        )
        for item in _items(answer, "OtherPatientIDsSequence")
    ]
    return tuple(other for other in found if other.value)


def _steps(answer: Dataset) -> list[ScheduledStep]:
    """The scheduled steps; one that is empty where the answer has none."""
    found = [
        ScheduledStep(
            id=_value(item, "ScheduledProcedureStepID"),
            description=_text(item, "ScheduledProcedureStepDescription"),
            protocol_codes=_codes(item, "ScheduledProtocolCodeSequence"),
            station_ae_titles=tuple(
                text for part in _values(item, "ScheduledStationAETitle") if (text := part.strip())
            ),
            station_name=_text(item, "ScheduledStationName", "SH"),
            location=_text(item, "ScheduledProcedureStepLocation", "SH"),
            modality=_text(item, "Modality", "CS"),
            start_date=_date(item, "ScheduledProcedureStepStartDate"),
            start_time=cleaned_number("TM", _value(item, "ScheduledProcedureStepStartTime")),
            performing_physician_name=_name(item, "ScheduledPerformingPhysicianName"),
            status=_text(item, "ScheduledProcedureStepStatus", "CS"),
            comments=_text(item, "CommentsOnTheScheduledProcedureStep", "LT"),
        )
        for item in _items(answer, "ScheduledProcedureStepSequence", MOST_STEPS)
    ]
    return found or [ScheduledStep()]


def _steps_asked_for(
    steps: Sequence[ScheduledStep], asked: WorklistQuery
) -> Sequence[ScheduledStep]:
    ours = [
        step
        for step in steps
        if asked.modality in ("", step.modality)
        and (not asked.station_ae_title or asked.station_ae_title in step.station_ae_titles)
    ]
    return ours or steps


def _codes(dataset: Dataset, keyword: str) -> tuple[Code, ...]:
    found = [
        Code(
            value=_text(item, "CodeValue", "UC")
            or _text(item, "LongCodeValue", "UC")
            or _text(item, "URNCodeValue", "UC"),
            scheme=_text(item, "CodingSchemeDesignator", "SH"),
            meaning=_text(item, "CodeMeaning"),
            scheme_version=_text(item, "CodingSchemeVersion", "SH"),
        )
        for item in _items(dataset, keyword)
    ]
    return tuple(code for code in found if code.value)


def _references(dataset: Dataset, keyword: str) -> tuple[Reference, ...]:
    found = [
        Reference(
            sop_class_uid=_uid(item, "ReferencedSOPClassUID"),
            sop_instance_uid=_uid(item, "ReferencedSOPInstanceUID"),
        )
        for item in _items(dataset, keyword)
    ]
    return tuple(r for r in found if r.sop_class_uid and r.sop_instance_uid)


def _identifier(dataset: Dataset, keyword: str, issuer_keyword: str) -> Identifier:
    issuer = next(iter(_items(dataset, issuer_keyword)), Dataset())
    return Identifier(
        value=_value(dataset, keyword).strip(),
        issuer=_text(issuer, "LocalNamespaceEntityID", "UT"),
        universal_id=_text(issuer, "UniversalEntityID", "UT"),
        universal_id_type=_text(issuer, "UniversalEntityIDType", "CS"),
    )


def _values(dataset: Dataset, keyword: str) -> list[str]:
    """Every value of an attribute as text; none of one that is not there, or is no text."""
    value = dataset.get(keyword)
    parts = list(value)[:MOST_PARTS] if isinstance(value, MultiValue | list | tuple) else [value]
    return [str(part) for part in parts if part is not None and not isinstance(part, bytes)]


def _value(dataset: Dataset, keyword: str) -> str:
    """The attribute's text, as it stood on the wire: a backslash between values."""
    return "\\".join(_values(dataset, keyword)).strip()


def _exact(dataset: Dataset, keyword: str, vr: str) -> str:
    """What identifies: unchanged. Raises InvalidObject."""
    return checked(keyword, vr, _value(dataset, keyword))


def _text(dataset: Dataset, keyword: str, vr: str = "LO") -> str:
    return cleaned(vr, _value(dataset, keyword))


def _name(dataset: Dataset, keyword: str) -> str:
    return cleaned_name(_value(dataset, keyword))


def _names(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    return tuple(name for part in _values(dataset, keyword) if (name := cleaned_name(part)))


def _uid(dataset: Dataset, keyword: str) -> str:
    text = _value(dataset, keyword)
    return text if is_valid_uid(text) else ""


def _date(dataset: Dataset, keyword: str) -> str:
    """DA; the form with dots of before 1993 as well (PS3.5 6.2). '' where it is no day."""
    try:
        return checked(keyword, "DA", _value(dataset, keyword).replace(".", ""))
    except InvalidObject:
        return ""


def _sex(answer: Dataset) -> str:
    """'' for U, N and whatever else servers send for unknown."""
    text = _value(answer, "PatientSex").upper()
    return text if text in _SEXES else ""


def _pregnancy(answer: Dataset) -> int | None:
    value = answer.get("PregnancyStatus")
    return value if isinstance(value, int) and value in _PREGNANCY else None


def _items(dataset: Dataset, keyword: str, most: int = MOST_PARTS) -> list[Dataset]:
    """The items of a sequence; none where it is missing, empty or no sequence."""
    value = dataset.get(keyword)
    if not value or dataset[keyword].VR != "SQ":
        return []
    return list(value)[:most]
