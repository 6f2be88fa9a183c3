"""Events applied to deliveries within the caller's transaction.

Rules
- An attempt is counted when it ends (stored, retried or held), and when a crash interrupts it: an
  instance that crashes the node must not look as if it had never been tried. INTERRUPTED by a
  running worker, which knows that nothing was sent, counts nothing.
- A status which says that the archive's copy differs from ours keeps our copy, whatever follows,
  until a person clears it (operator_actions.py).
- The warning of a success stays visible with what follows it: the proof, or a request for it that
  failed. The next sending is another success.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import IllegalTransition, UsageError
from echonode.model.delivery import (
    DIFFERING_COPY_STATUSES,
    DeliveryEvent,
    DeliveryState,
    after,
)
from echonode.model.status import FIRST_WARNING, LAST_WARNING
from echonode.store.database import counters, derived_copies, schema
from echonode.store.database.dialects import four_hex_digits
from echonode.store.database.event_log import add_delivery_events
from echonode.store.database.rows import parse_enum
from echonode.store.values import Attempt

RETRIES = "retries:"  # counters: the destination's name follows
_delivery = schema.delivery.c
_ENDS_AN_ATTEMPT = frozenset({DeliveryEvent.STORED, DeliveryEvent.RETRY, DeliveryEvent.HOLD})
_REPEATS = frozenset({DeliveryEvent.RETRY, DeliveryEvent.NOT_COMMITTED, DeliveryEvent.MISSING})
_FOLLOWS_STORED = frozenset(
    {DeliveryEvent.COMMITTED, DeliveryEvent.FOUND, DeliveryEvent.REQUEST_LOST}
)
_LONGEST_ERROR = 500  # characters; it may quote the archive's comment


def apply_attempt(connection: sa.Connection, attempt: Attempt, *, now: datetime) -> None:
    """Apply one event to one delivery. Raises IllegalTransition."""
    _apply_alike(connection, [attempt], now)


def apply_attempts(
    connection: sa.Connection,
    attempts: Sequence[Attempt],
    *,
    now: datetime,
    claimed_by: str | None = None,
) -> None:
    """Apply an event to each of many deliveries; equal ones together. Raises IllegalTransition.

    claimed_by: the node that sent them; what another node claimed meanwhile is not its to change.
    """
    alike: dict[tuple[Any, ...], list[Attempt]] = {}
    earlier: Counter[int] = Counter()  # events of the same delivery, which follow each other
    for attempt in attempts:
        what = (attempt.event, attempt.status, attempt.error, attempt.next_attempt_at)
        alike.setdefault((earlier[attempt.job_id], *what), []).append(attempt)
        earlier[attempt.job_id] += 1
    for key in sorted(alike, key=lambda key: int(key[0])):
        _apply_alike(connection, alike[key], now, claimed_by)


def _apply_alike(
    connection: sa.Connection,
    attempts: Sequence[Attempt],
    now: datetime,
    claimed_by: str | None = None,
) -> None:
    """Apply attempts that differ only in their delivery, and in the copy that was sent."""
    attempt, job_ids = attempts[0], [attempt.job_id for attempt in attempts]
    rows = connection.execute(
        sa.select(_delivery.id, _delivery.state, _delivery.destination, _delivery.claimed_by)
        .where(_delivery.id.in_(job_ids))
        .order_by(_delivery.id)
        .with_for_update()
    ).all()
    if len(rows) < len(set(job_ids)):
        raise UsageError(f"there is no delivery {min({*job_ids} - {row.id for row in rows})}")
    if claimed_by is not None and any(row.claimed_by not in ("", claimed_by) for row in rows):
        raise IllegalTransition("another node has claimed the delivery since")
    for name in {row.state for row in rows}:
        before = parse_enum(DeliveryState, name)
        state = after(before, attempt.event)
        connection.execute(
            sa.update(schema.delivery)
            .where(_delivery.id.in_([row.id for row in rows if row.state == name]))
            .values(_changes(before, state, attempt, now))
        )
    if attempt.event in _REPEATS:
        for destination, count in Counter(row.destination for row in rows).items():
            counters.add(connection, RETRIES + destination, count)
    if attempt.event is DeliveryEvent.STORED:
        derived_copies.remember(connection, attempts)
    add_delivery_events(
        connection,
        job_ids,
        kind=attempt.event.value,
        now=now,
        status=attempt.status,
        detail=attempt.error,
    )


def _changes(
    before: DeliveryState, state: DeliveryState, attempt: Attempt, now: datetime
) -> dict[Any, Any]:
    """The columns that an event sets in addition to the state."""
    values: dict[Any, Any] = {"state": state.value, "last_error": attempt.error[:_LONGEST_ERROR]}
    if attempt.event in _FOLLOWS_STORED:
        values["last_error"] = _with_warning(attempt.error[:_LONGEST_ERROR])
    if attempt.status is not None:
        values["last_status"] = attempt.status
    if attempt.status in DIFFERING_COPY_STATUSES:
        values["keep_local_copy"] = True
    if before is DeliveryState.SENDING:
        values |= _of_sending(attempt.event)
    if before is DeliveryState.COMMIT_REQUESTED:
        values["commitment_transaction_id"] = None
    values["next_attempt_at"] = attempt.next_attempt_at
    match state:
        case DeliveryState.QUEUED:
            values["next_attempt_at"] = attempt.next_attempt_at or now
        case DeliveryState.COMMITTED:
            values["committed_at"] = now
        case _ if attempt.event is DeliveryEvent.STORED:
            values |= {"sent_at": now, "commitments_asked": 0, "first_asked_at": None}
    if attempt.event is DeliveryEvent.NOT_COMMITTED:
        values["commitments_failed"] = _delivery.commitments_failed + 1
    return values


def _of_sending(event: DeliveryEvent) -> dict[Any, Any]:
    """No node sends it any more; whether an attempt has ended."""
    counted = {"attempts": _delivery.attempts + 1} if event in _ENDS_AN_ATTEMPT else {}
    return {"claimed_by": "", **counted}


def _with_warning(error: str) -> sa.ColumnElement[str]:
    """What the ledger says after a success: the warning it came with (PS3.7 C.3), then `error`."""
    warned = sa.literal("stored with warning ") + four_hex_digits(_delivery.last_status)
    remark = warned + "; " + error if error else warned
    return sa.case(
        (_delivery.last_status.between(FIRST_WARNING, LAST_WARNING), remark), else_=error
    )
