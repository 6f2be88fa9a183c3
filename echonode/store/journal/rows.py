"""Rows of the database as lines of the journal: changed ones by their keys, or all of them.

Rules
- Rows are read as the driver gives them: what the database has is what comes back.
- A row that cannot have been written so is damage of the database, and is not copied.
- A row is written as it is when it is read, and not as it was when it changed: what changes
  meanwhile comes again, under a later number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from echonode.errors import IndexDamaged
from echonode.store.database import schema
from echonode.store.journal import kinds
from echonode.store.journal.lines import FORM_COLUMNS, FORM_GONE, FORM_ROW, line

_AT_ONCE = 500
# Made again, with the delivery: its number, its instance's, and the node that has it.
_NOT_OF_A_DELIVERY = frozenset({"id", "instance_id", "claimed_by"})


def _names(table: sa.Table, left_out: frozenset[str] = frozenset()) -> list[str]:
    return [column.name for column in table.columns if column.name not in left_out]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


_TABLES = {table.name: table for table in kinds.tables()}
_DELIVERY_NAMES = _names(schema.delivery, _NOT_OF_A_DELIVERY)
_COPY_NAMES = _names(schema.derived_copy, frozenset({"delivery_id"}))
_ITEM_NAMES = _names(schema.commitment_item, frozenset({"delivery_id"}))
# All names are those of schema.py.
_DELIVERIES = (
    f"SELECT delivery.id, instance.sop_instance_uid, "
    f"{', '.join(f'delivery.{name}' for name in _DELIVERY_NAMES)} "
    "FROM delivery JOIN instance ON instance.id = delivery.instance_id WHERE delivery.id "
)
_COPY = f"SELECT {_listed(_COPY_NAMES)} FROM derived_copy WHERE delivery_id = ?"
_ITEMS = f"SELECT {_listed(_ITEM_NAMES)} FROM commitment_item WHERE delivery_id = ?"


def column_lines() -> Iterator[bytes]:
    """What comes before the first row."""
    for table in _TABLES.values():
        yield line(FORM_COLUMNS, table.name, _names(table))
    yield line(FORM_COLUMNS, kinds.DELIVERY, [*_DELIVERY_NAMES, *kinds.OF_A_DELIVERY])


def changed(connection: sa.Connection, kind: str, key: str) -> bytes | None:
    """The line of a change; None where the row went again and has a line of its own for that."""
    values = json.loads(key)
    if kind == kinds.DELIVERY_GONE:
        return line(FORM_GONE, kinds.DELIVERY, values)
    if kind == kinds.DELIVERY:
        row = connection.exec_driver_sql(f"{_DELIVERIES} = ?", (values[0],)).first()
        return None if row is None else _delivery_line(connection, row)
    table = _TABLES[kind]
    columns = list(table.primary_key.columns)
    values = [
        bytes.fromhex(value) if isinstance(column.type, sa.LargeBinary) else value
        for column, value in zip(columns, values, strict=True)
    ]
    if table is schema.meta and kinds.is_of_this_database(values[0]):
        return None
    where = " AND ".join(f'"{column.name}" = ?' for column in columns)
    statement = f"SELECT {_listed(_names(table))} FROM {kind} WHERE {where}"
    row = connection.exec_driver_sql(statement, tuple(values)).first()
    return line(FORM_GONE, kind, values) if row is None else _line(table, row)


def all_parts(readers: Any) -> Iterator[list[bytes]]:
    """Every row there is, a part at a time. readers: gives a connection for the reading of one."""
    for table in _TABLES.values():
        columns = kinds.key_columns(table)
        start = f"SELECT {_listed(_names(table))} FROM {table.name} "
        first = f"{start} ORDER BY {_listed(columns)} LIMIT {_AT_ONCE}"
        then = (
            f"{start} WHERE ({_listed(columns)}) > ({', '.join('?' * len(columns))}) "
            f"ORDER BY {_listed(columns)} LIMIT {_AT_ONCE}"
        )
        after: tuple[Any, ...] | None = None
        while True:
            with readers() as connection:
                rows = connection.exec_driver_sql(first if after is None else then, after).all()
            if rows:
                yield [_line(table, row) for row in rows if not _stays(table, row)]
                after = _key(table, rows[-1])
            if len(rows) < _AT_ONCE:
                break
    yield from _all_deliveries(readers)


def _all_deliveries(readers: Any) -> Iterator[list[bytes]]:
    after, statement = 0, f"{_DELIVERIES} > ? ORDER BY delivery.id LIMIT {_AT_ONCE}"
    while True:
        with readers() as connection:
            rows = connection.exec_driver_sql(statement, (after,)).all()
            part = [_delivery_line(connection, row) for row in rows]
        yield part
        if len(rows) < _AT_ONCE:
            return
        after = rows[-1].id


def _stays(table: sa.Table, row: sa.Row[*tuple[Any, ...]]) -> bool:
    return table is schema.meta and kinds.is_of_this_database(row.key)


def _key(table: sa.Table, row: sa.Row[*tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(row._mapping[name] for name in kinds.key_columns(table))


def _line(table: sa.Table, row: sa.Row[*tuple[Any, ...]]) -> bytes:
    _check(table, row._mapping)
    return line(FORM_ROW, table.name, _key(table, row), list(row), "")


def _check(table: sa.Table, values: Mapping[Any, object]) -> None:
    """Raises IndexDamaged."""
    columns = (column for column in table.columns if column.name in values)
    if not all(kinds.is_sound(column, values[column.name]) for column in columns):
        raise IndexDamaged(f"a row of the table {table.name} is damaged")


def _delivery_line(connection: sa.Connection, row: sa.Row[*tuple[Any, ...]]) -> bytes:
    number, uid, *values = row
    _check(schema.delivery, row._mapping)
    copies = connection.exec_driver_sql(_COPY, (number,)).all()
    items = connection.exec_driver_sql(_ITEMS, (number,)).all()
    copy = dict(zip(_COPY_NAMES, copies[0], strict=True)) if copies else None
    named = [dict(zip(_ITEM_NAMES, each, strict=True)) for each in items]
    key = [uid, row._mapping["destination"]]
    return line(FORM_ROW, kinds.DELIVERY, key, [*values, copy, named], uid)
