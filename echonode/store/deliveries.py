"""Deliveries: every change of state is one row of model.delivery.TRANSITIONS, durable on return.

Rules
- An attempt is counted when it ends (stored, retried or held), and when a crash cut it off: an
  instance that brings the node down must not look as if it had never been tried. INTERRUPTED by a
  living worker, which knows that nothing was sent, counts nothing.
- Many changes come as one transaction; one illegal event among them and none is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import UsageError
from echonode.model.delivery import DeliveryEvent, DeliveryState, after
from echonode.store import schema
from echonode.store.database import Writer, database_errors
from echonode.store.index_writer import queued_delivery
from echonode.store.layout import Layout
from echonode.store.rows import SELECT_JOBS, delivery_job
from echonode.store.values import Attempt, DeliveryJob

_D = schema.delivery.c
_ENDS_AN_ATTEMPT = frozenset({DeliveryEvent.STORED, DeliveryEvent.RETRY, DeliveryEvent.HOLD})
_LONGEST_ERROR = 500  # characters; it may quote the archive's comment

# In order of acquisition; delivery_in_order serves it without sorting.
_DUE = (
    sa.select(_D.id)
    .where(
        _D.destination == sa.bindparam("destination"),
        _D.state == DeliveryState.QUEUED.value,
        _D.next_attempt_at <= sa.bindparam("now", type_=schema.UtcTime),
    )
    .order_by(_D.acquired_at, _D.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_SENT = (
    SELECT_JOBS.where(
        _D.destination == sa.bindparam("destination"), _D.state == DeliveryState.SENT.value
    )
    .order_by(_D.acquired_at, _D.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_NEXT_DUE = sa.select(sa.func.min(_D.next_attempt_at, type_=schema.UtcTime)).where(
    _D.destination == sa.bindparam("destination"), _D.state == DeliveryState.QUEUED.value
)
_NOW = sa.bindparam("now", type_=schema.UtcTime)


def jobs_by_id(
    connection: sa.Connection, layout: Layout, job_ids: Sequence[int]
) -> list[DeliveryJob]:
    """Jobs in order of acquisition; those that do not exist are left out."""
    statement = SELECT_JOBS.where(_D.id.in_(job_ids)).order_by(_D.acquired_at, _D.id)
    return [delivery_job(row, layout) for row in connection.execute(statement)]


def apply_attempt(connection: sa.Connection, attempt: Attempt, *, now: datetime) -> DeliveryState:
    """Apply one event to one delivery; returns its new state. Raises IllegalTransition."""
    row = connection.execute(
        sa.select(_D.state, _D.commitments_failed).where(_D.id == attempt.job_id)
    ).first()
    if row is None:
        raise UsageError(f"there is no delivery {attempt.job_id}")
    before = DeliveryState(row.state)
    state = after(before, attempt.event)
    connection.execute(
        sa.update(schema.delivery)
        .where(_D.id == attempt.job_id)
        .values(_changes(before, state, attempt, now))
    )
    return state


def _changes(
    before: DeliveryState, state: DeliveryState, attempt: Attempt, now: datetime
) -> dict[Any, Any]:
    """The columns that an event sets, beside the state."""
    values: dict[Any, Any] = {"state": state.value, "last_error": attempt.error[:_LONGEST_ERROR]}
    if attempt.status is not None:
        values["last_status"] = attempt.status
    if before is DeliveryState.SENDING and attempt.event in _ENDS_AN_ATTEMPT:
        values["attempts"] = _D.attempts + 1
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
        values["commitments_failed"] = _D.commitments_failed + 1
    return values


class Deliveries:
    """The deliveries of all destinations. Thread-safe."""

    def __init__(self, writer: Writer, readers: sa.Engine, layout: Layout) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout

    def claim(self, destination: str, *, now: datetime, limit: int) -> list[DeliveryJob]:
        """Up to `limit` jobs that are queued and due, now `sending`, in order of acquisition."""
        sending = after(DeliveryState.QUEUED, DeliveryEvent.SEND)

        def work(connection: sa.Connection) -> list[DeliveryJob]:
            found = connection.execute(
                _DUE, {"destination": destination, "now": now, "limit": limit}
            )
            job_ids = list(found.scalars())
            if not job_ids:
                return []
            connection.execute(
                sa.update(schema.delivery)
                .where(_D.id.in_(job_ids))
                .values(state=sending.value, next_attempt_at=None)
            )
            return jobs_by_id(connection, self._layout, job_ids)

        # An idle worker asks often; only where something is due does it cost a transaction.
        due = self.next_due(destination)
        return self._writer.run(work) if due is not None and due <= now else []

    def record(self, attempts: Sequence[Attempt], *, now: datetime) -> None:
        """Apply an event to each of many deliveries."""

        def work(connection: sa.Connection) -> None:
            for attempt in attempts:
                apply_attempt(connection, attempt, now=now)

        if attempts:
            self._writer.run(work)

    def sent(self, destination: str, *, limit: int, now: datetime | None) -> list[DeliveryJob]:
        """Jobs that wait for proof."""
        statement = _SENT
        if now is not None:
            statement = statement.where(
                sa.or_(_D.next_attempt_at.is_(None), _D.next_attempt_at <= _NOW)
            )
        values = {"destination": destination, "limit": limit, "now": now}
        with database_errors(), self._readers.connect() as connection:
            rows = connection.execute(statement, values)
            return [delivery_job(row, self._layout) for row in rows]

    def next_due(self, destination: str) -> datetime | None:
        """When the next queued job is due."""
        with database_errors(), self._readers.connect() as connection:
            due: datetime | None = connection.scalar(_NEXT_DUE, {"destination": destination})
            return due

    def of_instance(self, sop_instance_uid: str) -> list[DeliveryJob]:
        """The deliveries of one instance."""
        statement = SELECT_JOBS.where(
            schema.instance.c.sop_instance_uid == sop_instance_uid
        ).order_by(_D.destination)
        with database_errors(), self._readers.connect() as connection:
            return [delivery_job(row, self._layout) for row in connection.execute(statement)]

    def add(
        self, sop_instance_uids: Sequence[str], destinations: Sequence[str], *, now: datetime
    ) -> int:
        """Queue instances to destinations that they have no delivery to; returns how many."""

        def work(connection: sa.Connection) -> int:
            added = 0
            for uid in sop_instance_uids:
                added += _add_missing(connection, uid, destinations, now)
            return added

        return self._writer.run(work)

    def move(
        self,
        sop_instance_uid: str,
        destination: str | None,
        events: dict[DeliveryState, DeliveryEvent],
        *,
        now: datetime,
        error: str = "",
        fresh: bool = False,
    ) -> list[str]:
        """The operator's hand: the event for each delivery whose state is named.

        fresh: the attempts are counted anew. Returns the destinations of those that were moved.
        """

        def work(connection: sa.Connection) -> list[str]:
            found = connection.execute(
                sa.select(_D.id, _D.state, _D.destination)
                .join(schema.instance)
                .where(
                    schema.instance.c.sop_instance_uid == sop_instance_uid,
                    _D.state.in_([state.value for state in events]),
                    *([] if destination is None else [_D.destination == destination]),
                )
            ).all()
            for row in found:
                event = events[DeliveryState(row.state)]
                attempt = Attempt(job_id=row.id, event=event, error=error)
                apply_attempt(connection, attempt, now=now)
                if fresh:
                    connection.execute(
                        sa.update(schema.delivery)
                        .where(_D.id == row.id)
                        .values(attempts=0, commitments_failed=0)
                    )
            return [row.destination for row in found]

        return self._writer.run(work)

    def make_due(
        self, sop_instance_uid: str, destination: str | None, *, now: datetime
    ) -> list[str]:
        """Queued deliveries of an instance become due now; returns their destinations."""

        def work(connection: sa.Connection) -> list[str]:
            chosen = sa.select(schema.instance.c.id).where(
                schema.instance.c.sop_instance_uid == sop_instance_uid
            )
            conditions = [
                _D.instance_id.in_(chosen),
                _D.state == DeliveryState.QUEUED.value,
                *([] if destination is None else [_D.destination == destination]),
            ]
            found = connection.execute(sa.select(_D.destination).where(*conditions)).scalars().all()
            connection.execute(
                sa.update(schema.delivery).where(*conditions).values(next_attempt_at=now)
            )
            return list(found)

        return self._writer.run(work)

    def requeue_interrupted(self, *, now: datetime) -> int:
        """At start: what was being sent when the node stopped is sent again; returns how many."""
        queued = after(DeliveryState.SENDING, DeliveryEvent.INTERRUPTED)

        def work(connection: sa.Connection) -> int:
            changed = connection.execute(
                sa.update(schema.delivery)
                .where(_D.state == DeliveryState.SENDING.value)
                .values(state=queued.value, next_attempt_at=now, attempts=_D.attempts + 1)
            )
            return changed.rowcount

        return self._writer.run(work)


def _add_missing(
    connection: sa.Connection, sop_instance_uid: str, destinations: Sequence[str], now: datetime
) -> int:
    row = connection.execute(
        sa.select(schema.instance.c.id, schema.instance.c.acquired_at).where(
            schema.instance.c.sop_instance_uid == sop_instance_uid
        )
    ).first()
    if row is None:
        return 0
    held = set(
        connection.execute(sa.select(_D.destination).where(_D.instance_id == row.id)).scalars()
    )
    new = [name for name in destinations if name not in held]
    if new:
        values = [queued_delivery(row.id, name, row.acquired_at, now) for name in new]
        connection.execute(sa.insert(schema.delivery), values)
    return len(new)
