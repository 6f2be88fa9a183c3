"""What a file that is taken in had in a lost database: its deliveries, and its UID before others.

Rules
- Deliveries are as the journal has them (journal/restoring.py).
- Of two files under one UID with other bytes, the one that was stored first is the instance: the
  second was refused, or its sender had no answer. A stop within that refusal leaves both where
  instances lie, and without the index their seals alone say which came first. Where the second was
  taken in before it, the first takes its place in one transaction, and its deliveries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.index.removal import remove_instance
from echonode.store.index.writer import NewInstance
from echonode.store.journal.restoring import give_back, is_known
from echonode.store.recovery.orphans import has_seal

_instance, _delivery = schema.instance.c, schema.delivery.c
_OF_ITS_DELIVERIES = (schema.derived_copy, schema.commitment_item)
Rows = Sequence[Mapping[str, Any]]


class Past:
    """Of one file that has no row. `new`: to be inserted, and then has it."""

    def __init__(self, new: NewInstance, readers: sa.Engine, *, now: datetime) -> None:
        self._found, self._now = new, now
        self._uid = new.record.sop_instance_uid
        self._kept: list[tuple[sa.Table, Rows]] = []
        self.later_file_id = ""  # whose place it took; still to be moved to quarantine
        with reading(readers) as connection:
            known = is_known(connection, self._uid)
        # Where it was sent to is what the journal says; its kind's place is for what has neither.
        destinations = () if known and not has_seal(new) else new.destinations
        self.new = replace(
            new, destinations=destinations, make_room=self._make_room, give_back=self._give_back
        )

    def _make_room(self, connection: sa.Connection) -> None:
        self._kept, self.later_file_id = [], ""
        if not has_seal(self._found):
            return
        later = connection.execute(
            sa.select(schema.instance).where(
                _instance.sop_instance_uid == self._uid,
                _instance.dataset_sha256 != self._found.dataset_sha256,
                _instance.stored_at > self._found.stored_at,
            )
        ).one_or_none()
        if later is None:
            return
        self.later_file_id = later.file_id
        deliveries = _rows(connection, schema.delivery, _delivery.instance_id == later.id)
        numbers = [row["id"] for row in deliveries]
        self._kept = [(schema.delivery, deliveries)] + [
            (table, _rows(connection, table, table.c.delivery_id.in_(numbers)))
            for table in _OF_ITS_DELIVERIES
        ]
        remove_instance(connection, later.id)
        connection.execute(
            sa.insert(schema.quarantine),
            {
                "file_id": later.file_id,
                "sop_instance_uid": self._uid,
                "dataset_sha256": later.dataset_sha256,
                "source_ae_title": later.source_ae_title,
                "reason": "same SOP Instance UID, other bytes",
                "quarantined_at": later.stored_at,
            },
        )

    def _give_back(self, connection: sa.Connection, number: int) -> Sequence[str]:
        given = give_back(connection, self._uid, number, now=self._now)
        for table, rows in self._kept:
            moved = {"instance_id": number} if table is schema.delivery else {}
            if rows:
                connection.execute(sa.insert(table), [{**row, **moved} for row in rows])
            given += [row["destination"] for row in rows if table is schema.delivery]
        return given


def _rows(connection: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> Rows:
    found = connection.execute(sa.select(table).where(which))
    return [dict(row) for row in found.mappings()]
