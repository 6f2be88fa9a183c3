"""SQLite: how connections are made, who writes, and what its failures mean.

Rules
- WAL with synchronous=FULL: a COMMIT that returned is on the disk.
- One writer connection, which also runs the checkpoints: SQLite before 3.51.3 can corrupt a WAL
  that several connections reset. Readers are opened read-only, so they never checkpoint, not even
  when the last one closes.
- Group commit: threads that come during a COMMIT are served together by the next one
  (`Writer.run`). No call returns before the COMMIT that holds its work has.
- Work may run twice (when other work of its batch failed): it changes nothing but the database.
- Transactions are begun and ended here by statement; the driver's own (AUTOCOMMIT) are off.
- Damage is reported to the watcher of the engine (`watch_for_damage`), wherever it is met.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import quote

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace, StoreError
from echonode.store.files.disk import fsync_folder

T = TypeVar("T")

BUSY_TIMEOUT_MS = 10_000  # only `echonode ledger` of an older kind would ever hold the database
_CACHE_KIB = 64 * 1024  # of the writer: the upper pages of every index of a million instances
# For each reader. Measured on a million instances, 2 to 64 MiB and with or without mmap_size find
# and stream alike, for the system's page cache stands behind them; but the cache, and every page
# that mmap has touched, is resident memory of ours, and there are as many readers as queries.
_READER_CACHE_KIB = 2 * 1024
_WAL_LIMIT = 64 * 1024 * 1024  # bytes that stay allocated after a checkpoint


_ON_DAMAGE = "echonode_on_damage"  # an execution option of the engine

# Caused by changed bytes where SQLite expects text: it has no code of its own for these.
_DAMAGE = ("malformed database schema", "Could not decode to UTF-8")


class CommitUncertain(OutOfSpace):
    """The disk failed within a COMMIT: only a restart shows whether its rows exist."""


def store_error(error: sa.exc.DBAPIError) -> StoreError | None:
    """What an SQLite failure means; None for a defect of ours."""
    if str(error.orig).startswith(_DAMAGE):
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


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn SQLite's failures in the block into ours, without the statement's values."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        translated = store_error(error)
        if translated is None:
            raise
        # `from None`: SQLAlchemy's text quotes the statement's parameters.
        raise translated from None
    except MemoryError:
        # SQLITE_NOMEM comes as this one; the transaction is rolled back, and may succeed later.
        raise OutOfSpace("the system gives the database no more memory") from None


def watch_for_damage(engine: sa.Engine, on_damage: Callable[[], None]) -> None:
    """Call `on_damage` whenever reading or writing by this engine raises IndexDamaged."""
    engine.update_execution_options(**{_ON_DAMAGE: on_damage})


@contextmanager
def _damage_told(engine: sa.Engine) -> Iterator[None]:
    try:
        yield
    except IndexDamaged:
        if on_damage := engine.get_execution_options().get(_ON_DAMAGE):
            on_damage()
        raise


@contextmanager
def reading(readers: sa.Engine) -> Iterator[sa.Connection]:
    """A connection for the block. Raises what SQLite's failures mean; reports IndexDamaged."""
    with _damage_told(readers), database_errors(), readers.connect() as connection:
        yield connection


def writer_engine(path: Path) -> sa.Engine:
    """An engine whose one connection may write."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            # For a new database: an existing one gets it when it is rewritten (file_size.py).
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
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
        creator=connect,
        poolclass=sa.pool.StaticPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


def reader_engine(path: Path, *, unchanging: bool = False) -> sa.Engine:
    """An engine of any number of connections that only read.

    unchanging: no process can write it, and there is no WAL: SQLite then needs no other file, which
    it could not make on a read-only disk.
    """
    immutable = "&immutable=1" if unchanging else ""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro{immutable}",
            uri=True,
            check_same_thread=False,
            isolation_level=None,
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute(f"PRAGMA cache_size = -{_READER_CACHE_KIB}")
        # Lists of row ids: small, and a full disk must not stop queries.
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    return sa.create_engine(
        "sqlite://",
        creator=connect,
        poolclass=sa.pool.QueuePool,
        pool_size=8,
        max_overflow=-1,  # a slow C-FIND holds one for its whole duration; it must not stop others
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
    )


class _Ticket(Generic[T]):
    """One caller's work and its result."""

    def __init__(self, work: Callable[[sa.Connection], T], folder: Path | None) -> None:
        self.work = work
        self.folder = folder
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.done = True


class Writer:
    """The only writer. Thread-safe; work runs in the thread of the caller whose turn it is.

    guard: called before each transaction; raises OutOfSpace where none may be made. on_outcome:
    called with None after each durable transaction, and with the error of each that was refused.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        guard: Callable[[], None] = lambda: None,
        on_outcome: Callable[[OutOfSpace | None], None] = lambda error: None,
    ) -> None:
        self._guard = guard
        self._on_outcome = on_outcome
        self._engine = engine
        self._connection = engine.connect()
        self._turn = threading.Lock()
        self._mutex = threading.Lock()
        self._waiting: list[_Ticket[object]] = []

    def close(self) -> None:
        """Close the connection; SQLite then checkpoints the WAL."""
        with self._turn:
            self._connection.close()
            self._engine.dispose()

    def run(self, work: Callable[[sa.Connection], T], *, folder: Path | None = None) -> T:
        """Run `work` in a transaction and return its result once the COMMIT is on the disk.

        folder: made durable before the transaction begins, once for all of a batch that name it.
        Raises what `work` raises (nothing is changed then), OutOfSpace, CommitUncertain,
        IndexDamaged.
        """
        ticket: _Ticket[T] = _Ticket(work, folder)
        with self._mutex:
            self._waiting.append(ticket)  # type: ignore[arg-type]  # results go back by the ticket
        with self._turn:
            if not ticket.done:
                self._serve()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # set, as done and without error

    def execute(self, statement: sa.Executable) -> None:
        """One statement in a transaction of its own."""
        self.run(lambda connection: connection.execute(statement).close())

    def alone(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on the connection while no other thread writes, outside of any transaction.

        For what SQLite does not do within one. Raises OutOfSpace, IndexDamaged.
        """
        with self._turn, _damage_told(self._engine), database_errors():
            self._guard()
            return work(self._connection)

    @contextmanager
    def without_foreign_keys(self) -> Iterator[None]:
        """Do not enforce foreign keys in the block, for a migration that remakes a table."""
        self.alone(lambda connection: connection.exec_driver_sql("PRAGMA foreign_keys = OFF"))
        try:
            yield
        finally:
            self.alone(lambda connection: connection.exec_driver_sql("PRAGMA foreign_keys = ON"))

    def _serve(self) -> None:
        """Run all waiting work in one transaction."""
        with self._mutex:
            batch, self._waiting = self._waiting, []
        try:
            batch = _with_durable_folders(batch)
            if not self._commit_together(batch):
                for ticket in batch:
                    self._commit_alone(ticket)
        except BaseException as error:
            for ticket in batch:
                if not ticket.done:
                    ticket.fail(error)
            raise

    def _commit_together(self, batch: list[_Ticket[object]]) -> bool:
        """False when some work failed and each must be tried alone; nothing was changed then."""
        if len(batch) < 2:
            return False
        try:
            with self._transaction():
                for ticket in batch:
                    ticket.result = ticket.work(self._connection)
        except CommitUncertain as error:
            # Trying again could write twice what may have been written.
            for ticket in batch:
                ticket.fail(CommitUncertain(str(error)))
            return True
        except Exception:  # noqa: BLE001  # whose it is shows when each is tried alone
            return False
        for ticket in batch:
            ticket.done = True
        return True

    def _commit_alone(self, ticket: _Ticket[object]) -> None:
        try:
            with self._transaction():
                ticket.result = ticket.work(self._connection)
        except Exception as error:  # noqa: BLE001  # raised again in the caller's thread by run()
            ticket.fail(error)
        ticket.done = True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._guard()
            with _damage_told(self._engine), database_errors():
                self._connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield
                    self._connection.exec_driver_sql("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise
        except OutOfSpace as error:
            self._on_outcome(error)
            raise
        self._on_outcome(None)

    def _roll_back(self) -> None:
        # After some failures SQLite has rolled back by itself, and a ROLLBACK would be an error.
        driver_connection = self._connection.connection.driver_connection
        if isinstance(driver_connection, sqlite3.Connection) and driver_connection.in_transaction:
            self._connection.exec_driver_sql("ROLLBACK")


class RefusingWriter(Writer):
    """The writer of a store that was opened on an unwritable disk: refuses all work."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def close(self) -> None:
        """There is nothing to close."""

    def run(self, work: Callable[[sa.Connection], T], *, folder: Path | None = None) -> T:
        """Raises OutOfSpace."""
        raise OutOfSpace(self._reason)

    def alone(self, work: Callable[[sa.Connection], T]) -> T:
        """Raises OutOfSpace."""
        raise OutOfSpace(self._reason)


def _with_durable_folders(batch: list[_Ticket[object]]) -> list[_Ticket[object]]:
    """Those of the batch whose folder is durable; the others have failed."""
    failures: dict[Path | None, str] = {}
    for folder in {ticket.folder for ticket in batch if ticket.folder is not None}:
        try:
            fsync_folder(folder)
        except OutOfSpace as error:
            failures[folder] = str(error)
    for ticket in batch:
        if ticket.folder in failures:
            ticket.fail(OutOfSpace(failures[ticket.folder]))
    return [ticket for ticket in batch if not ticket.done]
