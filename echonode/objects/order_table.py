"""What the order says, and where it goes: into each image and into the procedure step (MPPS).

Rules
- ROWS is the one table. A row names the attribute, where its value is taken from (a path from
  ExamFacts), its place in an image and its place in the N-CREATE of the procedure step; '' is
  nowhere. A place is a path of keywords; `>` steps into the one item of a sequence.
- LEFT_OUT are attributes of a worklist item that go nowhere, each with the reason.

References: PS3.3 sections of the modules; IHE RAD TF-2 appendix A, tables A.1-1 (images) and A.1-2
(procedure step), which say what a modality copies from the worklist.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

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
