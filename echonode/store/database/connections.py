"""Who reads and who writes, on either engine: sqlite_engine.py and postgres_engine.py make both.

Rules
- Group commit: threads that come during a COMMIT are served together by the next one
  (`Writer.run`). No call returns before the COMMIT that holds its work has. It is durable then,
  unless all work of the batch said that it need not be (unsynced.py).
- Work may run twice (when other work of its batch failed, or another node was in its way): it
  changes nothing but the database.
- Work is alone in the database, whatever node it is on, unless it says what it locks (`locking`).
  SQLite has one writer in any case.
- Transactions are begun and ended here by statement; the driver's own (AUTOCOMMIT) are off.
- Damage is reported to the watcher of the engine (`watch_for_damage`), wherever it is met.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace, StoreError
from echonode.store.database import postgres_engine, sqlite_engine
from echonode.store.database.dialects import POSTGRESQL, begin_of_one_moment
from echonode.store.database.failures import CommitUncertain, Contended
from echonode.store.database.tickets import (
    Ticket,
    in_order,
    is_alone,
    locks_of,
    waits_for_disk,
    with_durable_folders,
)
from echonode.store.database.transactions import Transactions
from echonode.store.database.unsynced import Unsynced

T = TypeVar("T")

_ON_DAMAGE = "echonode_on_damage"  # an execution option of the engine
_TRIES = 3  # of one caller's work that another node was in the way of


def _transactions_of(engine: sa.Engine) -> Transactions:
    if engine.dialect.name == POSTGRESQL:
        return postgres_engine.PostgresTransactions()
    return sqlite_engine.SqliteTransactions()


def store_error(error: sa.exc.DBAPIError) -> StoreError | None:
    """What an engine's failure means; None for a defect of ours."""
    on_sqlite = hasattr(error.orig, "sqlite_errorcode") or not hasattr(error.orig, "sqlstate")
    return sqlite_engine.meaning_of(error) if on_sqlite else postgres_engine.meaning_of(error)


@contextmanager
def database_errors() -> Iterator[None]:
    """Turn the engine's failures in the block into ours, without the statement's values."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        translated = store_error(error)
        if translated is None:
            raise
        # `from None`: SQLAlchemy's text quotes the statement's parameters.
        raise translated from None
    except sa.exc.PendingRollbackError:
        # An earlier statement of the same transaction lost the connection to the server.
        raise OutOfSpace("the database does not answer") from None
    except sa.exc.TimeoutError:
        raise OutOfSpace("too many queries read the database at the same time") from None
    except UnicodeDecodeError as error:
        # SQLite's message quotes changed bytes of the schema, and Python's library fails at that.
        # Other bytes are those of a caller: a file that is no text says nothing of the database.
        if not sqlite_engine.tells_damage(error.object.decode(errors="replace")):
            raise
        raise IndexDamaged("the database file is damaged") from None
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
    """A connection for the block. Raises what the failures mean; reports IndexDamaged."""
    with _damage_told(readers), database_errors(), readers.connect() as connection:
        yield connection


@contextmanager
def reading_one_moment(readers: sa.Engine) -> Iterator[sa.Connection]:
    """As `reading`, and all statements of the block read the same rows.

    It ends well where the engine has ended the transaction by itself: SQLite does so after some
    errors of the disk, PostgreSQL where the connection is lost.
    """
    with reading(readers) as connection:
        connection.exec_driver_sql(begin_of_one_moment(readers))
        try:
            yield connection
        finally:
            _transactions_of(readers).roll_back(connection)


@contextmanager
def streaming(readers: sa.Engine) -> Iterator[sa.Connection]:
    """As `reading`, for one statement of many rows: they come in parts, and none is held.

    SQLite always reads so. PostgreSQL needs a cursor of the server for it.
    """
    with reading(readers) as connection:
        on_server = readers.dialect.name == POSTGRESQL
        yield postgres_engine.in_parts(connection) if on_server else connection


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
        self._transactions = _transactions_of(engine)
        self._connection = engine.connect()
        self._turn = threading.Lock()
        self._mutex = threading.Lock()
        self._waiting: list[Ticket[object]] = []
        self._unsynced = Unsynced()

    @property
    def is_on_server(self) -> bool:
        """Whether the database is a server's, and not a file of this node."""
        return self._engine.dialect.name == POSTGRESQL

    def close(self) -> None:
        """Close the connection; SQLite then checkpoints the WAL."""
        with self._turn:
            self._connection.close()
            self._engine.dispose()

    def run(
        self,
        work: Callable[[sa.Connection], T],
        *,
        folder: Path | None = None,
        locking: str | None = None,
        durable: bool = True,
    ) -> T:
        """Run `work` in a transaction and return its result once the COMMIT is on the disk.

        folder: made durable before the transaction begins, once for all of a batch that name it.
        locking: what the work decides on: no other node does work of the same text meanwhile, and
        all other work at the same time. A batch goes in the order of these texts, so that two nodes
        lock in the same order. '' where the work locks each row itself. Without it no other node
        writes meanwhile.
        durable: False where it may be on the disk later, after `synchronise` or a later COMMIT.
        Raises what `work` raises (nothing is changed then), OutOfSpace, CommitUncertain,
        IndexDamaged.
        """
        ticket: Ticket[T] = Ticket(work, folder, locking, durable=durable)
        with self._mutex:
            self._waiting.append(ticket)  # type: ignore[arg-type]  # results go back by the ticket
        with self._turn:
            if not ticket.done:
                self._serve()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # set, as done and without error

    def synchronise(self, *, is_reading: bool = False) -> None:
        """Make every COMMIT that has returned durable. Raises OutOfSpace, IndexDamaged.

        is_reading: the caller has a read transaction open. A log in doubt would wait for its end
        before it can begin again, so that is refused at once, and left to the next transaction.
        """
        if self._unsynced.is_doubtful:
            if is_reading:
                raise OutOfSpace("the disk failed under the database")
            self.alone(lambda connection: None)
        self._unsynced.synchronise()

    def execute(self, statement: sa.Executable) -> None:
        """One statement in a transaction of its own."""
        self.run(lambda connection: connection.execute(statement).close())

    def alone(self, work: Callable[[sa.Connection], T]) -> T:
        """Run `work` on the connection while no other thread writes, outside of any transaction.

        For what SQLite does not do within one. Raises OutOfSpace, IndexDamaged.
        """
        with self._turn, _damage_told(self._engine), database_errors():
            self._guard()
            self._unsynced.mend(self._connection)
            self._transactions.set_durable(self._connection, True)
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
            batch = in_order(with_durable_folders(batch))
            if not self._commit_together(batch):
                for ticket in batch:
                    self._commit_alone(ticket)
        except BaseException as error:
            for ticket in batch:
                if not ticket.done:
                    ticket.fail(error)
            raise

    def _commit_together(self, batch: list[Ticket[object]]) -> bool:
        """False when some work failed and each must be tried alone; nothing was changed then."""
        if len(batch) < 2:
            return False
        try:
            with self._transaction(batch):
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

    def _commit_alone(self, ticket: Ticket[object]) -> None:
        for more in reversed(range(_TRIES)):
            try:
                with self._transaction([ticket]):
                    ticket.result = ticket.work(self._connection)
                break
            except Exception as error:  # noqa: BLE001  # raised again in the caller's thread by run()
                if not (more and self._transactions.may_pass(error)):
                    ticket.fail(error)
                    break
        ticket.done = True

    @contextmanager
    def _transaction(self, batch: Sequence[Ticket[object]]) -> Iterator[None]:
        try:
            self._guard()
            with _damage_told(self._engine), database_errors():
                self._unsynced.mend(self._connection)
                durable = waits_for_disk(batch) or self.is_on_server or self._unsynced.is_due()
                try:
                    self._begin(alone=is_alone(batch), locks=locks_of(batch), durable=durable)
                    yield
                    self._transactions.commit(self._connection)
                except BaseException:
                    self._transactions.roll_back(self._connection)
                    raise
                if not durable:
                    self._unsynced.committed(self._connection)
        except OutOfSpace as error:
            self._unsynced.failed(error)
            if not isinstance(error, Contended):  # that says nothing about the disk
                self._on_outcome(error)
            raise
        self._on_outcome(None)

    def _begin(self, *, alone: bool, locks: Sequence[str], durable: bool) -> None:
        """Begin, on another connection where the last one is lost."""
        if not self._transactions.is_lost(self._connection):
            try:
                self._transactions.begin(
                    self._connection, alone=alone, locks=locks, durable=durable
                )
            except sa.exc.DBAPIError:
                if not self._transactions.is_lost(self._connection):
                    raise
            else:
                return
        self._connection.close()
        self._connection = self._engine.connect()
        self._transactions.begin(self._connection, alone=alone, locks=locks, durable=durable)


class RefusingWriter(Writer):
    """The writer of a store that was opened on an unwritable disk: refuses all work."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    @property
    def is_on_server(self) -> bool:
        """It is a file that cannot be written."""
        return False

    def close(self) -> None:
        """There is nothing to close."""

    def run(
        self,
        work: Callable[[sa.Connection], T],
        *,
        folder: Path | None = None,
        locking: str | None = None,
        durable: bool = True,
    ) -> T:
        """Raises OutOfSpace."""
        raise OutOfSpace(self._reason)

    def synchronise(self, *, is_reading: bool = False) -> None:
        """There is nothing to make durable."""

    def alone(self, work: Callable[[sa.Connection], T]) -> T:
        """Raises OutOfSpace."""
        raise OutOfSpace(self._reason)
