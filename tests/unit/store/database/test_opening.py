"""A database is made, or taken as it was left, however early the last start was cut off."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from echonode.store.store import Store
from echonode.store.values import RecoveryReport
from tests.unit.store.samples import Clock, put_many

pytestmark = [pytest.mark.sqlite, pytest.mark.new_store]


def cut_off_within_the_first_write(data_dir: Path) -> None:
    """A database that was being made, with the rollback journal that is to undo what there is."""
    made = data_dir / "made.sqlite"
    data_dir.mkdir()
    with closing(sqlite3.connect(made, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the COMMIT
        connection.execute("BEGIN")
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [(bytes(3_000),)] * 50)
        for suffix in ("", "-journal"):
            shutil.copy(f"{made}{suffix}", data_dir / f"index.sqlite{suffix}")
    for path in data_dir.glob("made*"):
        path.unlink()


@pytest.mark.slow
def test_a_first_start_that_was_cut_off_is_made_again(data_dir: Path, clock: Clock) -> None:
    """Killed while it made its database, the node starts, empty and sound, and keeps what comes."""
    cut_off_within_the_first_write(data_dir)
    assert (data_dir / "index.sqlite").stat().st_size > 0
    assert (data_dir / "index.sqlite-journal").stat().st_size > 0
    for instances in (2, 2):
        with Store.open(data_dir, now=clock) as store:
            put_many(store, instances, "pacs")
            assert store.recovery.report == RecoveryReport()
    assert not (data_dir / "index.sqlite-journal").exists()
    assert list(data_dir.glob("damaged-*")) == []


@pytest.mark.slow
def test_damage_that_sqlite_cannot_name_is_damage(data_dir: Path, clock: Clock) -> None:
    """A broken name in the schema, which SQLite quotes when it says what is wrong: the index is
    rebuilt, though the quoted bytes are no text.
    """
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 2, "pacs")
    database = data_dir / "index.sqlite"
    content = database.read_bytes()
    for sound, broken in (
        (b"indexdelivery_kept", b"index\xc4elivery_kept"),
        (b"CREATE INDEX delivery_kept", b"CREATE INDEW delivery_kept"),
    ):
        assert sound in content
        content = content.replace(sound, broken)
    database.write_bytes(content)
    with Store.open(data_dir, now=clock) as store:
        assert store.recovery.report.database_rebuilt
        assert store.recovery.report.orphans_adopted == 2
