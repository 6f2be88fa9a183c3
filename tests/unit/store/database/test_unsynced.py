"""COMMITs that waited for no disk, and what an error of the disk under them means."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.store.database import sqlite_engine
from echonode.store.database.unsynced import LONGEST
from echonode.store.store import Store

pytestmark = pytest.mark.sqlite


def note(store: Store, key: str, *, durable: bool = False) -> None:
    statement = sa.text("INSERT INTO meta (key, value) VALUES (:key, '')")
    store._writer.run(
        lambda connection: connection.execute(statement, {"key": key}).close(), durable=durable
    )


def synced_logs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The log's synchronisations of ours from now on."""
    synced: list[str] = []
    real = sqlite_engine.synchronise_log

    def synchronise_log(path: str) -> None:
        synced.append(path)
        real(path)

    monkeypatch.setattr(sqlite_engine, "synchronise_log", synchronise_log)
    return synced


def level(store: Store) -> int:
    return int(
        store._writer._connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    )  # 1: NORMAL, 2: FULL


def test_the_log_is_synchronised_once_for_all_that_waits(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not where nothing has been committed since."""
    synced = synced_logs(monkeypatch)
    note(store, "a")
    note(store, "b")
    assert synced == []
    store._writer.synchronise()
    store._writer.synchronise()
    assert synced == [str(data_dir / "index.sqlite-wal")]


def test_all_other_work_is_durable_on_return(store: Store) -> None:
    """One kind of transaction leaves no trace in the next, nor in what is done outside of any."""
    note(store, "a")
    assert level(store) == 1
    note(store, "b", durable=True)
    assert level(store) == 2
    note(store, "c")
    assert store._writer.alone(lambda connection: level(store)) == 2


def test_one_in_so_many_is_durable_all_the_same(store: Store) -> None:
    """So that SQLite brings the log into the database, which it does not do in the others."""
    seen = set[int]()
    for number in range(LONGEST):
        note(store, str(number))
        seen.add(level(store))
    assert seen == {1, 2}


def test_a_log_that_the_disk_refused_is_not_trusted_again(
    store: Store, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next fsync would report success: before the next COMMIT all of it is brought into the
    database, and a new log begins."""
    note(store, "a")

    def refuse(path: str) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(sqlite_engine, "synchronise_log", refuse)
        with pytest.raises(OutOfSpace):
            store._writer.synchronise()
    log = data_dir / "index.sqlite-wal"
    before = log.stat().st_size
    synced = synced_logs(monkeypatch)
    store._writer.synchronise()
    assert before > 0
    assert log.stat().st_size == 0
    assert synced == []  # the new log has nothing that waits
    note(store, "b", durable=True)


def test_a_query_that_needs_a_doubtful_log_holds_up_what_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is acknowledged on a log with a gap; when the query has ended, all goes on."""
    note(store, "a")
    monkeypatch.setattr(store._writer._unsynced, "_is_doubtful", True)
    store._writer._connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    with store._readers.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM meta").scalar()
        with pytest.raises(OutOfSpace):
            note(store, "b", durable=True)
        reader.exec_driver_sql("ROLLBACK")
    note(store, "b", durable=True)


def test_the_journal_does_not_wait_for_itself(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within its own query it asks for no new log, which would wait for the end of that query: for
    ten seconds of each try, in which nothing is stored.
    """
    note(store, "a")
    monkeypatch.setattr(store._writer._unsynced, "_is_doubtful", True)
    monkeypatch.setattr(store._writer, "alone", lambda work: pytest.fail("it would wait"))
    with pytest.raises(OutOfSpace, match="failed under the database"):
        store._writer.synchronise(is_reading=True)
