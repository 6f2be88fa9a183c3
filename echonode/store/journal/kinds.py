"""Which rows the journal has, and how a changed one is named.

Rules
- A table of the database is in the journal unless it is LEFT_OUT with a reason: a new table needs
  no line here. A test compares the two.
- A delivery is one entry with its derived copy and the commitments that name it, under its SOP
  Instance UID and destination: its number and that of its instance are made again.
- Triggers write down what changed, in the transaction that changes it. They are made at each start,
  on SQLite; a migration that makes a table again drops those of that table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.columns import UtcTime, Whole

DELIVERY = "delivery"
DELIVERY_GONE = "delivery gone"
OF_A_DELIVERY = ("derived_copy", "commitment_item")
LEFT_OUT = {
    "patient": "the files say it",
    "study": "the files say it",
    "series": "the files say it",
    "instance": "the files say it, and their seals",
    "instance_description": "made of the files in the background",
    "pixel_look": "it names an instance by its number; the person looks again",
    "user_session": "a log-in that was ended must not come back",
    "cluster_node": "what a running node says of itself",
    "lease": "what a running node says of itself",
    "schema_migration": "how the database was made",
    "journal_change": "the journal's own",
    "journal_staged": "the journal's own",
}
# Keys of the table `meta` that say how this database is kept.
OF_THIS_DATABASE = ("stopped_orderly", "folders_in_use", "instances_are_in", "journal", "rebuild")
# Its old rows are dropped as new ones come, and need no line of their own.
_APPEND_ONLY = frozenset({"flight_event"})
_LATEST = 250_000_000_000_000_000  # microseconds from 1970; in the calendar of datetime
_MARK = "journal_of_"


def tables() -> list[sa.Table]:
    """Those whose rows stand for themselves, each after what it refers to."""
    apart = {*LEFT_OUT, DELIVERY, *OF_A_DELIVERY}
    return [table for table in schema.METADATA.sorted_tables if table.name not in apart]


def is_of_this_database(meta_key: str) -> bool:
    """Whether a row of `meta` stays where it is."""
    return meta_key.startswith(OF_THIS_DATABASE)


def key_columns(table: sa.Table) -> list[str]:
    """The names of its primary key."""
    return [column.name for column in table.primary_key.columns]


def is_sound(column: sa.Column[Any], value: object) -> bool:
    """Whether a value as the driver gives it can have been written: a changed bit makes others."""
    kind = column.type
    if value is None:
        return bool(column.nullable)
    if isinstance(kind, UtcTime):
        return isinstance(value, int) and -_LATEST < value < _LATEST
    if isinstance(kind, sa.Boolean):
        return value in (0, 1)
    if isinstance(kind, Whole):
        return isinstance(value, int)
    return isinstance(value, bytes if isinstance(kind, sa.LargeBinary) else str)


def make_triggers(connection: sa.Connection) -> None:
    """Make them as they are to be; those that are so already stay."""
    _have(connection, dict(_triggers()))


def remove_triggers(connection: sa.Connection) -> None:
    """Of a database without a journal; what they had written goes as well."""
    _have(connection, {})
    connection.execute(sa.delete(schema.journal_change))


def _have(connection: sa.Connection, wanted: dict[str, str]) -> None:
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    ).all()
    for name, text in found:
        if name.startswith(_MARK) and wanted.get(name) != text:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        else:
            wanted.pop(name, None)
    for text in wanted.values():
        connection.exec_driver_sql(text)


def _triggers() -> Iterator[tuple[str, str]]:
    for table in tables():
        events = ("INSERT",) if table.name in _APPEND_ONLY else ("INSERT", "UPDATE", "DELETE")
        for event in events:
            yield _trigger(table.name, event, table.name, _key(table, event))
    delivery = "json_array({row}.id)"
    gone = (
        "json_array((SELECT sop_instance_uid FROM instance WHERE id = OLD.instance_id),"
        " OLD.destination)"
    )
    for event in ("INSERT", "UPDATE"):
        yield _trigger(DELIVERY, event, DELIVERY, delivery.format(row="NEW"))
    yield _trigger(DELIVERY, "DELETE", DELIVERY_GONE, gone)
    for name in OF_A_DELIVERY:
        for event in ("INSERT", "UPDATE", "DELETE"):
            yield _trigger(name, event, DELIVERY, f"json_array({_row(event)}.delivery_id)")


def _trigger(table: str, event: str, kind: str, key: str) -> tuple[str, str]:
    name = f"{_MARK}{table}_{event.lower()}"
    return name, (
        f"CREATE TRIGGER {name} AFTER {event} ON {table} BEGIN "
        f"INSERT INTO journal_change (kind, key) VALUES ('{kind}', {key}); END"
    )


def _row(event: str) -> str:
    return "OLD" if event == "DELETE" else "NEW"


def _key(table: sa.Table, event: str) -> str:
    # hex(): JSON has no bytes. Names of columns are ours.
    return "json_array({})".format(
        ", ".join(
            f'hex({_row(event)}."{column.name}")'
            if isinstance(column.type, sa.LargeBinary)
            else f'{_row(event)}."{column.name}"'
            for column in table.primary_key.columns
        )
    )
