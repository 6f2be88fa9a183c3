"""What an order message changes in the database, in the caller's transaction.

Rules
- What is known of a patient fills what an order leaves out.
- An item that was begun stays begun when its order changes.
- A merge moves the patient's worklist items, and the exams that nothing was captured in. An exam
  with captures stays as it is, for its objects may have been sent; it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime

import sqlalchemy as sa

from echonode.model.exam_state import Progress
from echonode.model.order_change import (
    Change,
    OrderPlaced,
    OrderWithdrawn,
    PatientMerge,
    PatientUpdate,
    is_same,
)
from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import WorklistItem, WorklistSource
from echonode.store.database import schema
from echonode.store.exams.json_values import from_json, to_json
from echonode.store.exams.worklist_items import put_items, withdraw_items

_known, _item, _exam = schema.known_patient.c, schema.worklist_item.c, schema.exam.c
# Of the performed step (PS3.4 annex F): an order that changes does not undo it.
BEGUN = frozenset({"STARTED", "COMPLETED", "DISCONTINUED"})
# A patient's field that a message has not said.
_UNSAID = ("", None, ())


class Effect:
    """The changes of one message, one after another.

    row: the message's own. at: when it came, aware.
    """

    def __init__(
        self, connection: sa.Connection, row: int, *, at: datetime, source_name: str
    ) -> None:
        self._connection, self._row, self._at, self._source_name = connection, row, at, source_name
        self.placed = self.withdrawn = 0
        self.exams: list[str] = []

    def add(self, change: Change) -> None:
        """Apply one change."""
        match change:
            case PatientUpdate():
                self._update(change)
            case OrderPlaced():
                self._place(change)
            case OrderWithdrawn():
                self._withdraw(change)
            case PatientMerge():
                self._merge(change)

    def _update(self, change: PatientUpdate) -> None:
        self._know(change.patient_id, change.said)
        self._change_items(
            change.patient_id,
            lambda patient: replace(patient, **change.said),  # type: ignore[arg-type]  # fields of Patient, by the mapping's table
        )

    def _know(self, patient_id: Identifier, said: Mapping[str, object]) -> Patient:
        known = patient_in(self._connection, patient_id) or Patient(id=patient_id.value, name="")
        patient = replace(known, **said)  # type: ignore[arg-type]  # fields of Patient, by the mapping's table
        self._forget(known)
        self._forget(patient)
        self._connection.execute(
            sa.insert(schema.known_patient),
            {
                "patient_id": patient.id,
                "issuer": patient.issuer,
                "source_name": self._source_name,
                "changed_at": self._at,
                "patient": to_json(patient),
            },
        )
        return patient

    def _forget(self, patient: Patient) -> None:
        self._connection.execute(
            sa.delete(schema.known_patient).where(
                _known.patient_id == patient.id, _known.issuer == patient.issuer
            )
        )

    def _change_items(self, patient_id: Identifier, changed: Callable[[Patient], Patient]) -> None:
        """The patient in every item that is shown and that no RIS keeps."""
        put_items(
            self._connection,
            [
                replace(item, patient=changed(item.patient))
                for item in self._items(_item.patient_id == patient_id.value)
                if item.source is not WorklistSource.RIS
                and is_same(id_of(item.patient), patient_id)
            ],
        )

    def _items(self, condition: sa.ColumnElement[bool]) -> list[WorklistItem]:
        texts = self._connection.execute(
            sa.select(_item.item).where(condition, _item.withdrawn_at.is_(None))
        ).scalars()
        return [item for text in texts if (item := from_json(WorklistItem, text)) is not None]

    def _place(self, change: OrderPlaced) -> None:
        item = change.item
        if known := patient_in(self._connection, id_of(item.patient)):
            item = replace(item, patient=_filled(item.patient, known))
        before = next((each for each in self._of_the_order(item) if _is_step(each, item)), None)
        if before is not None:
            item = replace(item, id=before.id)
            if change.is_change and before.step.status in BEGUN:
                item = replace(item, step=replace(item.step, status=before.step.status))
        put_items(self._connection, [item])
        self.placed += 1

    def _of_the_order(self, item: WorklistItem) -> list[WorklistItem]:
        return [
            each
            for each in self._items(_item.patient_id == item.patient.id)
            if each.source is WorklistSource.HL7 and each.source_name == item.source_name
        ]

    def _withdraw(self, change: OrderWithdrawn) -> None:
        condition = sa.and_(
            _item.source == WorklistSource.HL7.value, _item.source_name == change.source_name
        )
        if change.patient_id.value:
            found = self._items(sa.and_(condition, _item.patient_id == change.patient_id.value))
        else:
            found = self._items(condition)
        gone = [item.id for item in found if _is_meant(item, change)]
        withdraw_items(self._connection, gone, now=self._at)
        self.withdrawn += len(gone)

    def _merge(self, change: PatientMerge) -> None:
        known = patient_in(self._connection, change.prior)
        self._update(PatientUpdate(patient_id=change.patient_id, said=change.said))
        patient = patient_in(self._connection, change.patient_id)
        assert patient is not None
        if known is not None and not is_same(id_of(known), change.patient_id):
            self._forget(known)
        self._forget(patient)
        self._connection.execute(
            sa.insert(schema.patient_merge),
            {
                "at": self._at,
                "patient_id": change.patient_id.value,
                "issuer": change.patient_id.issuer,
                "prior_patient_id": change.prior.value,
                "prior_issuer": change.prior.issuer,
                "hl7_message_id": self._row,
            },
        )
        self._change_items(change.prior, lambda prior: _filled(patient, replace(prior, id="")))
        self._merge_exams(change, patient)

    def _merge_exams(self, change: PatientMerge, patient: Patient) -> None:
        rows = self._connection.execute(
            sa.select(_exam.id, _exam.progress, _exam.patient, _exam.worklist_item).where(
                _exam.patient_id == change.prior.value
            )
        ).all()
        for row in rows:
            prior = from_json(Patient, row.patient)
            if prior is None or not is_same(id_of(prior), change.prior):
                continue
            if row.progress != Progress.OPEN.value:
                self.exams.append(row.id)
                continue
            remaining = _filled(patient, replace(prior, id=""))
            item = from_json(WorklistItem, row.worklist_item)
            self._connection.execute(
                sa.update(schema.exam)
                .where(_exam.id == row.id)
                .values(
                    patient=to_json(remaining),
                    patient_id=remaining.id,
                    worklist_item=to_json(item and replace(item, patient=remaining)),
                )
            )


def patient_in(connection: sa.Connection, patient_id: Identifier) -> Patient | None:
    """What messages said of a patient; None where they said nothing."""
    texts = connection.execute(
        sa.select(_known.patient).where(_known.patient_id == patient_id.value).order_by(_known.id)
    ).scalars()
    found = [each for text in texts if (each := from_json(Patient, text)) is not None]
    same = [each for each in found if is_same(id_of(each), patient_id)]
    # Where one issuer is not known, several may be meant: the one of the same issuer first.
    return min(same, key=lambda each: each.issuer != patient_id.issuer, default=None)


def id_of(patient: Patient) -> Identifier:
    """The Patient ID with its issuer."""
    return Identifier(
        value=patient.id, issuer=patient.issuer, universal_id=patient.issuer_universal_id
    )


def _filled(patient: Patient, known: Patient) -> Patient:
    """A patient with what another source knows of what this one leaves out."""
    missing = {
        each.name: getattr(known, each.name)
        for each in fields(Patient)
        if getattr(patient, each.name) in _UNSAID
    }
    return replace(patient, **missing)


def _is_step(item: WorklistItem, other: WorklistItem) -> bool:
    """Whether both are one step of one order, by the numbers that both have."""
    if item.id == other.id:
        return True
    pairs = (
        (item.placer_order_number.value, other.placer_order_number.value),
        (item.filler_order_number.value, other.filler_order_number.value),
    )
    named = [(one, two) for one, two in pairs if one and two]
    same_step = (item.requested_procedure_id, item.step.id) == (
        other.requested_procedure_id,
        other.step.id,
    )
    return bool(named) and all(one == two for one, two in named) and same_step


def _is_meant(item: WorklistItem, change: OrderWithdrawn) -> bool:
    """Whether an item is of what is withdrawn, by the numbers that both have."""
    pairs = (
        (change.placer_order_number, item.placer_order_number.value),
        (change.filler_order_number, item.filler_order_number.value),
    )
    named = [(one, two) for one, two in pairs if one and two]
    if not named or any(one != two for one, two in named):
        return False
    return not change.step_id or not item.step.id or change.step_id == item.step.id
