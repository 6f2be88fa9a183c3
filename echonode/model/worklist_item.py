"""A Modality Worklist item as a value: what was ordered, its patient, and where it came from.

Rules
- Values are DICOM strings as the source sent them, decoded; '' is unknown. PS3.4 table K.6-1 lists
  the attributes; the comments give their tags.
- Allergies and medical alerts are left out on purpose: they belong in no image, and a copy here
  would be out of date when it matters.
- An open exam keeps its own copy of its item: a later change at the RIS does not reach it.
- The value knows no wire: a query (PS3.4 annex K), an HL7 message or a person makes it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from echonode.model.patient import Identifier, Patient

UNKNOWN = Identifier()


class WorklistSource(StrEnum):
    """Who said that it was ordered."""

    RIS = "ris"  # a Modality Worklist SCP that we asked
    HL7 = "hl7"  # an order message
    ENTERED = "entered"  # a person, at this node


@dataclass(frozen=True, kw_only=True)
class Code:
    """A coded entry (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str = ""
    scheme_version: str = ""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A SOP instance that is referred to."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class ScheduledStep:
    """A Scheduled Procedure Step (0040,0100), PS3.3 C.4.10.

    start_date, start_time: DA and TM. performing_physician_name: PN.
    """

    id: str = ""  # (0040,0009)
    description: str = ""  # (0040,0007)
    protocol_codes: tuple[Code, ...] = ()  # (0040,0008)
    station_ae_titles: tuple[str, ...] = ()  # (0040,0001)
    station_name: str = ""  # (0040,0010)
    location: str = ""  # (0040,0011)
    modality: str = ""  # (0008,0060)
    start_date: str = ""  # (0040,0002)
    start_time: str = ""  # (0040,0003)
    performing_physician_name: str = ""  # (0040,0006)
    status: str = ""  # (0040,0020)
    comments: str = ""  # (0040,0400)


NO_STEP = ScheduledStep()


@dataclass(frozen=True, kw_only=True)
class WorklistItem:
    """One scheduled procedure step with its order, visit and patient.

    id: ours; see `worklist_item_id`. study_instance_uid: '' where the source gave none; an exam
    then makes one. fetched_at: aware; when the source last said so. source_name: the peer, or the
    sending application of the message; '' where a person entered it.
    """

    id: str
    source: WorklistSource
    fetched_at: datetime
    patient: Patient
    source_name: str = ""
    step: ScheduledStep = NO_STEP
    study_instance_uid: str = ""  # (0020,000D)
    accession_number: Identifier = UNKNOWN  # (0008,0050), (0008,0051)
    requested_procedure_id: str = ""  # (0040,1001)
    requested_procedure_description: str = ""  # (0032,1060)
    requested_procedure_codes: tuple[Code, ...] = ()  # (0032,1064)
    requested_procedure_priority: str = ""  # (0040,1003)
    requested_procedure_comments: str = ""  # (0040,1400)
    reason_for_procedure: str = ""  # (0040,1002)
    reason_codes: tuple[Code, ...] = ()  # (0040,100A)
    placer_order_number: Identifier = UNKNOWN  # (0040,2016), (0040,0026)
    filler_order_number: Identifier = UNKNOWN  # (0040,2017), (0040,0027)
    referring_physician_name: str = ""  # (0008,0090)
    requesting_physician_name: str = ""  # (0032,1032)
    requesting_service: str = ""  # (0032,1033)
    names_of_intended_recipients: tuple[str, ...] = ()  # (0040,1010)
    admission_id: Identifier = UNKNOWN  # (0038,0010), (0038,0014)
    service_episode_id: Identifier = UNKNOWN  # (0038,0060), (0038,0064)
    current_patient_location: str = ""  # (0038,0300)
    admitting_diagnoses_description: str = ""  # (0008,1080)
    referenced_studies: tuple[Reference, ...] = ()  # (0008,1110)
    referenced_patients: tuple[Reference, ...] = ()  # (0008,1120)
    confidentiality_code: str = ""  # (0040,1008)

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a worklist item has an id")
        if self.fetched_at.tzinfo is None:
            raise ValueError("fetched_at must be aware")


def worklist_item_id(source: WorklistSource, source_name: str, *parts: str) -> str:
    """The id of what a source calls by `parts`; the same parts give the same id.

    For a RIS: accession number, Requested Procedure ID, Scheduled Procedure Step ID, Patient ID.
    16 characters, that may stand in a URL.
    """
    text = chr(31).join([source.value, source_name, *parts])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
