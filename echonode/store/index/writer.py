"""Inserts one instance into the index: its rows, those above it, their counts, its deliveries.

Rules
- All of it happens in the caller's transaction.
- The first instance of a UID stays: the same bytes again change nothing, other bytes are a
  conflict that the caller puts into quarantine.
- parents.py finds the rows above it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import sqlalchemy as sa

from echonode.model.criteria import Level
from echonode.model.delivery import DeliveryState
from echonode.model.instance import IdentityConflict, InstanceRecord, Origin
from echonode.store.database import schema
from echonode.store.database.dialects import costs_a_way
from echonode.store.database.exam_holds import REASONS, Hold
from echonode.store.index.column_values import attribute_values
from echonode.store.index.identity_conflicts import note_conflict
from echonode.store.index.inserted_together import insert_together
from echonode.store.index.known import Known
from echonode.store.index.parents import Parents, count_in, parents_of


@dataclass(frozen=True, kw_only=True)
class NewInstance:
    """What is to be inserted; the file has its final name and is durable.

    make_room: called inside the transaction, before anything is looked up, possibly more than once.
    on_conflict: called inside it, possibly more than once, with each conflict.
    give_back: called inside it with the row's number, where the row is new; the destinations that
    it gave deliveries to, as they were before the database was lost. damaged: its bytes are not
    those of `dataset_sha256`.
    """

    record: InstanceRecord
    file_id: str
    size: int
    dataset_offset: int
    dataset_sha256: str
    origin: Origin
    source_ae_title: str
    acquired_at: datetime | None
    stored_at: datetime
    evidence: Mapping[str, int | str]
    destinations: Sequence[str]
    make_room: Callable[[sa.Connection], None] = lambda connection: None
    on_conflict: Callable[[IdentityConflict], None] = lambda conflict: None
    give_back: Callable[[sa.Connection, int], Sequence[str]] = lambda connection, number: ()
    damaged: bool = False


class Insertion(Enum):
    """The result of an insert."""

    STORED = auto()
    FILE_REPLACED = auto()  # the row was there, and its file damaged or gone (insertion.py)
    DUPLICATE = auto()
    CONFLICT = auto()


# Built once: making a statement costs more than running it.
_INSERT_INSTANCE = sa.insert(schema.instance)
_INSERT_DELIVERY = sa.insert(schema.delivery)


def insert_instance(connection: sa.Connection, new: NewInstance, known: Known) -> Insertion:
    """Insert it, unless a row exists; see `Insertion`. known: looked up in the same transaction."""
    if known.stored_sha256 is not None:
        same = known.stored_sha256 == new.dataset_sha256
        return Insertion.DUPLICATE if same else Insertion.CONFLICT
    parents = parents_of(connection, new.record, known.studies)
    values = instance_values(new, parents)
    if costs_a_way(connection):
        insert_together(connection, values, parents, new_deliveries(new, known.hold))
    else:
        _insert_rows(connection, new, values, parents, known.hold)
    # One that is written again with its patient is in its place only then (exams/naming.py).
    for conflict in parents.conflicts if known.hold is not Hold.UNNAMED else ():
        note_conflict(connection, conflict, new.record.sop_instance_uid, now=new.stored_at)
        new.on_conflict(conflict)
    return Insertion.STORED


def _insert_rows(
    connection: sa.Connection,
    new: NewInstance,
    values: Mapping[str, object],
    parents: Parents,
    hold: Hold,
) -> None:
    """As `insert_together`, where a statement costs nothing on its way; and `give_back`."""
    inserted = connection.execute(_INSERT_INSTANCE, values)
    count_in(connection, parents)
    [instance_id] = inserted.inserted_primary_key or [0]
    given = new.give_back(connection, instance_id)
    rows = [
        {**delivery, "instance_id": instance_id}
        for delivery in new_deliveries(new, hold)
        if delivery["destination"] not in given
    ]
    if rows:
        connection.execute(_INSERT_DELIVERY, rows)


def new_deliveries(new: NewInstance, hold: Hold) -> list[dict[str, object]]:
    """One delivery for each destination: due at once, or held while its exam has no patient."""
    return [
        new_delivery(destination, new.acquired_at, new.stored_at, hold=hold)
        for destination in new.destinations
    ]


def new_delivery(
    destination: str, acquired_at: datetime | None, now: datetime, *, hold: Hold
) -> dict[str, object]:
    """A delivery that is due at once, or held with its reason; `instance_id` is still to be set."""
    state = DeliveryState.QUEUED if hold is Hold.NONE else DeliveryState.HELD
    return {
        "destination": destination,
        "state": state.value,
        "last_error": REASONS[hold],
        "next_attempt_at": now if hold is Hold.NONE else None,
        "acquired_at": acquired_at or now,
    }


def instance_values(new: NewInstance, parents: Parents) -> dict[str, object]:
    record = new.record
    return {
        **attribute_values(Level.IMAGE, record.image),
        "series_id": parents.series_id,
        "own_patient": parents.own_patient,
        "transfer_syntax_uid": record.transfer_syntax_uid,
        "frames": record.frames,
        "file_id": new.file_id,
        "size": new.size,
        "dataset_offset": new.dataset_offset,
        "dataset_sha256": new.dataset_sha256,
        "origin": new.origin.value,
        "source_ae_title": new.source_ae_title,
        "acquired_at": new.acquired_at,
        "stored_at": new.stored_at,
        "file_damaged": new.damaged,
        "evidence": json.dumps(dict(new.evidence)) if new.evidence else "",
    }
