"""Keeps the database's files as small as their content: frees pages, truncates the WAL.

Rules
- A database is made with incremental auto_vacuum. One from an older EchoNode is rewritten once
  (`make_shrinkable`): by the start that upgrades it where it is small, else by `reindex`.
- Free pages are returned to the disk when they are a quarter of the file and at least _LEAST_PAGES,
  a part at a time; the last quarter stays, because the next rows would need it again.
- SQLite restarts its WAL at the front once a checkpoint has written all of it and no connection
  reads an older state. A permanent reader prevents that, and the WAL grows. A large WAL is
  truncated; a reader that prevents it is waited for WAIT_MS at most, because writers wait too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.store.database.connections import Writer
from echonode.store.database.sqlite_engine import BUSY_TIMEOUT_MS, driver_connection, driver_errors
from echonode.store.files.disk import disk_errors

LARGE_WAL_BYTES = 64 * 1024 * 1024  # sixteen times what SQLite lets it grow to by itself
WAIT_MS = 250
_LEAST_PAGES = 16_384  # free; 64 MiB of SQLite's pages of 4 KiB
_FREE_SHARE = 4  # as a part of all pages: a quarter
_PAGES_AT_ONCE = 2_000  # 8 MiB in one transaction
_INCREMENTAL = 2


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """What was done. starved_wal_bytes: of a WAL that a reader kept from truncation, else 0."""

    pages_given_back: int = 0
    starved_wal_bytes: int = 0


def shrink(writer: Writer, database: Path) -> Shrunk:
    """Return a part of the free pages to the disk, and truncate a large WAL. Raises OutOfSpace.

    PostgreSQL does so itself (autovacuum).
    """
    if writer.is_on_server:
        return Shrunk()
    return Shrunk(
        pages_given_back=writer.alone(_give_back),
        starved_wal_bytes=_cut_down(writer, database.with_name(f"{database.name}-wal")),
    )


def make_shrinkable(writer: Writer) -> None:
    """Rewrite a database without auto_vacuum, with it; needs as much space again while it runs.

    Raises OutOfSpace; nothing is changed then.
    """

    def work(connection: sa.Connection) -> None:
        driver = _driver(connection)
        with _sqlite_errors():
            if _number(driver, "auto_vacuum") != _INCREMENTAL:
                driver.execute(f"PRAGMA auto_vacuum = {_INCREMENTAL}")
                driver.execute("VACUUM")

    if not writer.is_on_server:
        writer.alone(work)


def remove_residue(writer: Writer) -> None:
    """Write the database again, so that its files hold its rows and nothing that was deleted.

    Free pages, and what is left of rows within pages, go with VACUUM; the log is truncated. Writers
    wait meanwhile. On a server its own VACUUM does it. Raises OutOfSpace, also where a reader that
    does not end keeps the log: then it is to be done again.
    """

    def work(connection: sa.Connection) -> bool:
        driver = _driver(connection)
        with _sqlite_errors():
            driver.execute("PRAGMA secure_delete = ON")
            driver.execute("VACUUM")
            [busy, *_] = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(busy)

    if not writer.is_on_server and writer.alone(work):
        raise OutOfSpace("a reader keeps the database's log; what was deleted is still in it")


def _give_back(connection: sa.Connection) -> int:
    driver = _driver(connection)
    with _sqlite_errors():
        free, pages = _number(driver, "freelist_count"), _number(driver, "page_count")
        if free < _LEAST_PAGES or free * _FREE_SHARE < pages:
            return 0
        # It stops after each page; `execute` would run one step, `executescript` runs all.
        driver.executescript(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})")
        return free - _number(driver, "freelist_count")


def _cut_down(writer: Writer, wal: Path) -> int:
    """0, or the size of a WAL that could not be truncated."""
    if _size(wal) <= LARGE_WAL_BYTES:
        return 0

    def work(connection: sa.Connection) -> bool:
        driver = _driver(connection)
        with _sqlite_errors():
            driver.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
            try:
                [busy, *_] = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        return bool(busy)

    return _size(wal) if writer.alone(work) else 0


def _size(path: Path) -> int:
    """Raises OutOfSpace where the disk does not let it be seen."""
    with disk_errors("to look at the database"):
        try:
            return path.stat().st_size
        except FileNotFoundError:  # nothing was written yet
            return 0


def _number(driver: sqlite3.Connection, pragma: str) -> int:
    [value] = driver.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)


@contextmanager
def _sqlite_errors() -> Iterator[None]:
    """Raise SQLite's own failures in the block as SQLAlchemy's, which `database_errors` knows."""
    try:
        yield
    except driver_errors() as error:
        raise sa.exc.DBAPIError("", None, error) from None


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    """SQLite's own connection: these statements are not SQL that SQLAlchemy knows."""
    return driver_connection(connection)
