"""Performed procedure steps that other modalities report, and the items that they close.

Rules
- A step is created once and changed until it is over (PS3.4 F.7.2.2): COMPLETED and DISCONTINUED
  are final.
- The scheduled steps that it was performed for get their state in the same transaction.
- Changes are laid over the attributes that are there, element by element, as N-SET has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import StepIsOver, StepKnown, StepUnknown
from echonode.model.exam import CaptureKind
from echonode.model.exam_state import Progress
from echonode.model.worklist_item import WorklistItem, WorklistSource
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.exams.json_values import from_json
from echonode.store.exams.worklist_items import put_items

_step, _item = schema.procedure_step.c, schema.worklist_item.c
_exam, _capture = schema.exam.c, schema.exam_capture.c
IN_PROGRESS = "in_progress"

# A step's attributes: DICOM JSON (PS3.18 annex F).
Attributes = Mapping[str, object]


class ReportedSteps:
    """Thread-safe; a change is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def performed_here(self) -> dict[str, str]:
        """Id of an item that is shown -> what an exam of ours made of it: STARTED or COMPLETED.

        An exam that ended without a capture has performed nothing.
        """
        captured = (
            sa.select(_capture.id)
            .where(_capture.exam_id == _exam.id, _capture.kind == CaptureKind.CAPTURE.value)
            .exists()
        )
        statement = (
            sa.select(_exam.worklist_item_id, _exam.progress)
            .join(schema.worklist_item, _item.id == _exam.worklist_item_id)
            .where(
                _item.withdrawn_at.is_(None),
                sa.or_(_exam.progress != Progress.ENDED.value, captured),
            )
            # An exam under way outweighs one that is over.
            .order_by(_exam.progress != Progress.ENDED.value)
        )
        with reading(self._readers) as connection:
            return {
                row.worklist_item_id: "COMPLETED"
                if row.progress == Progress.ENDED.value
                else "STARTED"
                for row in connection.execute(statement)
            }

    def create(
        self,
        sop_instance_uid: str,
        *,
        peer: str,
        attributes: Attributes,
        is_of: Callable[[WorklistItem], bool],
        at: datetime,
    ) -> int:
        """A new step, in progress; how many items it is of. Raises StepKnown.

        is_of: whether it is performed for an item; such an item is STARTED from here on.
        """

        def work(connection: sa.Connection) -> int:
            if _row(connection, sop_instance_uid) is not None:
                raise StepKnown("a step of this UID exists")
            connection.execute(
                sa.insert(schema.procedure_step),
                {
                    "sop_instance_uid": sop_instance_uid,
                    "exam_id": None,
                    "peer": peer,
                    "state": IN_PROGRESS,
                    "acknowledged": IN_PROGRESS,
                    "attributes": json.dumps(attributes),
                    "created_at": at,
                    "changed_at": at,
                    "attempts": 0,
                    "next_attempt_at": None,
                    "last_status": None,
                    "last_error": "",
                },
            )
            return _mark(connection, is_of, "STARTED")

        return self._writer.run(work)

    def change(
        self,
        sop_instance_uid: str,
        *,
        peer: str,
        modifications: Attributes,
        state: str,
        is_of: Callable[[Attributes, WorklistItem], bool],
        at: datetime,
    ) -> int:
        """Lay changes over a step; how many items changed. Raises StepUnknown, StepIsOver.

        state: in_progress, completed or discontinued. is_of: as in `create`, by the attributes that
        the step has. A step of another peer is unknown to this one.
        """

        def work(connection: sa.Connection) -> int:
            row = _row(connection, sop_instance_uid)
            if row is None or row.exam_id is not None or row.peer != peer:
                raise StepUnknown("there is no such step of this peer")
            if row.state != IN_PROGRESS:
                raise StepIsOver("the step is over")
            attributes = {**json.loads(row.attributes), **modifications}
            connection.execute(
                sa.update(schema.procedure_step)
                .where(_step.sop_instance_uid == sop_instance_uid)
                .values(
                    state=state,
                    acknowledged=state,
                    attributes=json.dumps(attributes),
                    changed_at=at,
                )
            )
            if state == IN_PROGRESS:
                return 0
            return _mark(connection, lambda item: is_of(attributes, item), state.upper())

        return self._writer.run(work)


def _row(connection: sa.Connection, sop_instance_uid: str) -> sa.Row[*tuple[Any, ...]] | None:
    return connection.execute(
        sa.select(_step.exam_id, _step.peer, _step.state, _step.attributes).where(
            _step.sop_instance_uid == sop_instance_uid
        )
    ).first()


def _mark(connection: sa.Connection, is_of: Callable[[WorklistItem], bool], status: str) -> int:
    """Give the items that a step is of their Scheduled Procedure Step Status."""
    served = (WorklistSource.HL7.value, WorklistSource.ENTERED.value)
    texts = connection.execute(
        sa.select(_item.item).where(_item.source.in_(served), _item.withdrawn_at.is_(None))
    ).scalars()
    items = [item for text in texts if (item := from_json(WorklistItem, text)) is not None]
    marked = [
        replace(item, step=replace(item.step, status=status)) for item in items if is_of(item)
    ]
    put_items(connection, marked)
    return len(marked)
