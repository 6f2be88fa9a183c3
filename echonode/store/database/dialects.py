"""What SQLite and PostgreSQL write differently, under one name each.

Rules
- Statements elsewhere name no engine. What both write alike is plain SQLAlchemy.
- On SQLite the text is that of the partial indexes of databases that exist: SQLite uses a partial
  index only for a condition of the same words.
- A partial index has the mark PARTIAL in its `info`: a reader of the tables need not know dialects.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

POSTGRESQL = "postgresql"
PARTIAL = "partial"


def partial_index(
    name: str,
    *columns: str | sa.ColumnElement[Any],
    where: sa.ColumnElement[bool] | sa.TextClause,
    unique: bool = False,
) -> sa.Index:
    """An index of the rows that fulfil a condition, on both engines."""
    return sa.Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=where,
        postgresql_where=where,
        info={PARTIAL: True},
    )


def is_partial(index: sa.Index) -> bool:
    """Whether an index holds a part of its table only."""
    return bool(index.info.get(PARTIAL))


def is_true(column: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether a boolean column is true, in the words of the partial indexes: `= 1`, `= true`."""
    return column == sa.true()


def begin_of_one_moment(engine: sa.Engine) -> str:
    """Begins a transaction whose statements all read the same rows, whatever is written meanwhile.

    SQLite's always do so; PostgreSQL's only where they ask for it.
    """
    if engine.dialect.name == POSTGRESQL:
        return "BEGIN ISOLATION LEVEL REPEATABLE READ"
    return "BEGIN"


class usually(FunctionElement[bool]):  # noqa: N801  # used as SQLAlchemy's functions are
    """A condition that holds for nearly all rows: a hint for SQLite, which assumes the contrary."""

    inherit_cache = True  # without a type: SQLite would be asked whether a Boolean is 1


@compiles(usually)
def _usually(element: usually, compiler: SQLCompiler, **options: Any) -> str:
    return f"likely({compiler.process(element.clauses, **options)})"


@compiles(usually, POSTGRESQL)
def _usually_on_postgres(element: usually, compiler: SQLCompiler, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)})"


class four_hex_digits(FunctionElement[str]):  # noqa: N801  # used as SQLAlchemy's functions are
    """A status as four hexadecimal digits, as PS3.7 annex C writes it."""

    type = sa.Text()
    inherit_cache = True


@compiles(four_hex_digits)
def _digits(element: four_hex_digits, compiler: SQLCompiler, **options: Any) -> str:
    return f"printf('%04X', {compiler.process(element.clauses, **options)})"


@compiles(four_hex_digits, POSTGRESQL)
def _digits_on_postgres(element: four_hex_digits, compiler: SQLCompiler, **options: Any) -> str:
    return f"upper(lpad(to_hex({compiler.process(element.clauses, **options)}), 4, '0'))"


def costs_a_way(connection: sa.Connection) -> bool:
    """Whether each statement goes to a server and back, so that one is better than five."""
    return connection.dialect.name == POSTGRESQL


def insert_or(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An insert that has `on_conflict_do_update` and `on_conflict_do_nothing`."""
    if connection.dialect.name == POSTGRESQL:
        return postgresql.insert(table)
    return sqlite.insert(table)
