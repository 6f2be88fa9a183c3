"""The database's files shrink with what they hold, and the WAL does not grow without end."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from echonode.errors import OutOfSpace
from echonode.store.database import file_size
from echonode.store.store import Store
from tests.unit.store.database.test_migrations import older_database
from tests.unit.store.samples import Clock

pytestmark = pytest.mark.sqlite


def auto_vacuum(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        [value] = connection.execute("PRAGMA auto_vacuum").fetchone()
        return int(value)


def fill(store: Store, rows: int = 3000) -> None:
    store._writer.run(
        lambda connection: connection.exec_driver_sql(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO counter SELECT hex(randomblob(500)), i FROM n",
            (rows,),
        ).close()
    )


def empty(store: Store) -> None:
    store._writer.run(lambda connection: connection.exec_driver_sql("DELETE FROM counter").close())


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds that a test reaches."""
    monkeypatch.setattr(file_size, "_LEAST_PAGES", 100)
    monkeypatch.setattr(file_size, "_PAGES_AT_ONCE", 200)
    monkeypatch.setattr(file_size, "LARGE_WAL_BYTES", 100_000)


@pytest.mark.slow
def test_what_was_deleted_is_given_back_part_by_part(store: Store, clock: Clock) -> None:
    """Until a quarter of the file or less is free."""
    fill(store)
    empty(store)
    store.journal.rewrite()  # what changed is in it, and goes from the database
    before = store._layout.database.stat().st_size
    assert 0 < store.retention.prune(now=clock()).pages_given_back <= 200
    while store.retention.prune(now=clock()).pages_given_back:
        pass
    store.retention.prune(now=clock())
    assert store._layout.database.stat().st_size < before / 3


@pytest.mark.slow
def test_a_database_in_use_stays_as_it_is(store: Store, clock: Clock) -> None:
    """Little is free: nothing is moved about."""
    fill(store)
    assert store.retention.prune(now=clock()).pages_given_back == 0


@pytest.mark.slow
def test_a_large_wal_is_cut_down(store: Store, clock: Clock) -> None:
    """Once no reader has an older state."""
    wal = store._layout.database.with_name("index.sqlite-wal")
    fill(store)
    assert wal.stat().st_size > 100_000
    assert store.retention.prune(now=clock()).starved_wal_bytes == 0
    assert wal.stat().st_size == 0


def test_a_log_that_cannot_be_looked_at_is_the_disks_refusal(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder may have lost its permissions: housekeeping says so in words, and tries again."""

    def refuse(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", refuse)
        with pytest.raises(OutOfSpace, match="to look at the database"):
            store.retention.prune(now=clock())
    assert store.retention.prune(now=clock()).starved_wal_bytes == 0


@pytest.mark.slow
def test_a_reader_that_starves_the_checkpoint_is_told_of(store: Store, clock: Clock) -> None:
    """It is waited for a moment only; when it has gone, the WAL is cut down."""
    with store._readers.connect() as reader:
        reader.exec_driver_sql("BEGIN")
        reader.exec_driver_sql("SELECT count(*) FROM counter").close()
        fill(store)
        starved = store.retention.prune(now=clock()).starved_wal_bytes
        assert starved > 100_000
        reader.exec_driver_sql("COMMIT")
    assert store.retention.prune(now=clock()).starved_wal_bytes == 0


@pytest.mark.slow
def test_a_new_database_can_shrink_and_an_older_one_learns_it(
    data_dir: Path, tmp_path: Path
) -> None:
    """A small one by the start that brings it up to date, with everything in it."""
    Store.open(tmp_path / "new", now=Clock()).close()
    assert auto_vacuum(tmp_path / "new" / "index.sqlite") == 2
    older_database(data_dir)
    assert auto_vacuum(data_dir / "index.sqlite") == 0
    with Store.open(data_dir, now=Clock()) as store:
        assert len(list(store.ledger.rows())) == 1
    assert auto_vacuum(data_dir / "index.sqlite") == 2


@pytest.mark.slow
def test_reindex_makes_a_large_older_one_able_to_shrink(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written again, so it takes as much room again; no start waits for that."""
    monkeypatch.setattr("echonode.store.database.opening.CHECKED_FIRST_BYTES", 0)
    older_database(data_dir)
    with Store.open(data_dir, now=Clock()) as store:
        assert auto_vacuum(data_dir / "index.sqlite") == 0
        store.refresh_index(lambda done, total: None)
        assert auto_vacuum(data_dir / "index.sqlite") == 2
        assert len(list(store.ledger.rows())) == 1
