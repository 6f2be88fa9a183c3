"""The ledger: what is proved of each instance at each destination, as rows of a stream."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from echonode.model.delivery import DeliveryState
from echonode.store.database import schema
from echonode.store.database.connections import reading, streaming
from echonode.store.database.event_log import StoredEvent, read_newest, read_study
from echonode.store.database.history_schema import tombstone, tombstone_delivery
from echonode.store.deliveries.capture_facts import CaptureFacts, read_capture_facts
from echonode.store.deliveries.selection import (
    DeliveryChoice,
    read_chosen,
    read_destinations,
)
from echonode.store.values import LedgerChoice, LedgerRow

_delivery = schema.delivery.c
_instance = schema.instance.c
_DERIVED = tombstone_delivery.c.derived_sop_instance_uid
_ANONYMISED = tombstone_delivery.c.anonymised_by
_capture = schema.exam_capture.c
_CORRECTION = tuple(
    sa.func.coalesce(column, "").label(column.name)
    for column in (_capture.replaces, _capture.replaced_by, _capture.rejected_by)
)
_LEDGER = sa.select(
    _instance.sop_instance_uid,
    _instance.sop_class_uid,
    schema.study.c.study_instance_uid,
    _instance.frames,
    sa.func.coalesce(_delivery.destination, "").label("destination"),
    # Without a destination there is no delivery: only that it is durable here is proved.
    sa.func.coalesce(_delivery.state, DeliveryState.CAPTURED.value).label("state"),
    sa.func.coalesce(_delivery.attempts, 0).label("attempts"),
    sa.func.coalesce(_delivery.last_error, "").label("last_error"),
    _instance.acquired_at,
    _instance.stored_at,
    _delivery.committed_at,
    *_CORRECTION,
).select_from(
    schema.instance.join(schema.series)
    .join(schema.study)
    .outerjoin(schema.delivery, _delivery.instance_id == _instance.id)
    .outerjoin(schema.exam_capture, _capture.sop_instance_uid == _instance.sop_instance_uid)
)
# An instance that was deleted here still shows the proof that allowed it, until it returns.
_DELETED = (
    sa.select(
        tombstone.c.sop_instance_uid,
        tombstone.c.sop_class_uid,
        tombstone.c.study_instance_uid,
        tombstone.c.frames,
        tombstone_delivery.c.destination,
        tombstone_delivery.c.state,
        tombstone_delivery.c.attempts,
        # The ledger still says which copy the archive holds.
        sa.case(
            (_DERIVED == "", ""),
            (
                _ANONYMISED != "",
                sa.literal("the archive holds an anonymised copy (profile ")
                + _ANONYMISED
                + "), "
                + _DERIVED
                + "; the original was deleted here",
            ),
            else_=sa.literal("the archive holds a lossy derived copy, ")
            + _DERIVED
            + "; the original was deleted here",
        ).label("last_error"),
        tombstone.c.acquired_at,
        tombstone.c.stored_at,
        tombstone_delivery.c.committed_at,
        *_CORRECTION,
    )
    .select_from(
        tombstone.join(tombstone_delivery).outerjoin(
            schema.exam_capture, _capture.sop_instance_uid == tombstone.c.sop_instance_uid
        )
    )
    .where(~sa.exists().where(_instance.sop_instance_uid == tombstone.c.sop_instance_uid))
)
_ROWS_AT_ONCE = 500
EVERYTHING = LedgerChoice()


class Ledger:
    """What is known of every instance at every destination, and its history. Thread-safe."""

    def __init__(self, readers: sa.Engine) -> None:
        self._readers = readers

    def rows(self, choice: LedgerChoice = EVERYTHING) -> Iterator[LedgerRow]:
        """The instances and destinations chosen; those deleted here first, then in stored order.

        With `choice.last` the newest rows instead, newest first. A stream.
        """
        if choice.last is None:
            yield from self._stream(choice)
        else:
            yield from heapq.nlargest(
                choice.last, self._stream(choice), key=lambda row: row.stored_at
            )

    def _stream(self, choice: LedgerChoice) -> Iterator[LedgerRow]:
        with streaming(self._readers) as connection:
            connection.execution_options(yield_per=_ROWS_AT_ONCE)
            for statement in (_deleted(choice), _kept(choice)):
                with closing(connection.execute(statement)) as rows:
                    for row in rows:
                        yield LedgerRow(**row._mapping)

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """destination -> state of the ledger -> number of instances in it."""
        counts: dict[str, dict[str, int]] = {}
        statement = sa.select(_delivery.destination, _delivery.state, sa.func.count()).group_by(
            _delivery.destination, _delivery.state
        )
        with reading(self._readers) as connection:
            for destination, state, count in connection.execute(statement):
                counts.setdefault(destination, {})[state] = count
        return counts

    def knows_study(self, study_instance_uid: str) -> bool:
        """Whether an instance of the study is here, or was deleted here after its proof."""
        here = sa.select(schema.study.c.id).where(
            schema.study.c.study_instance_uid == study_instance_uid
        )
        gone = sa.select(tombstone.c.id).where(tombstone.c.study_instance_uid == study_instance_uid)
        with reading(self._readers) as connection:
            return any(connection.scalar(each.limit(1)) is not None for each in (here, gone))

    def destinations(self) -> Sequence[str]:
        """Every destination that has deliveries; each is found in the index, none is counted."""
        with reading(self._readers) as connection:
            return list(read_destinations(connection))

    def answer(self) -> None:
        """Read a little of the tables that every delivery needs, whatever their size.

        Raises StoreError where the database does not answer, IndexDamaged.
        """
        with reading(self._readers) as connection:
            for table in (schema.study, schema.instance, schema.delivery):
                connection.execute(sa.select(table).order_by(table.c.id.desc()).limit(1)).all()

    def chosen_instances(self, choice: DeliveryChoice) -> list[str]:
        """The SOP Instance UIDs that have a delivery of the choice, in the order of storing."""
        with reading(self._readers) as connection:
            return read_chosen(connection, choice)

    def capture_facts(self, sop_instance_uids: Collection[str]) -> Mapping[str, CaptureFacts]:
        """SOP Instance UID -> where it came from and how long it is; only of those stored here."""
        with reading(self._readers) as connection:
            return read_capture_facts(connection, sop_instance_uids)

    def events(self, study_instance_uid: str) -> Iterator[StoredEvent]:
        """The delivery events of a study (event_log.py), in order; a stream."""
        with streaming(self._readers) as connection:
            yield from read_study(connection, study_instance_uid)

    def newest_events(self, count: int) -> Iterator[StoredEvent]:
        """The last `count` events of all deliveries, in order; a stream."""
        with streaming(self._readers) as connection:
            yield from read_newest(connection, count)


def _kept(choice: LedgerChoice) -> sa.Select[Any]:
    """The rows of instances whose file is here."""
    chosen = _LEDGER
    if choice.state is DeliveryState.CAPTURED:
        chosen = chosen.where(_delivery.id.is_(None))
    elif choice.state is not None:
        chosen = chosen.where(_delivery.state == choice.state.value)
    if choice.study_instance_uid is not None:
        chosen = chosen.where(schema.study.c.study_instance_uid == choice.study_instance_uid)
    return _ordered(chosen, _instance.id, _delivery.destination, choice.last)


def _deleted(choice: LedgerChoice) -> sa.Select[Any]:
    """The rows of instances that retention deleted here."""
    chosen = _DELETED
    if choice.state is not None:
        chosen = chosen.where(tombstone_delivery.c.state == choice.state.value)
    if choice.study_instance_uid is not None:
        chosen = chosen.where(tombstone.c.study_instance_uid == choice.study_instance_uid)
    return _ordered(chosen, tombstone.c.id, tombstone_delivery.c.destination, choice.last)


def _ordered(
    statement: sa.Select[Any],
    key: sa.Column[int],
    destination: sa.Column[str],
    last: int | None,
) -> sa.Select[Any]:
    """In the order of storing; of the newest only `last` rows, so that the rest is not read."""
    if last is None:
        return statement.order_by(key, destination)
    return statement.order_by(key.desc(), destination).limit(last)
