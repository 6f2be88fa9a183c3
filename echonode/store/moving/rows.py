"""Every row of a database copied into an empty one, on either engine, all or none.

Rules
- One transaction of the target holds all of it, and is compared table by table before its COMMIT.
- A row keeps its number, so what refers to it does. What a running node says of itself (its word,
  its leases, how it stopped) is not of the store, and stays.
- PostgreSQL takes no NUL in a text; SQLite had taken it from the wire. It is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from echonode.errors import Damaged
from echonode.store.database import schema
from echonode.store.database.connections import Writer, streaming
from echonode.store.database.dialects import POSTGRESQL

_AT_ONCE = 500
_OF_A_NODE = frozenset({"schema_migration", "cluster_node", "lease"})
_META_LEFT = ("stopped_orderly", "instances_are_in", "folders_in_use")
PLACE_KEY = "instances_are_in"  # recovery/place.py
_meta = schema.meta.c


def copy_rows(
    readers: sa.Engine, writer: Writer, *, place: str, progress: Callable[[int, int], None]
) -> int:
    """Copy all tables; durable on return. How many rows.

    place: where the instances are from now on. Raises Damaged where the copy differs, OutOfSpace.
    """
    tables = [table for table in schema.METADATA.sorted_tables if table.name not in _OF_A_NODE]
    with streaming(readers) as source:
        total = sum(_count(source, table) for table in tables)

        def work(target: sa.Connection) -> int:
            done = 0
            for table in reversed(tables):
                target.execute(sa.delete(table))
            for table in tables:
                for part in _parts(source, table, strip=target.dialect.name == POSTGRESQL):
                    target.execute(sa.insert(table), part)
                    done += len(part)
                    progress(done, total)
                if table is not schema.meta and _count(source, table) != _count(target, table):
                    raise Damaged(f"the copy of the table {table.name} is not what was read")
                _continue_numbers(target, table)
            target.execute(sa.insert(schema.meta), {"key": PLACE_KEY, "value": place})
            return done

        return writer.run(work)


def _parts(
    source: sa.Connection, table: sa.Table, *, strip: bool
) -> Iterator[list[dict[str, Any]]]:
    statement = sa.select(table).order_by(*table.primary_key.columns)
    if table is schema.meta:
        for left in _META_LEFT:
            statement = statement.where(~_meta["key"].startswith(left))
    streaming = source.execution_options(yield_per=_AT_ONCE)
    for part in streaming.execute(statement).partitions():
        yield [
            {
                name: value.replace("\0", "") if strip and isinstance(value, str) else value
                for name, value in row._mapping.items()
            }
            for row in part
        ]


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _continue_numbers(target: sa.Connection, table: sa.Table) -> None:
    """On PostgreSQL the next row's number comes from a sequence."""
    if target.dialect.name != POSTGRESQL or "id" not in table.c:
        return
    name = target.exec_driver_sql(f"SELECT pg_get_serial_sequence('{table.name}', 'id')").scalar()
    if name:
        last = target.scalar(sa.select(sa.func.max(table.c.id)))
        if last is not None:
            target.execute(sa.select(sa.func.setval(name, last))).close()
