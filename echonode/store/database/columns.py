"""The kinds of column that the tables are made of; *_schema.py says what each table holds.

Rules
- Times are whole microseconds since 1970 in UTC (`UtcTime`); unknown is NULL. Text is never NULL.
- Text (`Words`) is compared by its code points on both engines: PostgreSQL would otherwise use the
  language of the database, in which a prefix is no range ("mu" to "mu\U0010ffff" lacks "muller").
- PostgreSQL takes no NUL in a text: it is left out there, and so it is in what is compared with it.
- SQLite does not enforce column types: a number or time of another type raises IndexDamaged when
  read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from echonode.errors import IndexDamaged
from echonode.store.database.dialects import POSTGRESQL

# Of every table: those of all *_schema.py are one database (schema.py imports them all).
METADATA = sa.MetaData()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """An aware time; in the database whole microseconds since 1970, so order is order in time."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        try:
            return _EPOCH + value * _MICROSECOND
        except (TypeError, OverflowError):
            raise IndexDamaged("a time in the database is not an integer") from None


class Words(sa.types.TypeDecorator[str]):
    """Text, ordered by code points; a NUL is left out where the engine takes none."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[str]:
        on_postgres = dialect.name == POSTGRESQL
        return dialect.type_descriptor(postgresql.TEXT(collation="C") if on_postgres else sa.Text())

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[str | None], str | None] | None:
        # None for SQLite: a processor would be called for each text of each row.
        return _without_nul if dialect.name == POSTGRESQL else None

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> None:
        return None


def _without_nul(text: str | None) -> str | None:
    return text.replace("\0", "") if text else text


class Whole(sa.types.TypeDecorator[int]):
    """A whole number and nothing else, also where a changed bit made it something else.

    64 bits on both engines: SQLite's INTEGER has as many.
    """

    impl = sa.Integer
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[int]:
        large = dialect.name == POSTGRESQL
        return dialect.type_descriptor(sa.BigInteger() if large else self.impl_instance)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> int | None:
        if value is not None and not isinstance(value, int):
            raise IndexDamaged("a number in the database is not an integer")
        return value


class LongWhole(Whole):
    """A whole number in a column declared BIGINT."""

    impl = sa.BigInteger
    cache_ok = True


def one_of(column: str, values: type[StrEnum], *, without: Sequence[str] = ()) -> str:
    """CHECK text: the column holds one of an enum's values. Constants of ours only."""
    allowed = ", ".join(f"'{value}'" for value in values if value not in without)
    return f"{column} IN ({allowed})"


def text_column(name: str, *, primary_key: bool = False, unique: bool = False) -> sa.Column[str]:
    """Never NULL: unknown is ''."""
    return sa.Column(name, Words, nullable=False, primary_key=primary_key, unique=unique)


def count_column(name: str) -> sa.Column[int]:
    """From 0 on."""
    # A value below zero would mean that a row was counted twice when it was removed.
    return sa.Column(name, Whole, sa.CheckConstraint(f"{name} >= 0"), nullable=False, default=0)


def time_column(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    """A moment; where it may be unknown, `nullable`."""
    return sa.Column(name, UtcTime, nullable=nullable)


def key_column() -> sa.Column[int]:
    """The row's own number."""
    return sa.Column("id", Whole, primary_key=True)


def reference_to(table: str, *, index: bool = True, nullable: bool = False) -> sa.Column[int]:
    """The key of a row of `table`, as the column TABLE_id."""
    return sa.Column(f"{table}_id", sa.ForeignKey(f"{table}.id"), nullable=nullable, index=index)
