"""SQLite as the store's engine: how its connections are made, and what its failures mean.

Rules
- WAL with synchronous=FULL: a COMMIT that returned is on the disk. With NORMAL, which a transaction
  may ask for (unsynced.py), it is there once the log is synchronised; all else is as with FULL:
  a checkpoint synchronises the log before it writes to the database, and that before it begins a
  new log, so a power cut takes whole transactions from the end of the log, and nothing else.
- One writer connection, which also runs the checkpoints: SQLite before 3.51.3 can corrupt a WAL
  that several connections reset. Readers are opened read-only, so they never checkpoint, not even
  when the last one closes.
- An encrypted database is SQLCipher's (AES-256, each page with its authentication): the same
  SQLite, by another library, which is loaded for it alone. What it keeps for a while (sorting, a
  VACUUM) is in memory: it would be plain on the disk.
- Transactions are begun and ended by statement (connections.py); the driver's own (AUTOCOMMIT) are
  off.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import cast
from urllib.parse import quote

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace, StoreError
from echonode.store.database.failures import CommitUncertain
from echonode.store.files.disk import synchronise_content

BUSY_TIMEOUT_MS = 10_000  # only `echonode ledger` of an older kind would ever hold the database
_CACHE_KIB = 64 * 1024  # of the writer: the upper pages of every index of a million instances
# For each reader. Measured on a million instances, 2 to 64 MiB and with or without mmap_size find
# and stream alike, for the system's page cache stands behind them; but the cache, and every page
# that mmap has touched, is resident memory of ours, and there are as many readers as queries.
_READER_CACHE_KIB = 2 * 1024
_WAL_LIMIT = 64 * 1024 * 1024  # bytes that stay allocated after a checkpoint

DURABLE, SYNCHRONISED_LATER = "FULL", "NORMAL"  # what a COMMIT is on return

# Caused by changed bytes where SQLite expects text: it has no code of its own for these.
_DAMAGE = ("malformed database schema", "Could not decode to UTF-8")
# A bit of `sqlite_master` changed: our statements name what a database of this version has, and a
# trigger is made only where it is not listed (SQLite compares names without regard to case).
_OTHER_SCHEMA = re.compile(r"trigger \S+ already exists|no such (?:trigger|table|column)")


_SQLCIPHER = "sqlcipher3.dbapi2"
# Of one connection, for SQLCipher's library. When it holds that many it gives up the one that was
# used least, which is always the newest: the statements of a start fill its default of 100, and
# each later one was compiled every time again (pysqlite issue 141; repaired in Python's own). It is
# more than the store has, but for searches; those that are in use stay.
_STATEMENTS = 512
# For every database that is opened or attached from then on; before its key.
HMAC = "PRAGMA cipher_default_hmac_algorithm = HMAC_SHA256"


def driver(secret: bytes | None) -> ModuleType:
    """The library for a database: sqlite3, or SQLCipher's, which has the same interface.

    Raises StoreError where that is not installed.
    """
    if secret is None:
        return sqlite3
    try:
        return import_module(_SQLCIPHER)
    except ImportError as error:
        raise StoreError(
            f"SQLCipher cannot be loaded ({error}): install EchoNode with the extra `encryption`"
        ) from None


def driver_errors() -> tuple[type[Exception], ...]:
    """What both libraries raise."""
    loaded = sys.modules.get(_SQLCIPHER)
    return (sqlite3.Error,) if loaded is None else (sqlite3.Error, loaded.Error)


def driver_connection(connection: sa.Connection) -> sqlite3.Connection:
    """The library's own connection; SQLCipher's has the same methods."""
    found = connection.connection.driver_connection
    assert hasattr(found, "set_progress_handler")  # of SQLite
    return cast(sqlite3.Connection, found)


def connect_to(
    database: Path | str, secret: bytes | None, *, uri: bool = False
) -> sqlite3.Connection:
    """A connection that may be used by any thread. secret: of an encrypted database."""
    more = {} if secret is None else {"cached_statements": _STATEMENTS}
    connection = cast(
        sqlite3.Connection,
        driver(secret).connect(
            database, uri=uri, check_same_thread=False, isolation_level=None, **more
        ),
    )
    if secret is not None:
        connection.execute("PRAGMA cipher_log_level = NONE")  # it would write to standard error
        # Processors do SHA-256, and not SHA-512, which is the library's own choice: a page is read
        # in 9 us instead of 15 (plain: 4).
        connection.execute(HMAC)
        connection.execute(f"PRAGMA key = \"x'{secret.hex()}'\"")
        connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def writer_engine(path: Path, secret: bytes | None = None) -> sa.Engine:
    """An engine whose one connection may write. secret: of an encrypted database."""

    def connect() -> sqlite3.Connection:
        connection = connect_to(path, secret)
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            # For a new database: an existing one gets it when it is rewritten (file_size.py).
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {DURABLE}")
            # SQLite's own F_FULLFSYNC (files/disk.py); elsewhere than on macOS it changes nothing.
            connection.execute("PRAGMA fullfsync = ON")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        except BaseException:  # a damaged database: its descriptor is given back at once
            connection.close()
            raise
        return connection

    return sa.create_engine(
        "sqlite://",
        module=driver(secret),
        creator=connect,
        poolclass=sa.pool.StaticPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


def reader_engine(
    path: Path, secret: bytes | None = None, *, unchanging: bool = False
) -> sa.Engine:
    """An engine of any number of connections that only read.

    secret: of an encrypted database.
    unchanging: no process can write it, and there is no WAL: SQLite then needs no other file, which
    it could not make on a read-only disk.
    """
    immutable = "&immutable=1" if unchanging else ""

    def connect() -> sqlite3.Connection:
        connection = connect_to(f"file:{quote(str(path))}?mode=ro{immutable}", secret, uri=True)
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
        # Lists of row ids: small, and a full disk must not stop queries.
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    return sa.create_engine(
        "sqlite://",
        module=driver(secret),
        creator=connect,
        poolclass=sa.pool.QueuePool,
        pool_size=8,
        max_overflow=-1,  # a slow C-FIND holds one for its whole duration; it must not stop others
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


def tells_damage(message: str) -> bool:
    """Whether SQLite's message is of changed bytes where it expects its schema, or text."""
    return message.startswith(_DAMAGE) or _OTHER_SCHEMA.match(message) is not None


def meaning_of(error: sa.exc.DBAPIError) -> StoreError | None:
    """What a failure means; None for a defect of ours."""
    if tells_damage(str(error.orig)):
        return IndexDamaged("the database file is damaged")
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None:
        return None
    match code & 0xFF:
        case sqlite3.SQLITE_FULL:
            return OutOfSpace("the database has no more room on the disk")
        case sqlite3.SQLITE_IOERR:
            return CommitUncertain("the disk failed under the database")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return OutOfSpace("the database cannot be written")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return OutOfSpace("another program holds the database")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return IndexDamaged("the database file is damaged")
    return None


def log_of(connection: sa.Connection) -> str:
    """The path of a database's write-ahead log."""
    rows = connection.exec_driver_sql("PRAGMA database_list").all()
    return next(f"{row.file}-wal" for row in rows if row.name == "main")


def synchronise_log(path: str) -> None:
    """Make every COMMIT that has returned durable. Raises OSError.

    By a descriptor of our own: SQLite's locks are on the other two files, and none is lost when it
    is closed. Where there is no log, a checkpoint has made all durable.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        synchronise_content(descriptor)
    finally:
        os.close(descriptor)


def begin_new_log(connection: sa.Connection) -> None:
    """Bring all of it into the database's file, durably, and cut it off.

    Raises OutOfSpace where a reader still needs it.
    """
    is_busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
    if is_busy:
        raise OutOfSpace("the disk failed under the database, and queries still read it")


class SqliteTransactions:
    """How the writer's transactions begin and end: one writer, whatever its work locks."""

    def __init__(self) -> None:
        self._is_durable = True
        self._checkpoint_every = 0  # pages; read from the connection

    def set_durable(self, connection: sa.Connection, durable: bool) -> None:
        """Whether the next COMMIT is on the disk on return.

        Without that it makes no checkpoint: SQLite does not say when that fails, and its fsync
        would take the error of the log from the next one.
        """
        if durable == self._is_durable:
            return
        if not durable:
            found = connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar_one()
            self._checkpoint_every = int(found)
        level = DURABLE if durable else SYNCHRONISED_LATER
        pages = self._checkpoint_every if durable else 0
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
        connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {pages}")
        self._is_durable = durable

    def begin(
        self, connection: sa.Connection, *, alone: bool, locks: Sequence[str], durable: bool
    ) -> None:
        """Begin, and be the only writer."""
        self.set_durable(connection, durable)
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def commit(self, connection: sa.Connection) -> None:
        """Make it durable."""
        connection.exec_driver_sql("COMMIT")

    def roll_back(self, connection: sa.Connection) -> None:
        """Undo what was done since `begin`."""
        # After some failures SQLite has rolled back by itself, and a ROLLBACK would be an error.
        if getattr(connection.connection.driver_connection, "in_transaction", False):
            connection.exec_driver_sql("ROLLBACK")

    def is_lost(self, connection: sa.Connection) -> bool:
        """A file is never lost."""
        return False

    def may_pass(self, error: Exception) -> bool:
        """Nothing else writes: what failed would fail again."""
        return False
