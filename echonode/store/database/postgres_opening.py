"""Opens the database on a PostgreSQL server at start: refused, made or migrated.

Rules
- The version is read, and changed, by one transaction that is alone in the database: of nodes that
  start together one makes the tables and the others find them.
- The server checks its own pages, and writes what it promised: there is no look for damage, no
  reserve and no orderly stop. A server that does not answer is OutOfSpace, and nothing is stored.
- A database whose encoding is not UTF-8 is refused: names of other scripts would not fit in it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import ConfigError, ConfigFault, OutOfSpace
from echonode.store.database.connections import Writer, database_errors, watch_for_damage
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.migrations import SCHEMA_VERSION, migrate, refuse_newer
from echonode.store.database.opening import Opened
from echonode.store.database.postgres_engine import writer_engine


def open_on_server(
    url: str,
    now: datetime,
    marker: CorruptionMarker,
    *,
    guard: Callable[[], None] = lambda: None,
    on_outcome: Callable[[OutOfSpace | None], None] = lambda error: None,
) -> Opened:
    """Open it by the rules above; guard, on_outcome: see Writer.

    Raises SchemaTooNew, OutOfSpace; ConfigError where the database cannot be used, or psycopg is
    not installed.
    """
    marker.clear()
    with database_errors():
        engine = _engine(url)
        watch_for_damage(engine, marker.mark_corrupt)
        writer = Writer(engine, guard=guard, on_outcome=on_outcome)
    try:
        version = writer.run(lambda connection: _bring_up_to_date(connection, now))
    except BaseException:
        writer.close()
        raise
    return Opened(writer=writer, made=version == 0, checked=True, trusted=version > 0)


def _engine(url: str) -> sa.Engine:
    try:
        return writer_engine(url)
    except ModuleNotFoundError:
        raise _unusable(
            "needs a library that is not installed", "Install it: pip install 'echonode[cluster]'."
        ) from None


def _bring_up_to_date(connection: sa.Connection, now: datetime) -> int:
    """The version that was found; 0 for an empty database."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    if encoding != "UTF8":
        raise _unusable(
            f"names a database whose encoding is {encoding}",
            "Make another one: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.",
        )
    version = refuse_newer(connection)
    if version < SCHEMA_VERSION:
        migrate(connection, version, now)
    return version


def _unusable(problem: str, remedy: str) -> ConfigError:
    return ConfigError([ConfigFault(path="index.url", problem=problem, remedy=remedy)])
