"""Which instances wait for their exam's patient: asked wherever a delivery would become due.

Rules
- An instance of an exam that is held and unidentified is not delivered: not at its insertion, not
  by an operator, not to a destination that is configured later.
- An instance whose object was built before its exam got the patient is not delivered before it is
  written again with the patient (exams/naming.py).
- Nor does a peer retrieve either: under its UID another archive would have another patient.
- One that was rejected before it was sent is not sent any more (exams/corrections.py).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

import sqlalchemy as sa

from echonode.model.exam import CaptureKind
from echonode.model.exam_state import Identity
from echonode.store.database import schema

_exam, _capture = schema.exam.c, schema.exam_capture.c
WAITS_FOR_PATIENT = "its exam has no patient yet: identify the exam"
WAITS_FOR_NAMING = "its exam's patient is being written into it"
REJECTED = "it was rejected by a correction of its exam"

# What `hold_from` reads, by the names that it reads it under.
HOLD_COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    "exam_identity": _exam.identity,
    "held": _exam.held,
    "has_patient": _capture.has_patient,
    "rejected_by": _capture.rejected_by,
    "kind": _capture.kind,
}
_STATE = (
    sa.select(*(column.label(name) for name, column in HOLD_COLUMNS.items()))
    .select_from(schema.exam_capture.join(schema.exam))
    .where(_capture.sop_instance_uid == sa.bindparam("uid"))
)

# As a condition on a statement of instances.
WAITS = (
    sa.exists()
    .where(
        _capture.sop_instance_uid == schema.instance.c.sop_instance_uid,
        _capture.exam_id == _exam.id,
        _capture.kind == CaptureKind.CAPTURE.value,
        sa.not_(_capture.has_patient),
        _exam.held,
    )
    .correlate(schema.instance)
)


class Hold(Enum):
    """Why an instance may not go yet."""

    NONE = auto()
    UNIDENTIFIED = auto()  # no one has said whose it is
    UNNAMED = auto()  # its exam has a patient, and the object does not say so yet
    REJECTED = auto()


REASONS = {
    Hold.NONE: "",
    Hold.UNIDENTIFIED: WAITS_FOR_PATIENT,
    Hold.UNNAMED: WAITS_FOR_NAMING,
    Hold.REJECTED: REJECTED,
}


def hold_of(connection: sa.Connection, sop_instance_uid: str) -> Hold:
    """Whether an instance waits; one that is of no exam does not."""
    return hold_from(connection.execute(_STATE, {"uid": sop_instance_uid}).first())


def hold_from(row: sa.Row[*tuple[Any, ...]] | None) -> Hold:
    """The same from a row that has HOLD_COLUMNS; None: it is of no exam."""
    if row is not None and row.rejected_by:
        return Hold.REJECTED
    if row is None or row.has_patient or not row.held or row.kind != CaptureKind.CAPTURE.value:
        return Hold.NONE
    return Hold.UNIDENTIFIED if row.exam_identity == Identity.UNIDENTIFIED.value else Hold.UNNAMED
