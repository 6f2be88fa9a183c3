"""A worklist item as the attributes of an answer (PS3.4 table K.6-1): keyword -> value.

Rules
- Several values are joined by backslashes, a sequence is its items; what is unknown is not there.
- Requested Procedure ID and Scheduled Procedure Step ID are type 1 in an answer: where an order has
  none, the item's own id stands for it, and is known again when a step is reported.
- Nothing is here that the item leaves out on purpose: allergies, medical alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import (
    Code,
    Reference,
    ScheduledStep,
    WorklistItem,
    WorklistSource,
)

Value = str | Sequence[Mapping[str, "Value"]]
Values = dict[str, Value]


def step_id_of(item: WorklistItem) -> str:
    """The Scheduled Procedure Step ID that peers know the item by."""
    return item.step.id or item.id


def procedure_id_of(item: WorklistItem) -> str:
    """The Requested Procedure ID that peers know the item by."""
    return item.requested_procedure_id or item.id


def values_of(item: WorklistItem) -> Values:
    """Every attribute of an answer that is known."""
    return {keyword: value for keyword, value in _all_of(item).items() if value}


def _all_of(item: WorklistItem) -> Values:
    """Every attribute of an answer, known or not."""
    return {
        **_patient(item.patient),
        "ReferencedPatientSequence": _references(item.referenced_patients),
        "AccessionNumber": item.accession_number.value,
        "IssuerOfAccessionNumberSequence": _issuer(item.accession_number),
        "ReferringPhysicianName": item.referring_physician_name,
        "StudyInstanceUID": item.study_instance_uid,
        "ReferencedStudySequence": _references(item.referenced_studies),
        "RequestedProcedureID": procedure_id_of(item),
        "RequestedProcedureDescription": item.requested_procedure_description
        or item.step.description,
        "RequestedProcedureCodeSequence": _codes(item.requested_procedure_codes),
        "RequestedProcedurePriority": item.requested_procedure_priority,
        "RequestedProcedureComments": item.requested_procedure_comments,
        "ReasonForTheRequestedProcedure": item.reason_for_procedure,
        "ReasonForRequestedProcedureCodeSequence": _codes(item.reason_codes),
        "PlacerOrderNumberImagingServiceRequest": item.placer_order_number.value,
        "OrderPlacerIdentifierSequence": _issuer(item.placer_order_number),
        "FillerOrderNumberImagingServiceRequest": item.filler_order_number.value,
        "OrderFillerIdentifierSequence": _issuer(item.filler_order_number),
        "RequestingPhysician": item.requesting_physician_name,
        "RequestingService": item.requesting_service,
        "NamesOfIntendedRecipientsOfResults": "\\".join(item.names_of_intended_recipients),
        "AdmissionID": item.admission_id.value,
        "IssuerOfAdmissionIDSequence": _issuer(item.admission_id),
        "ServiceEpisodeID": item.service_episode_id.value,
        "IssuerOfServiceEpisodeIDSequence": _issuer(item.service_episode_id),
        "CurrentPatientLocation": item.current_patient_location,
        "AdmittingDiagnosesDescription": item.admitting_diagnoses_description,
        "ConfidentialityCode": item.confidentiality_code,
        "ScheduledProcedureStepSequence": [_step(item.step, step_id_of(item))],
    }


def _patient(patient: Patient) -> Values:
    pregnancy = patient.pregnancy_status
    return {
        "PatientName": patient.name,
        "PatientID": patient.id,
        "IssuerOfPatientID": patient.issuer,
        "IssuerOfPatientIDQualifiersSequence": _issuer(
            Identifier(
                universal_id=patient.issuer_universal_id,
                universal_id_type=patient.issuer_universal_id_type,
            ),
            local="",
        ),
        "PatientBirthDate": patient.birth_date,
        "PatientBirthTime": patient.birth_time,
        "PatientSex": patient.sex,
        "PatientSize": patient.size_m,
        "PatientWeight": patient.weight_kg,
        "OtherPatientIDsSequence": [
            {"PatientID": each.value, "IssuerOfPatientID": each.issuer}
            for each in patient.other_ids
        ],
        "OtherPatientNames": "\\".join(patient.other_names),
        "EthnicGroup": patient.ethnic_group,
        "PatientComments": patient.comments,
        "PatientState": patient.state,
        "SpecialNeeds": patient.special_needs,
        "PregnancyStatus": "" if pregnancy is None else str(pregnancy),
        "ConfidentialityConstraintOnPatientDataDescription": patient.confidentiality,
    }


def _step(step: ScheduledStep, step_id: str) -> Values:
    values: Values = {
        "ScheduledStationAETitle": "\\".join(step.station_ae_titles),
        "ScheduledStationName": step.station_name,
        "ScheduledProcedureStepLocation": step.location,
        "Modality": step.modality,
        "ScheduledProcedureStepStartDate": step.start_date,
        "ScheduledProcedureStepStartTime": step.start_time,
        "ScheduledPerformingPhysicianName": step.performing_physician_name,
        "ScheduledProcedureStepDescription": step.description,
        "ScheduledProtocolCodeSequence": _codes(step.protocol_codes),
        "ScheduledProcedureStepID": step_id,
        "ScheduledProcedureStepStatus": step.status,
        "CommentsOnTheScheduledProcedureStep": step.comments,
    }
    return {keyword: value for keyword, value in values.items() if value}


def _codes(codes: Iterable[Code]) -> list[Values]:
    return [
        {
            "CodeValue": code.value,
            "CodingSchemeDesignator": code.scheme,
            **({"CodingSchemeVersion": code.scheme_version} if code.scheme_version else {}),
            "CodeMeaning": code.meaning,
        }
        for code in codes
    ]


def _references(references: Iterable[Reference]) -> list[Values]:
    return [
        {
            "ReferencedSOPClassUID": each.sop_class_uid,
            "ReferencedSOPInstanceUID": each.sop_instance_uid,
        }
        for each in references
    ]


def _issuer(identifier: Identifier, *, local: str | None = None) -> list[Values]:
    """HL7v2 Hierarchic Designator Macro (PS3.3 10.14); empty where no issuer is named."""
    parts: Values = {
        "LocalNamespaceEntityID": identifier.issuer if local is None else local,
        "UniversalEntityID": identifier.universal_id,
        "UniversalEntityIDType": identifier.universal_id_type,
    }
    parts = {keyword: value for keyword, value in parts.items() if value}
    return [parts] if parts else []


# Every keyword that an item may have, at its level: others are unsupported keys.
ITEM_KEYWORDS = frozenset(
    _all_of(
        WorklistItem(
            id="-",
            source=WorklistSource.ENTERED,
            fetched_at=datetime(1970, 1, 1, tzinfo=UTC),
            patient=Patient(id="", name=""),
        )
    )
)
