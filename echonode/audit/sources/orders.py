"""Orders and patients by HL7 or of a person, as audit events (PS3.15 A.5.3.13, A.5.3.14)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from echonode.audit.codes import Action, Kind
from echonode.audit.event import AuditEvent, Participant, Patient, Study
from echonode.model.order_change import (
    Change,
    OrderPlaced,
    OrderWithdrawn,
    PatientMerge,
)
from echonode.model.patient import Identifier
from echonode.model.worklist_item import WorklistItem
from echonode.store.exams.order_messages import OrderMessage


@dataclass(frozen=True)
class AuditedOrders:
    """Takes what a message changed, and what a person entered or took back."""

    tell: Callable[[AuditEvent], None]
    us: Participant

    def __call__(self, message: OrderMessage, changes: Sequence[Change], address: str) -> None:
        """One record for each change."""
        for change in changes:
            for event in self._events(message, change, address):
                self.tell(event)

    def entered(self, item: WorklistItem, *, by: str, at: datetime, taken_back: bool) -> None:
        """One record. by: the user."""
        event = AuditEvent(
            at=at,
            kind=Kind.ORDER,
            action=Action.DELETE if taken_back else Action.CREATE,
            description=f"worklist item {item.id}",
            participants=(
                Participant(user=by, requestor=True),
                replace(self.us, role=None, requestor=False),
            ),
        )
        self.tell(_about(event, item))

    def _events(self, message: OrderMessage, change: Change, address: str) -> Iterator[AuditEvent]:
        sender = Participant(
            user=f"{message.sending_facility}|{message.sending_application}".strip("|") or "HL7",
            requestor=True,
            address=address,
        )
        event = AuditEvent(
            at=message.received_at,
            kind=Kind.PATIENT,
            action=Action.UPDATE,
            description=f"HL7 {message.message_type}, control ID {message.control_id}",
            participants=(sender, replace(self.us, role=None)),
        )
        if isinstance(change, OrderPlaced):
            action = Action.UPDATE if change.is_change else Action.CREATE
            yield _about(replace(event, kind=Kind.ORDER, action=action), change.item)
            return
        patient = _patient(change.patient_id)
        if isinstance(change, OrderWithdrawn):
            yield replace(event, kind=Kind.ORDER, action=Action.DELETE, patient=patient)
            return
        yield replace(event, patient=replace(patient, name=str(change.said.get("name", ""))))
        if isinstance(change, PatientMerge):
            yield replace(event, action=Action.DELETE, patient=_patient(change.prior))


def _about(event: AuditEvent, item: WorklistItem) -> AuditEvent:
    """The event with the order's patient and study."""
    uid = item.study_instance_uid
    return replace(
        event,
        patient=Patient(id=item.patient.id, name=item.patient.name),
        studies=(Study(uid=uid, accession=item.accession_number.value),) if uid else (),
    )


def _patient(identifier: Identifier) -> Patient:
    return Patient(id=identifier.value)
