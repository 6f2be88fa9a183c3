"""Deliveries: every change of state is one row of model.delivery.TRANSITIONS, durable on return.

Rules
- An attempt is counted when it ends (stored, retried or held), and when a crash cut it off: an
  instance that brings the node down must not look as if it had never been tried. INTERRUPTED by a
  living worker, which knows that nothing was sent, counts nothing.
- A status that says that the archive's copy differs from ours keeps ours, whatever comes after it,
  until a person clears it (operator_actions.py).
- A success with a warning goes on to be shown beside what comes after it: the proof, or that the
  request for it came to nothing. The next sending is another success.
- Many changes come as one transaction; one illegal event among them and none is made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import IndexDamaged, UsageError
from echonode.model.delivery import (
    DIFFERING_COPY_STATUSES,
    DeliveryEvent,
    DeliveryState,
    after,
)
from echonode.store.database import counters, derived_copies, schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.event_log import note_deliveries
from echonode.store.database.exam_holds import hold_of
from echonode.store.database.rows import SELECT_JOBS, delivery_job, member
from echonode.store.deliveries.claim_order import WINDOW, Due, claim_order
from echonode.store.files.layout import Layout
from echonode.store.index.writer import new_delivery
from echonode.store.values import Attempt, DeliveryJob

_D = schema.delivery.c
_ENDS_AN_ATTEMPT = frozenset({DeliveryEvent.STORED, DeliveryEvent.RETRY, DeliveryEvent.HOLD})
_REPEATS = frozenset({DeliveryEvent.RETRY, DeliveryEvent.NOT_COMMITTED, DeliveryEvent.MISSING})
RETRIES = "retries:"  # counters: of each destination, what is behind it
_FOLLOWS_STORED = frozenset(
    {DeliveryEvent.COMMITTED, DeliveryEvent.FOUND, DeliveryEvent.REQUEST_LOST}
)
_LONGEST_ERROR = 500  # characters; it may quote the archive's comment

# In order of acquisition; delivery_in_order serves it without sorting.
_DUE = (
    sa.select(_D.id, _D.acquired_at, schema.instance.c.size)
    .select_from(schema.delivery.join(schema.instance))
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


def apply_attempt(connection: sa.Connection, attempt: Attempt, *, now: datetime) -> None:
    """Apply one event to one delivery. Raises IllegalTransition."""
    _apply_alike(connection, [attempt], now)


def apply_attempts(
    connection: sa.Connection, attempts: Sequence[Attempt], *, now: datetime
) -> None:
    """Apply an event to each of many deliveries; those alike together. Raises IllegalTransition."""
    alike: dict[tuple[Any, ...], list[Attempt]] = {}
    earlier: Counter[int] = Counter()  # events of the same delivery, which follow one another
    for attempt in attempts:
        what = (attempt.event, attempt.status, attempt.error, attempt.next_attempt_at)
        alike.setdefault((earlier[attempt.job_id], *what), []).append(attempt)
        earlier[attempt.job_id] += 1
    for key in sorted(alike, key=lambda key: int(key[0])):
        _apply_alike(connection, alike[key], now)


def _apply_alike(connection: sa.Connection, attempts: Sequence[Attempt], now: datetime) -> None:
    """Attempts that differ in nothing but their delivery, and what went in its instance's place."""
    attempt, job_ids = attempts[0], [attempt.job_id for attempt in attempts]
    rows = connection.execute(
        sa.select(_D.id, _D.state, _D.destination).where(_D.id.in_(job_ids))
    ).all()
    if len(rows) < len(set(job_ids)):
        raise UsageError(f"there is no delivery {min({*job_ids} - {row.id for row in rows})}")
    for name in {row.state for row in rows}:
        before = member(DeliveryState, name)
        state = after(before, attempt.event)
        connection.execute(
            sa.update(schema.delivery)
            .where(_D.id.in_([row.id for row in rows if row.state == name]))
            .values(_changes(before, state, attempt, now))
        )
    if attempt.event in _REPEATS:
        for destination, count in Counter(row.destination for row in rows).items():
            counters.add(connection, RETRIES + destination, count)
    if attempt.event is DeliveryEvent.STORED:
        derived_copies.remember(connection, attempts)
    note_deliveries(
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
    """The columns that an event sets, beside the state."""
    values: dict[Any, Any] = {"state": state.value, "last_error": attempt.error[:_LONGEST_ERROR]}
    if attempt.event in _FOLLOWS_STORED:
        values["last_error"] = _beside_a_warning(attempt.error[:_LONGEST_ERROR])
    if attempt.status is not None:
        values["last_status"] = attempt.status
    if attempt.status in DIFFERING_COPY_STATUSES:
        values["keep_local_copy"] = True
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


def _beside_a_warning(error: str) -> sa.ColumnElement[str]:
    """What the ledger says after a success: the warning it came with (PS3.7 C.3), then `error`."""
    warned = sa.literal("stored with warning ") + sa.func.printf("%04X", _D.last_status)
    remark = warned + "; " + error if error else warned
    return sa.case((_D.last_status.between(0xB000, 0xBFFF), remark), else_=error)


class Deliveries:
    """The deliveries of all destinations. Thread-safe."""

    def __init__(self, writer: Writer, readers: sa.Engine, layout: Layout) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout

    def claim(self, destination: str, *, now: datetime, limit: int) -> list[DeliveryJob]:
        """Up to `limit` jobs that are queued and due, now `sending`; see claim_order.py."""
        sending = after(DeliveryState.QUEUED, DeliveryEvent.SEND)

        def work(connection: sa.Connection) -> list[DeliveryJob]:
            found = connection.execute(
                _DUE, {"destination": destination, "now": now, "limit": limit * WINDOW}
            )
            due = (Due(job_id=row.id, acquired_at=row.acquired_at, size=row.size) for row in found)
            job_ids = [chosen.job_id for chosen in claim_order(due, limit=limit)]
            if not job_ids:
                return []
            connection.execute(
                sa.update(schema.delivery)
                .where(_D.id.in_(job_ids))
                .values(state=sending.value, next_attempt_at=None)
            )
            jobs = {job.id: job for job in jobs_by_id(connection, self._layout, job_ids)}
            if len(jobs) < len(job_ids):  # an index names what its table has not
                raise IndexDamaged("the database has no row of a delivery that is due")
            return [jobs[job_id] for job_id in job_ids]

        # An idle worker asks often; only where something is due does it cost a transaction.
        due = self.next_due(destination)
        return self._writer.run(work) if due is not None and due <= now else []

    def record(self, attempts: Sequence[Attempt], *, now: datetime) -> None:
        """Apply an event to each of many deliveries."""

        def work(connection: sa.Connection) -> None:
            apply_attempts(connection, attempts, now=now)

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
        with reading(self._readers) as connection:
            rows = connection.execute(statement, values)
            return [delivery_job(row, self._layout) for row in rows]

    def next_due(self, destination: str) -> datetime | None:
        """When the next queued job is due."""
        with reading(self._readers) as connection:
            due: datetime | None = connection.scalar(_NEXT_DUE, {"destination": destination})
            return due

    def of_instance(self, sop_instance_uid: str) -> list[DeliveryJob]:
        """The deliveries of one instance."""
        statement = SELECT_JOBS.where(
            schema.instance.c.sop_instance_uid == sop_instance_uid
        ).order_by(_D.destination)
        with reading(self._readers) as connection:
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

    def requeue_interrupted(self, *, now: datetime) -> int:
        """At start: what was being sent when the node stopped is sent again; returns how many."""
        queued = after(DeliveryState.SENDING, DeliveryEvent.INTERRUPTED)

        def work(connection: sa.Connection) -> int:
            # One destination after the other: by state alone every delivery would be read.
            return sum(
                connection.execute(
                    sa.update(schema.delivery)
                    .where(_D.destination == each, _D.state == DeliveryState.SENDING.value)
                    .values(state=queued.value, next_attempt_at=now, attempts=_D.attempts + 1)
                ).rowcount
                for each in _destinations(connection)
            )

        return self._writer.run(work)


def _destinations(connection: sa.Connection) -> Iterator[str]:
    """Every destination that has deliveries; each is found in the index, none is counted."""
    found = connection.scalar(sa.select(sa.func.min(_D.destination)))
    while found is not None:
        yield found
        found = connection.scalar(
            sa.select(sa.func.min(_D.destination)).where(_D.destination > found)
        )


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
        hold = hold_of(connection, sop_instance_uid)
        values = [new_delivery(row.id, name, row.acquired_at, now, hold=hold) for name in new]
        connection.execute(sa.insert(schema.delivery), values)
    return len(new)
