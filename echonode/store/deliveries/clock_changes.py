"""A wall clock that was set back: what waits stays due as long after as it was before.

Rules
- Due times, and the times that waits are counted from, are by the wall clock, for they outlive a
  restart. A clock set forward makes them due early, at the price of one try too many. One set back
  would make them late by as much, and a year is possible: so they are set back with it.
- How far it was set is what the monotonic clock passed since the last look, less what the wall
  clock did. Over a restart, or while the machine slept, the former says too little, so a step may
  be found too small, and none is found where there was none.
- What was written between the step and the look stays as it is: the times of that minute are not
  moved. Due times are, whenever they were written: due too early, once, harms nothing.
- What has happened keeps the time at which it was said to happen.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from echonode.model.commitment import TransactionState
from echonode.model.delivery import DeliveryState
from echonode.store.database import schema

# Smaller ones come of looking, and of time services that slew; nothing waits for less.
SMALLEST_STEP = timedelta(seconds=5)
_SEEN = "wall_clock_seen"
# What is due later than this never is (delivery/retry.py).
_NEVER_FROM = datetime(9000, 1, 1, tzinfo=UTC)

_D, _T, _C = schema.delivery.c, schema.commitment_transaction.c, schema.inbound_commitment.c
_WAITING = _D.state.in_(
    [
        DeliveryState.QUEUED.value,
        DeliveryState.SENT.value,
        DeliveryState.COMMIT_REQUESTED.value,
    ]
)
_OPEN = _T.state.in_([TransactionState.CREATED.value, TransactionState.REQUESTED.value])
_PENDING = _C.state == "pending"


def note_clock(
    connection: sa.Connection, *, now: datetime, elapsed_s: float
) -> tuple[timedelta, list[str]]:
    """Remember the wall clock; where it was set back, set what waits back by as much.

    elapsed_s: on the monotonic clock, since the last look of this process. Returns how far it was
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
    names = connection.execute(sa.select(_D.destination).where(_WAITING).distinct())
    return set_back, list(names.scalars())


def _earlier(column: sa.Column[Any], step: timedelta) -> sa.ColumnElement[int]:
    return sa.type_coerce(column, sa.BigInteger) - step // timedelta(microseconds=1)


def _move_due_times(connection: sa.Connection, step: timedelta) -> None:
    connection.execute(
        sa.update(schema.delivery)
        .where(_WAITING, _D.next_attempt_at < _NEVER_FROM)
        .values(next_attempt_at=_earlier(_D.next_attempt_at, step))
    )
    connection.execute(
        sa.update(schema.inbound_commitment)
        .where(_PENDING)
        .values(next_attempt_at=_earlier(_C.next_attempt_at, step))
    )


def _move_beginnings(
    connection: sa.Connection, step: timedelta, kept: tuple[datetime, datetime]
) -> None:
    """The times that waits are counted from; those of the interval `kept` stay."""
    for table, which, column in (
        (schema.delivery, _WAITING, _D.first_asked_at),
        (schema.commitment_transaction, _OPEN, _T.requested_at),
        (schema.commitment_transaction, _OPEN, _T.first_requested_at),
        (schema.inbound_commitment, _PENDING, _C.requested_at),
    ):
        connection.execute(
            sa.update(table)
            .where(which, ~column.between(*kept))
            .values({column: _earlier(column, step)})
        )
