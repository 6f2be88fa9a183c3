"""The one writer: transactions that stand or fall alone, and share their COMMIT."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace
from echonode.store.database.connections import Writer, store_error
from echonode.store.database.failures import CommitUncertain
from echonode.store.database.sqlite_engine import reader_engine, writer_engine

NUMBERS = sa.Table("numbers", sa.MetaData(), sa.Column("n", sa.Integer, unique=True))


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    opened = Writer(writer_engine(tmp_path / "db.sqlite"))
    opened.run(lambda connection: NUMBERS.create(connection))
    yield opened
    opened.close()


def numbers(tmp_path: Path) -> list[int]:
    engine = reader_engine(tmp_path / "db.sqlite")
    with engine.connect() as connection:
        found = list(connection.execute(sa.select(NUMBERS.c.n).order_by(NUMBERS.c.n)).scalars())
    engine.dispose()
    return found


def insert(connection: sa.Connection, number: int) -> int:
    connection.execute(sa.insert(NUMBERS), {"n": number})
    return number


def run_together(writer: Writer, count: int, failing: frozenset[int]) -> dict[int, object]:
    """Many threads that all wait while the writer is busy, so that one batch serves them."""
    results: dict[int, object] = {}
    busy, go = threading.Event(), threading.Event()

    def hold(connection: sa.Connection) -> None:
        busy.set()
        assert go.wait(30)

    def work(number: int) -> None:
        def statement(connection: sa.Connection) -> int:
            insert(connection, number)
            if number in failing:
                raise ZeroDivisionError
            return number

        try:
            results[number] = writer.run(statement)
        except ZeroDivisionError:
            results[number] = "failed"

    threads = [threading.Thread(target=lambda: writer.run(hold))]
    threads[0].start()
    assert busy.wait(30)
    threads += [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads[1:]:
        thread.start()
    while len(writer._waiting) < count:
        pass
    go.set()
    for thread in threads:
        thread.join(timeout=30)
    return results


def commits(writer: Writer) -> list[str]:
    """From now on, every COMMIT is noted here."""
    seen: list[str] = []
    driver = writer._connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.set_trace_callback(lambda sql: seen.append(sql) if sql == "COMMIT" else None)
    return seen


def test_what_waits_together_is_committed_together(writer: Writer, tmp_path: Path) -> None:
    """Eight senders that wait for the disk share one COMMIT, and each gets its own result."""
    seen = commits(writer)
    results = run_together(writer, 8, failing=frozenset())
    assert results == {number: number for number in range(8)}
    assert numbers(tmp_path) == list(range(8))
    assert len(seen) == 2  # the one that held the writer, and one for all the others


def test_one_that_fails_takes_no_other_with_it(writer: Writer, tmp_path: Path) -> None:
    """Work that raises is undone alone; its neighbours in the batch are durable."""
    results = run_together(writer, 6, failing=frozenset({2, 5}))
    assert results[2] == results[5] == "failed"
    assert numbers(tmp_path) == [0, 1, 3, 4]


def test_a_transaction_is_all_or_nothing(writer: Writer, tmp_path: Path) -> None:
    """What was done before the failure is undone with it."""

    def work(connection: sa.Connection) -> None:
        insert(connection, 1)
        insert(connection, 1)

    with pytest.raises(sa.exc.IntegrityError):
        writer.run(work)
    assert numbers(tmp_path) == []
    assert writer.run(lambda connection: insert(connection, 2)) == 2


def test_a_folder_that_cannot_be_synced_fails_only_its_own(writer: Writer, tmp_path: Path) -> None:
    """Rows whose file's name is not durable are not inserted."""
    with pytest.raises(OutOfSpace):
        writer.run(lambda connection: insert(connection, 1), folder=tmp_path / "gone")
    writer.run(lambda connection: insert(connection, 2), folder=tmp_path)
    assert numbers(tmp_path) == [2]


def test_readers_cannot_write(writer: Writer, tmp_path: Path) -> None:
    """A reader that tried to write would be a second writer."""
    engine = reader_engine(tmp_path / "db.sqlite")
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError):
        insert(connection, 1)
    engine.dispose()


def test_the_writer_is_as_durable_as_sqlite_can_be(writer: Writer) -> None:
    """WAL, synchronous FULL and foreign keys are on, whatever the defaults of the library."""
    pragma = writer._connection.exec_driver_sql
    assert pragma("PRAGMA journal_mode").scalar() == "wal"
    assert pragma("PRAGMA synchronous").scalar() == 2
    assert pragma("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        (sqlite3.SQLITE_FULL, OutOfSpace),
        (sqlite3.SQLITE_IOERR_FSYNC, CommitUncertain),
        (sqlite3.SQLITE_IOERR_WRITE, CommitUncertain),
        (sqlite3.SQLITE_READONLY, OutOfSpace),
        (sqlite3.SQLITE_CANTOPEN, OutOfSpace),
        (sqlite3.SQLITE_BUSY, OutOfSpace),
        (sqlite3.SQLITE_CORRUPT, IndexDamaged),
        (sqlite3.SQLITE_NOTADB, IndexDamaged),
        (sqlite3.SQLITE_CONSTRAINT, type(None)),
    ],
)
def test_every_failure_of_the_disk_is_named(code: int, meaning: type) -> None:
    """A full or failing disk under the database is our OutOfSpace; a defect stays a defect."""
    cause = sqlite3.OperationalError("told by SQLite")
    cause.sqlite_errorcode = code
    error = sa.exc.OperationalError("SELECT 'a patient'", {}, cause)
    assert type(store_error(error)) is meaning


def test_no_memory_is_no_room(writer: Writer, tmp_path: Path) -> None:
    """What SQLite gets no memory for is undone and said as a full disk is; the next goes well."""

    def work(connection: sa.Connection) -> None:
        insert(connection, 1)
        raise MemoryError

    with pytest.raises(OutOfSpace):
        writer.run(work)
    writer.run(lambda connection: insert(connection, 2))
    assert numbers(tmp_path) == [2]
