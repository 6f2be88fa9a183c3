"""Instances whose file here is damaged: marked in the index, and what waits for them.

Rules
- A mark is a finding of the file that the row named when it was read; a row that names another file
  by now is left alone.
- A delivery that is held for damage is due again as soon as the file is whole. It is known by its
  reason, of which DAMAGED_HERE is a part; what a person held for another reason stays held.
- All functions run in the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.model.delivery import DAMAGED_HERE, DeliveryEvent, DeliveryState
from echonode.store.database import schema
from echonode.store.deliveries.deliveries import apply_attempt
from echonode.store.values import Attempt

_D = schema.delivery.c
_I = schema.instance.c
# The second was written by versions before this one.
_REASONS = (DAMAGED_HERE, "the bytes here have changed since")

HELD_FOR_DAMAGE = sa.and_(
    _D.state == DeliveryState.HELD.value,
    sa.or_(*(_D.last_error.contains(reason, autoescape=True) for reason in _REASONS)),
)


def mark(connection: sa.Connection, instance_id: int, file_id: str, *, missing: bool) -> bool:
    """Mark an instance's file as gone or damaged; whether that is news."""
    marked = connection.execute(
        sa.update(schema.instance)
        .where(
            _I.id == instance_id,
            _I.file_id == file_id,
            sa.or_(_I.file_missing != missing, _I.file_damaged == missing),
        )
        .values(file_missing=missing, file_damaged=not missing)
    )
    return marked.rowcount > 0


def unmark(
    connection: sa.Connection, instance_id: int, file_id: str, *, now: datetime
) -> list[str]:
    """The file is whole; the destinations of the deliveries that are due again."""
    found = connection.execute(
        sa.update(schema.instance)
        .where(_I.id == instance_id, _I.file_id == file_id)
        .values(file_missing=False, file_damaged=False)
    )
    return release_held_for_damage(connection, instance_id, now=now) if found.rowcount else []


def release_held_for_damage(
    connection: sa.Connection, instance_id: int, *, now: datetime
) -> list[str]:
    """Queue what was held for damage, with its attempts counted from 0; its destinations."""
    held = connection.execute(
        sa.select(_D.id, _D.destination).where(_D.instance_id == instance_id, HELD_FOR_DAMAGE)
    ).all()
    for row in held:
        release = Attempt(job_id=row.id, event=DeliveryEvent.RELEASE)
        apply_attempt(connection, release, now=now)
        connection.execute(
            sa.update(schema.delivery)
            .where(_D.id == row.id)
            .values(attempts=0, commitments_failed=0)
        )
    return [row.destination for row in held]
