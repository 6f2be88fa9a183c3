"""ORC, OBR and their kind -> a worklist item (IHE RAD TF-2 4.4 and B; PS3.4 K.6).

Rules
- The table is the code and the documentation: docs/hl7.md is made from it.
- A row's sources stand in the order in which they are asked: the first that says something counts.
- Several IPC of one order are several steps of it; several OBR behind one ORC, too.
- An order that names no study gets one of its own numbers' making, the same for all its steps: a
  Study Instance UID is type 1 in a worklist answer, and a second query must get the same.
- Where nothing says when, the step is for the moment the message came: PS3.4 demands a date, and an
  order without one is for now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from echonode.exam.hl7 import order_sources as said
from echonode.exam.hl7.data_types import SHORT, cx, location, texts, xcn
from echonode.exam.hl7.order_sources import OrderSegments, Read
from echonode.exam.hl7.patient_fields import patient_of
from echonode.model.identity import derive_uid
from echonode.model.patient import Identifier
from echonode.model.worklist_item import (
    ScheduledStep,
    WorklistItem,
    WorklistSource,
    worklist_item_id,
)


@dataclass(frozen=True)
class OrderRow:
    """attribute: of WorklistItem, or `step.` and one of ScheduledStep. sources: HL7 -> reading."""

    attribute: str
    tag: str
    keyword: str
    sources: tuple[tuple[str, Read], ...]

    def read(self, of: OrderSegments) -> object | None:
        """What the first source says that says something. Raises Hl7Refused."""
        for _, read in self.sources:
            if (value := read(of)) not in (None, "", (), Identifier()):
                return value
        return None


def item_of(of: OrderSegments, source_name: str) -> WorklistItem:
    """The worklist item of one step. Raises Hl7Refused."""
    assert of.patient is not None
    item: dict[str, object] = {}
    step: dict[str, object] = {}
    for row in ORDER_ROWS:
        value = row.read(of)
        if value is None:
            continue
        part, _, name = row.attribute.rpartition(".")
        (step if part else item)[name] = value
    start = said.start(of)
    step["start_date"], step["start_time"] = start
    step["status"] = "SCHEDULED"
    made = WorklistItem(
        id="-",
        source=WorklistSource.HL7,
        source_name=source_name,
        fetched_at=of.now,
        patient=patient_of(of.patient),
        step=ScheduledStep(**step),  # type: ignore[arg-type]  # by the table
        **item,  # type: ignore[arg-type]  # by the table
    )
    if not made.placer_order_number.value and not made.filler_order_number.value:
        raise of.orc.fault("and ORC-3 are empty: an order without a number", 2, code=101)
    study = made.study_instance_uid or derive_uid("order", of.defaults.uid_scope, *_numbers(made))
    return replace(
        made,
        id=worklist_item_id(WorklistSource.HL7, *_numbers(made), made.step.id),
        study_instance_uid=study,
    )


def _numbers(item: WorklistItem) -> tuple[str, str, str]:
    """What does not change in the life of an order: one study, one or more steps."""
    order = item.placer_order_number.value or item.filler_order_number.value
    return item.source_name, order, item.requested_procedure_id


ORDER_ROWS: tuple[OrderRow, ...] = (
    OrderRow(
        "placer_order_number",
        "(0040,2016), issuer (0040,0026)",
        "PlacerOrderNumberImagingServiceRequest",
        (("ORC-2", said.ei("orc", 2)), ("OBR-2", said.ei("obr", 2))),
    ),
    OrderRow(
        "filler_order_number",
        "(0040,2017), issuer (0040,0027)",
        "FillerOrderNumberImagingServiceRequest",
        (("ORC-3", said.ei("orc", 3)), ("OBR-3", said.ei("obr", 3))),
    ),
    OrderRow(
        "accession_number",
        "(0008,0050), issuer (0008,0051)",
        "AccessionNumber",
        (
            ("IPC-1", said.ei("ipc", 1, SHORT)),
            ("OBR-18", said.ei("obr", 18, SHORT)),
            ("ORC-3, of 16 characters at most", said.short_filler),
        ),
    ),
    OrderRow(
        "requested_procedure_id",
        "(0040,1001)",
        "RequestedProcedureID",
        (("IPC-2", said.id_text("ipc", 2)), ("OBR-19", said.id_text("obr", 19))),
    ),
    OrderRow(
        "study_instance_uid",
        "(0020,000D)",
        "StudyInstanceUID",
        (("IPC-3", said.uid("ipc", 3)), ("ZDS-1", said.uid("zds", 1))),
    ),
    OrderRow(
        "requested_procedure_description",
        "(0032,1060)",
        "RequestedProcedureDescription",
        (("OBR-44", said.meaning("obr", 44)), ("OBR-4.2", said.meaning("obr", 4))),
    ),
    OrderRow(
        "requested_procedure_codes",
        "(0032,1064)",
        "RequestedProcedureCodeSequence",
        (("OBR-44", said.codes("obr", 44)), ("OBR-4.1 to 4.3", said.codes("obr", 4))),
    ),
    OrderRow(
        "requested_procedure_priority",
        "(0040,1003)",
        "RequestedProcedurePriority",
        (
            ("TQ1-9", said.priority("tq1", 9, 1)),
            ("OBR-27.6", said.priority("obr", 27, 6)),
            ("ORC-7.6", said.priority("orc", 7, 6)),
            ("OBR-5", said.priority("obr", 5, 1)),
        ),
    ),
    OrderRow(
        "requested_procedure_comments",
        "(0040,1400)",
        "RequestedProcedureComments",
        (("NTE-3 behind the OBR", lambda of: texts(of.notes, 3)),),
    ),
    OrderRow(
        "reason_for_procedure",
        "(0040,1002)",
        "ReasonForTheRequestedProcedure",
        (("OBR-31", said.meaning("obr", 31)), ("ORC-16", said.meaning("orc", 16))),
    ),
    OrderRow(
        "reason_codes",
        "(0040,100A)",
        "ReasonForRequestedProcedureCodeSequence",
        (("OBR-31", said.codes("obr", 31)),),
    ),
    OrderRow(
        "referring_physician_name",
        "(0008,0090)",
        "ReferringPhysicianName",
        (("PV1-8", said.visit(lambda pv1: xcn(pv1, 8))),),
    ),
    OrderRow(
        "requesting_physician_name",
        "(0032,1032)",
        "RequestingPhysician",
        (("ORC-12", said.person("orc", 12)), ("OBR-16", said.person("obr", 16))),
    ),
    OrderRow(
        "requesting_service",
        "(0032,1033)",
        "RequestingService",
        (("ORC-17", said.meaning("orc", 17)),),
    ),
    OrderRow(
        "names_of_intended_recipients",
        "(0040,1010)",
        "NamesOfIntendedRecipientsOfResults",
        (("OBR-28", said.recipients),),
    ),
    OrderRow(
        "admission_id",
        "(0038,0010), issuer (0038,0014)",
        "AdmissionID",
        (
            ("PV1-19", said.visit(lambda pv1: cx(pv1, 19))),
            ("PID-18", said.visit(lambda pid: cx(pid, 18), "pid")),
        ),
    ),
    OrderRow(
        "current_patient_location",
        "(0038,0300)",
        "CurrentPatientLocation",
        (("PV1-3", said.visit(lambda pv1: location(pv1, 3))),),
    ),
    OrderRow(
        "admitting_diagnoses_description",
        "(0008,1080)",
        "AdmittingDiagnosesDescription",
        (("DG1-3.2", said.meaning("diagnosis", 3)), ("DG1-4", said.words("diagnosis", 4))),
    ),
    OrderRow(
        "confidentiality_code",
        "(0040,1008)",
        "ConfidentialityCode",
        (("ORC-28", said.words("orc", 28)),),
    ),
    OrderRow(
        "step.id",
        "(0040,0100) > (0040,0009)",
        "ScheduledProcedureStepID",
        (("IPC-4", said.id_text("ipc", 4)), ("OBR-20", said.id_text("obr", 20))),
    ),
    OrderRow(
        "step.modality",
        "(0040,0100) > (0008,0060)",
        "Modality",
        (
            ("IPC-5", said.modality("ipc", 5)),
            ("OBR-24", said.modality("obr", 24)),
            ("`hl7.modality`", lambda of: of.defaults.modality),
        ),
    ),
    OrderRow(
        "step.description",
        "(0040,0100) > (0040,0007)",
        "ScheduledProcedureStepDescription",
        (
            ("IPC-6.2", said.meaning("ipc", 6)),
            ("OBR-4.5", said.meaning("obr", 4, 4)),
            ("OBR-4.2", said.meaning("obr", 4)),
        ),
    ),
    OrderRow(
        "step.protocol_codes",
        "(0040,0100) > (0040,0008)",
        "ScheduledProtocolCodeSequence",
        (("IPC-6", said.codes("ipc", 6)), ("OBR-4.4 to 4.6", said.codes("obr", 4, 4))),
    ),
    OrderRow(
        "step.station_name",
        "(0040,0100) > (0040,0010)",
        "ScheduledStationName",
        (("IPC-7", said.id_text("ipc", 7)),),
    ),
    OrderRow(
        "step.location",
        "(0040,0100) > (0040,0011)",
        "ScheduledProcedureStepLocation",
        (("IPC-8", said.id_text("ipc", 8)),),
    ),
    OrderRow(
        "step.station_ae_titles",
        "(0040,0100) > (0040,0001)",
        "ScheduledStationAETitle",
        (
            ("IPC-9", said.stations),
            ("`hl7.station_ae_titles`", lambda of: of.defaults.station_ae_titles),
        ),
    ),
    OrderRow(
        "step.performing_physician_name",
        "(0040,0100) > (0040,0006)",
        "ScheduledPerformingPhysicianName",
        (("OBR-34", said.technician),),
    ),
)
# What item_of works out itself, for the documentation.
START_SOURCES = "TQ1-7, OBR-27.4, ORC-7.4, OBR-36, else the moment it came"
