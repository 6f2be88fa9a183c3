"""Performed Procedure Steps: those we report, and those that other modalities reported to us.

Rules
- `state` is what the step is; `acknowledged` is what the peer last answered with success. One of
  ours is due while the two differ.
- After completed or discontinued nothing changes any more (PS3.4 F.7.2.2.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading

_step = schema.procedure_step.c


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One step. exam_id: '' of another modality's. attributes: DICOM JSON."""

    sop_instance_uid: str
    exam_id: str
    peer: str
    state: str
    acknowledged: str
    attributes: str
    created_at: datetime
    changed_at: datetime
    attempts: int = 0
    next_attempt_at: datetime | None = None
    last_status: int | None = None
    last_error: str = ""


class ProcedureSteps:
    """Thread-safe; a change is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def step(self, sop_instance_uid: str) -> StepRow | None:
        """One step; None where it is unknown."""
        found = self._read(_step.sop_instance_uid == sop_instance_uid)
        return found[0] if found else None

    def of_exam(self, exam_id: str) -> list[StepRow]:
        """The steps of one exam, one for each peer that gets it."""
        return self._read(_step.exam_id == exam_id)

    def due(self, *, now: datetime) -> list[StepRow]:
        """Ours that are to be sent now, oldest first."""
        return self._read(_step.next_attempt_at <= now)

    def _read(self, condition: sa.ColumnElement[bool]) -> list[StepRow]:
        statement = sa.select(schema.procedure_step).where(condition).order_by(_step.id)
        with reading(self._readers) as connection:
            return [step_of(row) for row in connection.execute(statement)]


def step_of(row: sa.Row[*tuple[Any, ...]]) -> StepRow:
    """A row of procedure_step."""
    return StepRow(
        sop_instance_uid=row.sop_instance_uid,
        exam_id=row.exam_id or "",
        peer=row.peer,
        state=row.state,
        acknowledged=row.acknowledged,
        attributes=row.attributes,
        created_at=row.created_at,
        changed_at=row.changed_at,
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at,
        last_status=row.last_status,
        last_error=row.last_error,
    )
