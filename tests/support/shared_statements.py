"""SQL statements compiled once a process, as in a node that runs, and not once a store.

SQLAlchemy keeps what it compiles by engine, and what makes tables not at all. A test that opens a
store makes new engines and tables, and would compile every statement again: that is half of what
such a test costs.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.util import LRUCache

from echonode.store.database import schema

# A node has some two hundred; queries of the tests add more of their own.
MOST_STATEMENTS = 1000


def share_statements() -> None:
    """Let every SQLite engine that this process makes share a dialect and compiled statements.

    The dialect is part of a statement's key. It holds nothing of one database, and every engine of
    ours sets it up in the same way.
    """
    create = sa.create_engine
    compiled: LRUCache[Any, Any] = LRUCache(MOST_STATEMENTS)
    ready: list[sa.Dialect] = []

    def create_sharing(*arguments: Any, **options: Any) -> sa.Engine:
        engine = create(*arguments, **options)
        if engine.dialect.name != "sqlite" or options.get("module") not in (None, sqlite3):
            return engine  # SQLCipher's dialect knows its own errors
        if not ready:
            with create("sqlite://", isolation_level="AUTOCOMMIT").connect() as connection:
                ready.append(connection.dialect)  # connected once: it knows SQLite's version
        engine.dialect = ready[0]
        engine.update_execution_options(compiled_cache=compiled)
        return engine

    vars(sa)["create_engine"] = create_sharing
    vars(schema.METADATA)["create_all"] = _make_tables


def _make_tables(connection: sa.Connection, *, checkfirst: bool) -> None:
    """MetaData.create_all, for a new database."""
    assert not checkfirst
    if connection.dialect.name != "sqlite":
        sa.MetaData.create_all(schema.METADATA, connection, checkfirst=False)
        return
    for statement in _tables():
        connection.exec_driver_sql(statement).close()


@cache
def _tables() -> tuple[str, ...]:
    """What create_all would execute on SQLite."""
    made: list[str] = []

    def note(statement: Any, *_: object, **__: object) -> None:
        made.append(str(statement.compile(dialect=engine.dialect)))

    engine = sa.create_mock_engine("sqlite://", note)
    sa.MetaData.create_all(schema.METADATA, engine, checkfirst=False)
    return tuple(made)
