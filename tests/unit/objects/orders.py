"""A worklist item with every attribute filled, and the exam that was opened from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from echonode.model.exam import ExamFacts
from echonode.model.patient import Identifier, Patient
from echonode.model.procedure_step import PerformedStep, step_uid
from echonode.model.worklist_item import (
    Code,
    Reference,
    ScheduledStep,
    WorklistItem,
    WorklistSource,
)

BEGAN = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
PATIENT = Patient(
    id="P-77",
    name="Yamada^Tarou=山田^太郎=やまだ^たろう",
    birth_date="19700228",
    sex="M",
    issuer="CLINIC",
    issuer_universal_id="1.2.276.99.1",
    issuer_universal_id_type="ISO",
    birth_time="041500",
    size_m="1.76",
    weight_kg="71.5",
    other_ids=(
        Identifier(value="WRIST-5", issuer="WARD", kind="RFID"),
        Identifier(value="X-123", issuer="OTHER CLINIC", kind="TEXT"),
    ),
    other_names=("Tanaka^Tarou",),
    ethnic_group="Asian",
    comments="hears badly on the left",
    state="awake",
    pregnancy_status=4,
)
FULL_ITEM = WorklistItem(
    id="0123456789abcdef",
    source=WorklistSource.RIS,
    source_name="ris",
    fetched_at=BEGAN,
    patient=PATIENT,
    step=ScheduledStep(
        id="SPS-9",
        description="Upper abdomen",
        protocol_codes=(Code(value="PR-1", scheme="99CLINIC", meaning="Abdomen, short"),),
        station_ae_titles=("US1",),
        station_name="Room 1",
        location="Ultrasound 2",
        modality="US",
        start_date="20261120",
        start_time="080000",
        performing_physician_name="Planned^Person",
        status="SCHEDULED",
        comments="fasting",
    ),
    study_instance_uid="1.2.276.99.2.1",
    accession_number=Identifier(
        value="ACC-55", issuer="RIS", universal_id="1.2.276.99.3", universal_id_type="ISO"
    ),
    requested_procedure_id="RP-8",
    requested_procedure_description="Abdominal ultrasound",
    requested_procedure_codes=(
        Code(value="45036003", scheme="SCT", meaning="Ultrasonography of abdomen"),
    ),
    requested_procedure_priority="HIGH",
    requested_procedure_comments="call the ward",
    reason_for_procedure="Pain in the right upper abdomen",
    reason_codes=(Code(value="21522001", scheme="SCT", meaning="Abdominal pain"),),
    placer_order_number=Identifier(value="PL-1", issuer="HIS"),
    filler_order_number=Identifier(value="FI-1", issuer="RIS"),
    referring_physician_name="Ärztin^Eva",
    requesting_physician_name="Station^Arzt",
    requesting_service="Surgery",
    names_of_intended_recipients=("Recipient^One",),
    admission_id=Identifier(value="ADM-3", issuer="CLINIC"),
    service_episode_id=Identifier(value="EP-4", issuer="CLINIC"),
    current_patient_location="Ward 5",
    admitting_diagnoses_description="Cholelithiasis",
    referenced_studies=(
        Reference(sop_class_uid="1.2.840.10008.3.1.2.3.1", sop_instance_uid="1.2.276.99.4"),
    ),
    referenced_patients=(
        Reference(sop_class_uid="1.2.840.10008.3.1.2.1.1", sop_instance_uid="1.2.276.99.5"),
    ),
    confidentiality_code="V",
)
STEP = PerformedStep(
    id="E00000001",
    started_at=BEGAN,
    sop_instance_uid=step_uid("1.2.276.99.7"),
    description="Upper abdomen",
    protocol_name="Abdomen, short",
)


def ordered(item: WorklistItem = FULL_ITEM) -> ExamFacts:
    """The exam of an item, as the node opens it."""
    return ExamFacts(
        study_instance_uid=item.study_instance_uid or "1.2.276.99.9",
        patient=item.patient,
        started_at=BEGAN,
        study_id=item.requested_procedure_id,
        accession_number=item.accession_number.value,
        referring_physician_name=item.referring_physician_name,
        study_description=item.requested_procedure_description,
        worklist_item=item,
        performed_step=STEP,
    )


def ordered_for(name: str) -> ExamFacts:
    """The same for a patient of another name."""
    return ordered(replace(FULL_ITEM, patient=replace(PATIENT, name=name)))
