"""What waits at each destination, and why: what the outbox shows, and what its actions concern.

Rules
- A page has at most MOST_ITEMS rows, in the order of storing; its last row's number is the next
  page's `after`. What is done meanwhile shifts no row.
- UIDs, states, our own words; an exam's number, and never its patient.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.database.dialects import is_true
from echonode.store.database.event_log import count_since

MOST_ITEMS = 200
# A fault that names a changing value in its text makes many groups; a person reads no more.
MOST_GROUPS = 200
# An event that proves, or ends, a delivery, by what is wanted of the destination.
DONE_EVENTS = (DeliveryEvent.COMMITTED, DeliveryEvent.FOUND, DeliveryEvent.STORED)

_delivery = schema.delivery.c
_instance = schema.instance.c
_capture = schema.exam_capture.c


@dataclass(frozen=True, kw_only=True)
class HeldGroup:
    """Deliveries of one destination that are held with the same words and status."""

    last_status: int | None
    last_error: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One destination at one moment. counts: of the states asked for. held: by reason."""

    counts: Mapping[DeliveryState, int]
    held: Sequence[HeldGroup]


@dataclass(frozen=True, kw_only=True)
class OutboxChoice:
    """Which deliveries. destination, study_instance_uid: None does not limit.

    kept: also those whose local copy a warning keeps. after: a row's number; only later ones.
    limit: at most MOST_ITEMS.
    """

    states: Collection[DeliveryState]
    destination: str | None = None
    study_instance_uid: str | None = None
    kept: bool = False
    after: int = 0
    limit: int = MOST_ITEMS


@dataclass(frozen=True, kw_only=True)
class OutboxItem:
    """One instance on its way to one destination. number: its place in the list.

    exam_id: '' where it is of no exam. next_attempt_at: None where it waits for nothing by time.
    """

    number: int
    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    frames: int
    exam_id: str
    destination: str
    state: DeliveryState
    attempts: int
    last_status: int | None
    last_error: str
    acquired_at: datetime
    next_attempt_at: datetime | None


class Outbox:
    """Reads what waits. Thread-safe."""

    def __init__(self, readers: sa.Engine) -> None:
        self._readers = readers

    def standing(self, destination: str, states: Collection[DeliveryState]) -> Standing:
        """How many deliveries there are in these states, and what is held, at one moment.

        states: those that are under way; what is done would be counted too, all of it.
        """
        with reading(self._readers) as connection:
            rows = connection.execute(
                sa.select(_delivery.state, sa.func.count())
                .where(
                    _delivery.destination == destination,
                    _delivery.state.in_([state.value for state in states]),
                )
                .group_by(_delivery.state)
            )
            counts = {DeliveryState(state): count for state, count in rows}
            return Standing(counts=counts, held=self._held_groups(connection, destination))

    def _held_groups(self, connection: sa.Connection, destination: str) -> Sequence[HeldGroup]:
        """By words and status; the largest groups first, at most MOST_GROUPS."""
        count = sa.func.count()
        statement = (
            sa.select(_delivery.last_status, _delivery.last_error, count.label("count"))
            .where(
                _delivery.destination == destination,
                _delivery.state == DeliveryState.HELD.value,
            )
            .group_by(_delivery.last_status, _delivery.last_error)
            .order_by(count.desc(), _delivery.last_error)
            .limit(MOST_GROUPS)
        )
        return [HeldGroup(**row._mapping) for row in connection.execute(statement)]

    def items(self, choice: OutboxChoice) -> Sequence[OutboxItem]:
        """A page of the chosen deliveries, in the order of their numbers."""
        wanted: sa.ColumnElement[bool] = _delivery.state.in_(
            [state.value for state in choice.states]
        )
        if choice.kept:
            wanted = sa.or_(wanted, is_true(_delivery.keep_local_copy))
        conditions = [wanted, _delivery.id > choice.after]
        if choice.destination is not None:
            conditions.append(_delivery.destination == choice.destination)
        if choice.study_instance_uid is not None:
            conditions.append(schema.study.c.study_instance_uid == choice.study_instance_uid)
        statement = (
            sa.select(
                _delivery.id.label("number"),
                _instance.sop_instance_uid,
                _instance.sop_class_uid,
                schema.study.c.study_instance_uid,
                _instance.frames,
                sa.func.coalesce(_capture.exam_id, "").label("exam_id"),
                _delivery.destination,
                _delivery.state,
                _delivery.attempts,
                _delivery.last_status,
                _delivery.last_error,
                _delivery.acquired_at,
                _delivery.next_attempt_at,
            )
            .select_from(
                schema.delivery.join(schema.instance)
                .join(schema.series)
                .join(schema.study)
                .outerjoin(
                    schema.exam_capture, _capture.sop_instance_uid == _instance.sop_instance_uid
                )
            )
            .where(*conditions)
            .order_by(_delivery.id)
            .limit(min(choice.limit, MOST_ITEMS))
        )
        with reading(self._readers) as connection:
            return [
                OutboxItem(**{**row._mapping, "state": DeliveryState(row.state)})
                for row in connection.execute(statement)
            ]

    def done_since(self, since: datetime) -> Mapping[tuple[str, str], int]:
        """(destination, event) -> how often an event of DONE_EVENTS came since then."""
        with reading(self._readers) as connection:
            return count_since(connection, since, [event.value for event in DONE_EVENTS])
