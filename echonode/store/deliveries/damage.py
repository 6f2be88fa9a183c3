"""Instances whose file here is damaged: marked in the index, and what waits for them.

Rules
- A mark belongs to the file that the row named when it was read; a row that names another file by
  now is not changed.
- A delivery that is held for damage is due again as soon as the file is whole. Its reason contains
  DAMAGED_HERE; a delivery that a person held for another reason stays held.
- All functions run in the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.model.delivery import DAMAGED_HERE, DeliveryEvent, DeliveryState
from echonode.store.database import schema
from echonode.store.deliveries.attempts import apply_attempt
from echonode.store.values import Attempt

_delivery = schema.delivery.c
_instance = schema.instance.c
# The second was written by versions before this one.
_REASONS = (DAMAGED_HERE, "the bytes here have changed since")

HELD_FOR_DAMAGE = sa.and_(
    _delivery.state == DeliveryState.HELD.value,
    sa.or_(*(_delivery.last_error.contains(reason, autoescape=True) for reason in _REASONS)),
)


def mark(connection: sa.Connection, instance_id: int, file_id: str, *, missing: bool) -> bool:
    """Mark an instance's file as gone or damaged; returns whether that is new."""
    marked = connection.execute(
        sa.update(schema.instance)
        .where(
            _instance.id == instance_id,
            _instance.file_id == file_id,
            sa.or_(_instance.file_missing != missing, _instance.file_damaged == missing),
        )
        .values(file_missing=missing, file_damaged=not missing)
    )
    return marked.rowcount > 0


def unmark(
    connection: sa.Connection, instance_id: int, file_id: str, *, now: datetime
) -> list[str]:
    """The file is whole; returns the destinations of the deliveries that are due again."""
    found = connection.execute(
        sa.update(schema.instance)
        .where(_instance.id == instance_id, _instance.file_id == file_id)
        .values(file_missing=False, file_damaged=False)
    )
    return release_held_for_damage(connection, instance_id, now=now) if found.rowcount else []


def release_held_for_damage(
    connection: sa.Connection, instance_id: int, *, now: datetime
) -> list[str]:
    """Queue what was held for damage, with its attempts reset; returns its destinations."""
    held = connection.execute(
        sa.select(_delivery.id, _delivery.destination).where(
            _delivery.instance_id == instance_id, HELD_FOR_DAMAGE
        )
    ).all()
    for row in held:
        release = Attempt(job_id=row.id, event=DeliveryEvent.RELEASE)
        apply_attempt(connection, release, now=now)
        connection.execute(
            sa.update(schema.delivery)
            .where(_delivery.id == row.id)
            .values(attempts=0, commitments_failed=0)
        )
    return [row.destination for row in held]
