"""The event log: what happened to each delivery, in order, without patient data.

Rules
- The transaction that makes an event true also writes it: it costs no fsync of its own, and the log
  never contains what did not happen. Events from outside the store (an association, and what was
  negotiated on it) come by `EventLog.add`.
- Bounded: above MOST_EVENTS the oldest are deleted.
- UIDs, destinations, states, statuses and our own words; never a value of a dataset, and never a
  peer's comment, because archives write names into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.store.database.columns import UtcTime, Whole, Words
from echonode.store.database.connections import Writer
from echonode.store.database.history_schema import flight_event

# An instance leaves four events on its way: some 50,000 instances, which is weeks of a clinic, in
# about 50 MB of the database.
MOST_EVENTS = 200_000
_TRIM_EVERY = 1000
_LONGEST_DETAIL = 300
_ROWS_AT_ONCE = 500

_columns = flight_event.c
# As text: an expression, compiled for each delivery, would cost more than the insert.
_ADD_DELIVERY_EVENTS = sa.text(
    """
    INSERT INTO flight_event (at, kind, destination, study_instance_uid, sop_instance_uid, state,
                              status, transaction_uid, detail)
    SELECT :at, :kind, delivery.destination, study.study_instance_uid, instance.sop_instance_uid,
           delivery.state, :status, :transaction_uid, :detail
    FROM delivery
    JOIN instance ON instance.id = delivery.instance_id
    JOIN series ON series.id = instance.series_id
    JOIN study ON study.id = series.study_id
    WHERE delivery.id IN :delivery_ids
    RETURNING id
    """
).bindparams(
    sa.bindparam("at", type_=UtcTime),
    sa.bindparam("kind", type_=Words),
    sa.bindparam("status", type_=Whole),
    sa.bindparam("transaction_uid", type_=Words),
    sa.bindparam("detail", type_=Words),
    sa.bindparam("delivery_ids", expanding=True, type_=Whole),
)


@dataclass(frozen=True, kw_only=True)
class NewEvent:
    """An event before it has its number and time."""

    kind: str
    destination: str = ""
    study_instance_uid: str = ""
    sop_instance_uid: str = ""
    state: str = ""
    status: int | None = None
    transaction_uid: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class StoredEvent(NewEvent):
    """An event of the log."""

    id: int
    at: datetime


def add_event(connection: sa.Connection, event: NewEvent, *, now: datetime) -> None:
    """Write one event."""
    inserted = connection.execute(
        sa.insert(flight_event),
        {
            "at": now,
            "kind": event.kind,
            "destination": event.destination,
            "study_instance_uid": event.study_instance_uid,
            "sop_instance_uid": event.sop_instance_uid,
            "state": event.state,
            "status": event.status,
            "transaction_uid": event.transaction_uid,
            "detail": event.detail[:_LONGEST_DETAIL],
        },
    )
    [key] = inserted.inserted_primary_key or [0]
    if int(key) % _TRIM_EVERY == 0:
        _trim(connection, int(key))


def add_delivery_events(
    connection: sa.Connection,
    delivery_ids: Sequence[int],
    *,
    kind: str,
    now: datetime,
    status: int | None = None,
    transaction_uid: str = "",
    detail: str = "",
) -> None:
    """Write one event for each of these deliveries, with its present state."""
    added = connection.execute(
        _ADD_DELIVERY_EVENTS,
        {
            "at": now,
            "kind": kind,
            "status": status,
            "transaction_uid": transaction_uid,
            "detail": detail[:_LONGEST_DETAIL],
            "delivery_ids": delivery_ids,
        },
    )
    newest = max(added.scalars(), default=0)
    # Whether the insert went past a multiple of _TRIM_EVERY:
    if newest % _TRIM_EVERY < len(delivery_ids):
        _trim(connection, newest)


def _trim(connection: sa.Connection, newest: int) -> None:
    connection.execute(sa.delete(flight_event).where(_columns.id <= newest - MOST_EVENTS))


class EventLog:
    """Takes events from outside the store's own transactions. Thread-safe."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def add(self, event: NewEvent, *, now: datetime) -> None:
        """Record one event. Raises OutOfSpace."""
        self._writer.run(lambda connection: add_event(connection, event, now=now), locking="")


def read_study(connection: sa.Connection, study_instance_uid: str) -> Iterator[StoredEvent]:
    """The events of a study's instances and, in that time, of their destinations; in order."""
    of_study = _columns.study_instance_uid == study_instance_uid
    bounds = connection.execute(
        sa.select(sa.func.min(_columns.id), sa.func.max(_columns.id)).where(of_study)
    ).one()
    destinations = connection.execute(
        sa.select(_columns.destination).where(of_study).distinct()
    ).scalars()
    of_its_destinations = sa.and_(
        _columns.study_instance_uid == "",
        _columns.destination.in_(list(destinations)),
        # The association that an instance went on was negotiated before its first event.
        _columns.id >= (bounds[0] or 0) - _TRIM_EVERY,
        _columns.id <= (bounds[1] or 0),
    )
    statement = sa.select(flight_event).where(sa.or_(of_study, of_its_destinations))
    yield from _events(connection, statement.order_by(_columns.id))


def read_newest(connection: sa.Connection, count: int) -> Iterator[StoredEvent]:
    """The last `count` events, in order; their numbers have no gaps but where the oldest went."""
    newest = int(connection.scalar(sa.select(sa.func.max(_columns.id))) or 0)
    statement = sa.select(flight_event).where(_columns.id > newest - count)
    yield from _events(connection, statement.order_by(_columns.id))


def _events(
    connection: sa.Connection, statement: sa.Select[*tuple[Any, ...]]
) -> Iterator[StoredEvent]:
    connection.execution_options(yield_per=_ROWS_AT_ONCE)
    with closing(connection.execute(statement)) as rows:
        for row in rows:
            yield StoredEvent(**row._mapping)


def count_since(
    connection: sa.Connection, since: datetime, kinds: Sequence[str]
) -> Mapping[tuple[str, str], int]:
    """(destination, kind) -> events since then; of those that the log still has.

    Where they begin is found by halving the numbers, which ascend in time: nothing older is read.
    """
    lowest, highest = connection.execute(
        sa.select(sa.func.min(_columns.id), sa.func.max(_columns.id))
    ).one()
    low, high = int(lowest or 0), int(highest or 0) + 1
    while low < high:
        middle = (low + high) // 2
        at = connection.execute(
            sa.select(_columns.at).where(_columns.id >= middle).order_by(_columns.id).limit(1)
        ).scalar()
        if at is not None and at < since:
            low = middle + 1
        else:
            high = middle
    rows = connection.execute(
        sa.select(_columns.destination, _columns.kind, sa.func.count())
        .where(_columns.id >= low, _columns.kind.in_(kinds), _columns.at >= since)
        .group_by(_columns.destination, _columns.kind)
    )
    return {(destination, kind): count for destination, kind, count in rows}
