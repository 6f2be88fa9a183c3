"""A wall clock that was set back: waiting rows stay due after the same time as before.

Rules
- Due times, and the times that waits are counted from, use the wall clock because they outlast a
  restart. A clock set forward makes them due early, at the cost of one extra try. A clock set back
  would make them late by as much, possibly a year: so they are set back with it.
- The step is what the monotonic clock passed since the last call, less what the wall clock did.
  Over a restart, or while the machine slept, the monotonic clock shows too little, so a step may be
  found too small; none is found where there was none.
- Times written between the step and the call are not moved. Due times always are: due too early,
  once, does no harm.
- An event of the past keeps the time at which it was recorded.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from echonode.model.commitment import InboundState, TransactionState
from echonode.model.delivery import DeliveryState
from echonode.store.database import schema

# Smaller ones come from measuring, and from time services that slew; nothing waits for less.
SMALLEST_STEP = timedelta(seconds=5)
_SEEN = "wall_clock_seen"
# Later due times mean never (delivery/retry.py).
_NEVER_FROM = datetime(9000, 1, 1, tzinfo=UTC)

_delivery, _transaction, _inbound = (
    schema.delivery.c,
    schema.commitment_transaction.c,
    schema.inbound_commitment.c,
)
_WAITING = _delivery.state.in_(
    [
        DeliveryState.QUEUED.value,
        DeliveryState.SENT.value,
        DeliveryState.COMMIT_REQUESTED.value,
    ]
)
_OPEN = _transaction.state.in_([TransactionState.CREATED.value, TransactionState.REQUESTED.value])
_PENDING = _inbound.state == InboundState.PENDING.value


def remember_clock(
    connection: sa.Connection, *, now: datetime, elapsed_s: float
) -> tuple[timedelta, list[str]]:
    """Remember the wall clock; where it was set back, set due times back by as much.

    elapsed_s: on the monotonic clock, since the last call of this process. Returns how far it was
    set back, zero where it was not, and the destinations that something waits for.
    """
    seen = connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == _SEEN))
    connection.execute(sa.delete(schema.meta).where(schema.meta.c.key == _SEEN))
    connection.execute(sa.insert(schema.meta).values(key=_SEEN, value=now.isoformat()))
    if seen is None:
        return timedelta(), []
    set_back = datetime.fromisoformat(seen) + timedelta(seconds=elapsed_s) - now
    if set_back < SMALLEST_STEP:
        return timedelta(), []
    _move_due_times(connection, set_back)
    _move_beginnings(connection, set_back, (now - timedelta(seconds=elapsed_s), now))
    names = connection.execute(sa.select(_delivery.destination).where(_WAITING).distinct())
    return set_back, list(names.scalars())


def _earlier(column: sa.Column[Any], step: timedelta) -> sa.ColumnElement[int]:
    return sa.type_coerce(column, sa.BigInteger) - step // timedelta(microseconds=1)


def _move_due_times(connection: sa.Connection, step: timedelta) -> None:
    connection.execute(
        sa.update(schema.delivery)
        .where(_WAITING, _delivery.next_attempt_at < _NEVER_FROM)
        .values(next_attempt_at=_earlier(_delivery.next_attempt_at, step))
    )
    connection.execute(
        sa.update(schema.inbound_commitment)
        .where(_PENDING)
        .values(next_attempt_at=_earlier(_inbound.next_attempt_at, step))
    )


def _move_beginnings(
    connection: sa.Connection, step: timedelta, kept: tuple[datetime, datetime]
) -> None:
    """Move the times that waits are counted from, except those in the interval `kept`."""
    for table, which, column in (
        (schema.delivery, _WAITING, _delivery.first_asked_at),
        (schema.commitment_transaction, _OPEN, _transaction.requested_at),
        (schema.commitment_transaction, _OPEN, _transaction.first_requested_at),
        (schema.inbound_commitment, _PENDING, _inbound.requested_at),
    ):
        connection.execute(
            sa.update(table)
            .where(which, ~column.between(*kept))
            .values({column: _earlier(column, step)})
        )
