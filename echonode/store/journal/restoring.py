"""A database that was made again gets back what the journal says.

The order, so that a start that is killed at any step goes on with the next:
1. The transaction that makes a database marks it as incomplete (`rebuild` in meta).
2. One transaction reads the whole journal into `journal_staged`, puts every row that stands for
   itself into its table, and says so in the mark.
3. Recovery takes in every file. The transaction that inserts an instance also gives it its
   deliveries as they were (`give_back`).
4. One transaction ends it: numbers that are given out go on further up, what is left of the staged
   rows has no file any more and is reported, and the mark is removed.

The journal's file is not changed before 4 is done: a database that is lost again meanwhile is made
again from the same lines.

Rules
- A row that breaks a constraint is left out and counted: the last lines of a file that was cut off
  may name what is not in it.
- A delivery that was being sent is due again (deliveries.requeue_interrupted).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import Damaged
from echonode.model.delivery import DeliveryEvent, DeliveryState, after
from echonode.store.database import counters, schema
from echonode.store.database.connections import Writer
from echonode.store.database.migrations import REBUILD_KEY
from echonode.store.database.opening import Opened
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout
from echonode.store.journal import kinds
from echonode.store.journal.journal_file import complete_lines
from echonode.store.journal.lines import FORM_COLUMNS, FORM_GONE, FORM_ROW, key_text, plain
from echonode.store.values import GivenBack

SKIPPED = 1000  # numbers: more than are given out between two writings of the journal
_AT_ONCE = 500
_LOADED = "loaded"
_NO_LATER = frozenset({"document", "erasure"})  # numbers that are not in counters.GIVEN_OUT
_staged, _meta = schema.journal_staged.c, schema.meta.c
_STAGE = sa.text(
    "INSERT OR REPLACE INTO journal_staged (kind, key, sop_instance_uid, content)"
    " VALUES (:kind, :key, :uid, :content)"
)
_UNSTAGE = sa.text("DELETE FROM journal_staged WHERE kind = :kind AND key = :key")


class Restoring:
    """Used by one thread, before anything else uses the store."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self._writer, self._path = writer, layout.journal
        self._left_out = 0
        self.is_under_way = False

    def begin(self, opened: Opened) -> Opened:
        """Steps 1 and 2; `opened`, as one that is made again where it is (`is_under_way`).

        Raises OutOfSpace, IndexDamaged.
        """
        mark = None if self._writer.is_on_server else self._writer.run(_mark)
        if mark is None:
            return opened
        if mark != _LOADED:
            # Rows come in the order of their tables, and some refer to what is lost.
            with self._writer.without_foreign_keys():
                self._left_out = self._writer.run(self._load)
        self.is_under_way = True
        return replace(opened, made=True, trusted=False)

    def end(self) -> GivenBack:
        """Step 4."""
        return self._writer.run(self._end)

    def _load(self, connection: sa.Connection) -> int:
        connection.execute(sa.delete(schema.journal_staged))
        damaged = self._stage_all(connection)
        left_out = broken = 0
        if connection.scalar(sa.select(_staged.key).limit(1)) is not None:  # not of a new store
            left_out = sum(_put_back(connection, table) for table in kinds.tables())
            broken = sum(_without_its_parents(connection, table) for table in kinds.tables())
        _set_mark(connection, _LOADED)
        return damaged + left_out + broken

    def _stage_all(self, connection: sa.Connection) -> int:
        """How many lines are damaged."""
        damaged, columns = 0, dict[str, list[str]]()
        with disk_errors("to read the journal"):
            if not self._path.exists():
                return 0
            for members in complete_lines(self._path):
                match members:
                    case [form, str(kind), list(names)] if form == FORM_COLUMNS:
                        columns[kind] = names
                    case [form, str(kind), list(key), list(values), str(uid)] if form == FORM_ROW:
                        content = dict(zip(columns.get(kind, []), values, strict=False))
                        row = {"kind": kind, "key": key_text(key), "uid": uid}
                        connection.execute(_STAGE, {**row, "content": json.dumps(content)})
                    case [form, str(kind), list(key)] if form == FORM_GONE:
                        connection.execute(_UNSTAGE, {"kind": kind, "key": key_text(key)})
                    case None:
                        damaged += 1
        return damaged

    def _end(self, connection: sa.Connection) -> GivenBack:
        uids = connection.scalars(
            sa.select(_staged.sop_instance_uid).where(_staged.sop_instance_uid != "").distinct()
        ).all()
        connection.execute(sa.delete(schema.journal_staged))
        for name in {*counters.GIVEN_OUT, *_NO_LATER}:
            if counters.read(connection, name):
                counters.add(connection, name, SKIPPED)
        connection.execute(sa.delete(schema.meta).where(_meta["key"] == REBUILD_KEY))
        return GivenBack(without_file=tuple(uids), left_out=self._left_out)


def is_known(connection: sa.Connection, sop_instance_uid: str) -> bool:
    """Whether the journal has deliveries of an instance that is not in the index yet."""
    found = sa.select(_staged.key).where(_staged.sop_instance_uid == sop_instance_uid).limit(1)
    return connection.scalar(found) is not None


def give_back(
    connection: sa.Connection, sop_instance_uid: str, instance_id: int, *, now: datetime
) -> list[str]:
    """Give an instance its deliveries; returns their destinations.

    One that cannot be as it was, because what it refers to is lost, is left to the caller.
    """
    of_it = sa.and_(_staged.kind == kinds.DELIVERY, _staged.sop_instance_uid == sop_instance_uid)
    contents = connection.scalars(sa.select(_staged.content).where(of_it)).all()
    if not contents:
        return []
    given = [_give_delivery(connection, json.loads(each), instance_id, now) for each in contents]
    connection.execute(sa.delete(schema.journal_staged).where(of_it))
    return [destination for destination in given if destination]


def _give_delivery(
    connection: sa.Connection, content: dict[str, Any], instance_id: int, now: datetime
) -> str:
    """Its destination; '' where it breaks a constraint."""
    copy, items = content.pop("derived_copy", None), content.pop("commitment_item", None) or []
    transaction = content.get("commitment_transaction_id")
    transactions = schema.commitment_transaction.c.id
    named = {each["commitment_transaction_id"] for each in items} | {transaction}
    known = set(connection.scalars(sa.select(transactions).where(transactions.in_(named - {None}))))
    if transaction is not None and transaction not in known:  # it is asked for again
        content |= {"commitment_transaction_id": None, "state": DeliveryState.SENT.value}
    if content.get("state") == DeliveryState.SENDING.value:  # its answer was not seen
        content |= {
            "state": after(DeliveryState.SENDING, DeliveryEvent.INTERRUPTED).value,
            "attempts": content["attempts"] + 1,
            "next_attempt_at": schema.UtcTime().process_bind_param(now, connection.dialect),
        }
    try:
        number = _insert(connection, schema.delivery, {**content, "instance_id": instance_id})
    except (sa.exc.IntegrityError, Damaged):
        return ""
    if copy:
        _insert(connection, schema.derived_copy, {**copy, "delivery_id": number})
    for each in items:
        if each["commitment_transaction_id"] in known:
            _insert(connection, schema.commitment_item, {**each, "delivery_id": number})
    return str(content["destination"])


def _mark(connection: sa.Connection) -> str | None:
    return connection.scalar(sa.select(_meta.value).where(_meta["key"] == REBUILD_KEY))


def _set_mark(connection: sa.Connection, value: str) -> None:
    connection.execute(
        sa.update(schema.meta).where(_meta["key"] == REBUILD_KEY).values(value=value)
    )


def _put_back(connection: sa.Connection, table: sa.Table) -> int:
    """Put the staged rows of a table into it; how many could not be."""
    left_out, after_key = 0, ""
    part = (
        sa.select(_staged.key, _staged.content)
        .where(_staged.kind == table.name, _staged.key > sa.bindparam("after_key"))
        .order_by(_staged.key)
        .limit(_AT_ONCE)
    )
    while rows := connection.execute(part, {"after_key": after_key}).all():
        for row in rows:
            try:
                _insert(connection, table, json.loads(row.content))
            except (sa.exc.IntegrityError, Damaged):
                left_out += 1
        after_key = rows[-1].key
    connection.execute(sa.delete(schema.journal_staged).where(_staged.kind == table.name))
    return left_out


def _insert(connection: sa.Connection, table: sa.Table, content: Mapping[str, object]) -> int:
    """Insert a row by the columns that the table has today; its number.

    Raises IntegrityError, Damaged.
    """
    names = [name for name in content if name in table.c]
    if not all(kinds.is_sound(table.c[name], plain(content[name])) for name in names):
        raise Damaged("a row of the journal cannot have been written so")
    listed = ", ".join(f'"{name}"' for name in names)
    inserted = connection.exec_driver_sql(
        f"INSERT OR REPLACE INTO {table.name} ({listed}) "  # names are of schema.py
        f"VALUES ({', '.join('?' * len(names))})",
        tuple(plain(content[name]) for name in names),
    )
    return int(inserted.lastrowid or 0)


def _without_its_parents(connection: sa.Connection, table: sa.Table) -> int:
    """Remove the rows that refer to one that is not there; how many."""
    found = connection.exec_driver_sql(f"PRAGMA foreign_key_check({table.name})").all()
    for row in found:
        connection.exec_driver_sql(
            f"DELETE FROM {table.name} WHERE rowid = ?",  # a table of ours
            (row[1],),
        )
    return len(found)
