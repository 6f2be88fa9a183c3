"""Deliveries: every change of state is one row of model.delivery.TRANSITIONS, durable on return.

Rules
- attempts.py says what each event changes.
- Many changes are one transaction; one illegal event among them and none is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from echonode.errors import IndexDamaged
from echonode.model.delivery import DeliveryEvent, DeliveryState, after
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.exam_holds import hold_of
from echonode.store.database.rows import SELECT_JOBS, delivery_job
from echonode.store.deliveries.attempts import apply_attempts
from echonode.store.deliveries.claim_order import WINDOW, Due, claim_order
from echonode.store.deliveries.clock_changes import remember_clock
from echonode.store.deliveries.selection import read_destinations
from echonode.store.files.layout import Layout
from echonode.store.index.writer import new_delivery
from echonode.store.nodes.membership import Membership
from echonode.store.values import Attempt, DeliveryJob, OnDue

_delivery = schema.delivery.c

# In order of acquisition; delivery_in_order serves it without sorting.
_DUE = (
    sa.select(_delivery.id, _delivery.acquired_at, schema.instance.c.size)
    .select_from(schema.delivery.join(schema.instance))
    .where(
        _delivery.destination == sa.bindparam("destination"),
        _delivery.state == DeliveryState.QUEUED.value,
        _delivery.next_attempt_at <= sa.bindparam("now", type_=schema.UtcTime),
    )
    .order_by(_delivery.acquired_at, _delivery.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
    .with_for_update(of=schema.delivery, skip_locked=True)
)
_SENT = (
    SELECT_JOBS.where(
        _delivery.destination == sa.bindparam("destination"),
        _delivery.state == DeliveryState.SENT.value,
    )
    .order_by(_delivery.acquired_at, _delivery.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_NEXT_DUE = sa.select(sa.func.min(_delivery.next_attempt_at, type_=schema.UtcTime)).where(
    _delivery.destination == sa.bindparam("destination"),
    _delivery.state == DeliveryState.QUEUED.value,
)
_NOW = sa.bindparam("now", type_=schema.UtcTime)


def jobs_by_id(
    connection: sa.Connection, layout: Layout, job_ids: Sequence[int]
) -> list[DeliveryJob]:
    """Jobs in order of acquisition; those that do not exist are left out."""
    statement = SELECT_JOBS.where(_delivery.id.in_(job_ids)).order_by(
        _delivery.acquired_at, _delivery.id
    )
    return [delivery_job(row, layout) for row in connection.execute(statement)]


class Deliveries:
    """The deliveries of all destinations. Thread-safe.

    on_due: called with the destinations of deliveries that became due.
    """

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        *,
        nodes: Membership,
        on_due: OnDue,
        now: Callable[[], datetime],
    ) -> None:
        self._nodes = nodes
        self._on_due = on_due
        self._now = now
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
                .where(_delivery.id.in_(job_ids))
                .values(
                    state=sending.value,
                    next_attempt_at=None,
                    claimed_by=self._nodes.incarnation,
                )
            )
            jobs = {job.id: job for job in jobs_by_id(connection, self._layout, job_ids)}
            if len(jobs) < len(job_ids):  # an index names a row that its table does not have
                raise IndexDamaged("the database has no row of a delivery that is due")
            return [jobs[job_id] for job_id in job_ids]

        # An idle worker asks often; a transaction is made only where something is due.
        due = self.next_due(destination)
        return self._writer.run(work, locking="") if due is not None and due <= now else []

    def record_attempt(
        self,
        job_id: int,
        event: DeliveryEvent,
        *,
        now: datetime,
        status: int | None = None,
        error: str = "",
        next_attempt_at: datetime | None = None,
    ) -> None:
        """Apply one event to one delivery; see Attempt. Raises IllegalTransition."""
        attempt = Attempt(
            job_id=job_id, event=event, status=status, error=error, next_attempt_at=next_attempt_at
        )
        self.record_attempts([attempt], now=now)

    def record_attempts(self, attempts: Sequence[Attempt], *, now: datetime) -> None:
        """Apply an event to each of many deliveries, all or none.

        Raises IllegalTransition, also where another node has claimed one of them since.
        """

        def work(connection: sa.Connection) -> None:
            apply_attempts(connection, attempts, now=now, claimed_by=self._nodes.incarnation)

        if attempts:
            self._writer.run(work, locking="")

    def sent(
        self, destination: str, *, limit: int, now: datetime | None = None
    ) -> list[DeliveryJob]:
        """Jobs that are sent and wait for proof; with `now`, those due to be asked for (again)."""
        statement = _SENT
        if now is not None:
            statement = statement.where(
                sa.or_(_delivery.next_attempt_at.is_(None), _delivery.next_attempt_at <= _NOW)
            )
        values = {"destination": destination, "limit": limit, "now": now}
        with reading(self._readers) as connection:
            rows = connection.execute(statement, values)
            return [delivery_job(row, self._layout) for row in rows]

    def next_due(self, destination: str) -> datetime | None:
        """When the next queued job is due; None where none is queued."""
        with reading(self._readers) as connection:
            due: datetime | None = connection.scalar(_NEXT_DUE, {"destination": destination})
            return due

    def of_instance(self, sop_instance_uid: str) -> list[DeliveryJob]:
        """The deliveries of one instance, by destination."""
        statement = SELECT_JOBS.where(
            schema.instance.c.sop_instance_uid == sop_instance_uid
        ).order_by(_delivery.destination)
        with reading(self._readers) as connection:
            return [delivery_job(row, self._layout) for row in connection.execute(statement)]

    def add(self, sop_instance_uids: Sequence[str], destinations: Sequence[str]) -> int:
        """Queue instances to destinations that they have no delivery to yet; returns how many."""
        now = self._now()

        def work(connection: sa.Connection) -> int:
            added = 0
            for uid in sop_instance_uids:
                added += _add_missing(connection, uid, destinations, now)
            return added

        added = self._writer.run(work)
        if added:
            self._on_due(destinations)
        return added

    def watch_clock(self, *, now: datetime, elapsed_s: float) -> timedelta:
        """How far the wall clock was set back since the last call (clock_changes.py); mostly zero.

        elapsed_s: since then, on the monotonic clock. On return, due times were moved by as much.
        """
        set_back, destinations = self._writer.run(
            lambda connection: remember_clock(connection, now=now, elapsed_s=elapsed_s)
        )
        self._on_due(destinations)
        return set_back

    def requeue_interrupted(self) -> int:
        """What a node was sending that is not there any more is due again; returns how many.

        At start that is ours from before, of this and of earlier starts.
        """
        found = self._requeue(self._now())
        self._on_due([name for name, count in found.items() if count])
        return sum(found.values())

    def _requeue(self, now: datetime) -> dict[str, int]:
        """Destination -> deliveries that are due again."""
        queued = after(DeliveryState.SENDING, DeliveryEvent.INTERRUPTED)

        def work(connection: sa.Connection) -> dict[str, int]:
            # One destination after the other: a search by state alone would read every delivery.
            of_the_dead = self._nodes.claimed_by_the_dead(connection)
            return {
                each: connection.execute(
                    sa.update(schema.delivery)
                    .where(
                        _delivery.destination == each,
                        _delivery.state == DeliveryState.SENDING.value,
                        of_the_dead,
                    )
                    .values(
                        state=queued.value,
                        next_attempt_at=now,
                        attempts=_delivery.attempts + 1,
                        claimed_by="",
                    )
                ).rowcount
                for each in read_destinations(connection)
            }

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
        connection.execute(
            sa.select(_delivery.destination).where(_delivery.instance_id == row.id)
        ).scalars()
    )
    new = [name for name in destinations if name not in held]
    if new:
        hold = hold_of(connection, sop_instance_uid)
        values = [
            {**new_delivery(name, row.acquired_at, now, hold=hold), "instance_id": row.id}
            for name in new
        ]
        connection.execute(sa.insert(schema.delivery), values)
    return len(new)
