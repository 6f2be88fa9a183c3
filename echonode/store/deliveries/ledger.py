"""The ledger: what is proved of each instance at each destination, as rows of a stream."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from echonode.model.delivery import DeliveryState
from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.database.history_schema import tombstone, tombstone_delivery
from echonode.store.values import LedgerChoice, LedgerRow

_D = schema.delivery.c
_I = schema.instance.c
_DERIVED = tombstone_delivery.c.derived_sop_instance_uid
_X = schema.exam_capture.c
_CORRECTION = tuple(
    sa.func.coalesce(column, "").label(column.name)
    for column in (_X.replaces, _X.replaced_by, _X.rejected_by)
)
_LEDGER = sa.select(
    _I.sop_instance_uid,
    _I.sop_class_uid,
    schema.study.c.study_instance_uid,
    _I.frames,
    sa.func.coalesce(_D.destination, "").label("destination"),
    # No destination, no delivery: all that is proved is that it is durable here.
    sa.func.coalesce(_D.state, DeliveryState.CAPTURED.value).label("state"),
    sa.func.coalesce(_D.attempts, 0).label("attempts"),
    sa.func.coalesce(_D.last_error, "").label("last_error"),
    _I.acquired_at,
    _I.stored_at,
    _D.committed_at,
    *_CORRECTION,
).select_from(
    schema.instance.join(schema.series)
    .join(schema.study)
    .outerjoin(schema.delivery, _D.instance_id == _I.id)
    .outerjoin(schema.exam_capture, _X.sop_instance_uid == _I.sop_instance_uid)
)
# What was deleted here goes on to show the proof that allowed it, until the instance is back.
_DELETED = (
    sa.select(
        tombstone.c.sop_instance_uid,
        tombstone.c.sop_class_uid,
        tombstone.c.study_instance_uid,
        tombstone.c.frames,
        tombstone_delivery.c.destination,
        tombstone_delivery.c.state,
        tombstone_delivery.c.attempts,
        # Of a lossy copy the ledger goes on to say that it is one.
        sa.case(
            (_DERIVED == "", ""),
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
            schema.exam_capture, _X.sop_instance_uid == tombstone.c.sop_instance_uid
        )
    )
    .where(~sa.exists().where(_I.sop_instance_uid == tombstone.c.sop_instance_uid))
)
_ROWS_AT_ONCE = 500
EVERYTHING = LedgerChoice()


def read_ledger(readers: sa.Engine, choice: LedgerChoice = EVERYTHING) -> Iterator[LedgerRow]:
    """Every instance and destination chosen: those deleted here first, in the order of storing.

    With `last` the newest rows instead, newest first.
    """
    if choice.last is None:
        yield from _rows(readers, choice)
    else:
        newest = heapq.nlargest(choice.last, _rows(readers, choice), key=lambda row: row.stored_at)
        yield from newest


def _rows(readers: sa.Engine, choice: LedgerChoice) -> Iterator[LedgerRow]:
    with reading(readers) as connection:
        streaming = connection.execution_options(yield_per=_ROWS_AT_ONCE)
        for statement in (_deleted(choice), _kept(choice)):
            for row in streaming.execute(statement):
                yield LedgerRow(**row._mapping)


def _kept(choice: LedgerChoice) -> sa.Select[Any]:
    """The rows of instances whose file is here."""
    chosen = _LEDGER
    if choice.state is DeliveryState.CAPTURED:
        chosen = chosen.where(_D.id.is_(None))
    elif choice.state is not None:
        chosen = chosen.where(_D.state == choice.state.value)
    if choice.study_instance_uid is not None:
        chosen = chosen.where(schema.study.c.study_instance_uid == choice.study_instance_uid)
    return _ordered(chosen, _I.id, _D.destination, choice.last)


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


def count_deliveries(readers: sa.Engine) -> Mapping[str, Mapping[str, int]]:
    """destination -> state -> number of instances."""
    counts: dict[str, dict[str, int]] = {}
    statement = sa.select(_D.destination, _D.state, sa.func.count()).group_by(
        _D.destination, _D.state
    )
    with reading(readers) as connection:
        for destination, state, count in connection.execute(statement):
            counts.setdefault(destination, {})[state] = count
    return counts
