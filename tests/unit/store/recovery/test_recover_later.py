"""What a start leaves for later: callers are served first, and nothing is lost or deleted by it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from echonode.errors import IndexDamaged
from echonode.model.identity import CommitmentPolicy
from echonode.store.database import opening
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from tests.support.store_engine import lose_database
from tests.unit.store.database.test_corruption_marker import page_of, stopped_orderly
from tests.unit.store.recovery.test_recovery import forget
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many

pytestmark = pytest.mark.sqlite

POLICY = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})


def started(data_dir: Path, **options: Any) -> Store:
    """As the node starts it: what may wait is left for later."""
    return Store.open(data_dir, now=Clock(), recover_later=True, **options)


def finish(store: Store) -> None:
    while store.recovery.step():
        pass


def forget_folders(data_dir: Path) -> None:
    """As if the file had come into a folder long before the stop."""
    change(data_dir, "DELETE FROM meta WHERE key = 'folders_in_use'")


def kill(data_dir: Path) -> None:
    """As if the last stop had not been orderly."""
    change(data_dir, "DELETE FROM meta WHERE key = 'stopped_orderly'")


def change(data_dir: Path, statement: str) -> None:
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection, connection:
        connection.execute(statement)


def uids(store: Store) -> list[str]:
    return sorted({row.sop_instance_uid for row in store.ledger.rows()})


@pytest.fixture
def orphaned(data_dir: Path) -> Path:
    """Two instances, of which the first has a file in an old folder and no row."""
    with Store.open(data_dir, now=Clock()) as store:
        put_many(store, 2, "pacs")
    forget(data_dir, "1.2.3.4.1")
    return data_dir


@pytest.mark.slow
def test_what_was_under_way_at_the_stop_is_taken_in_first(orphaned: Path) -> None:
    """Its folder was in use: adopted and due before any peer is served."""
    with started(orphaned, adopt_to=["pacs"]) as store:
        assert store.recovery.report.adopted == ("1.2.3.4.1",)
        assert store.recovery.is_running


@pytest.mark.slow
def test_all_other_files_are_compared_later(orphaned: Path) -> None:
    """The file comes in then, and the worker of its destination is woken."""
    forget_folders(orphaned)
    with started(orphaned, adopt_to=["pacs"]) as store:
        woken: list[str] = []
        store.on_delivery_due.append(woken.append)
        assert uids(store) == ["1.2.3.4.2"]
        finish(store)
        assert uids(store) == ["1.2.3.4.1", "1.2.3.4.2"]
        assert woken == ["pacs"]
        assert not store.recovery.is_running


@pytest.mark.slow
def test_the_same_instance_sent_again_meanwhile_is_stored_once(orphaned: Path) -> None:
    """It was never acknowledged: the new file stands, the old one is a second copy."""
    forget_folders(orphaned)
    with started(orphaned) as store:
        kept = put(store, dataset(1)).instance
        finish(store)
        assert store.index.instance("1.2.3.4.1") == kept
        assert kept.path.exists()
        assert len(list(orphaned.glob("instances/*/*/*.dcm"))) == 2


def test_an_instance_that_is_just_being_stored_is_not_taken_for_one_without_a_row(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its rename and its COMMIT it has a file and no row; it keeps its file."""
    with Store.open(data_dir, now=Clock()) as store:
        put(store, dataset(1))
    with started(data_dir) as store:
        assert store.recovery.is_running
        # Not in the transaction, where the writer is taken: just before it begins.
        run = store._writer.run
        compared: list[bool] = []

        def finish_elsewhere() -> None:
            compared.append(True)
            finish(store)

        def run_after_comparing(work: Callable[[Any], Any], **options: Any) -> Any:
            if options.get("folder") and not compared:
                finish_elsewhere()
            return run(work, **options)

        monkeypatch.setattr(store._writer, "run", run_after_comparing)
        kept = put(store, dataset(2), destinations=["pacs"]).instance
        assert compared
        assert store.recovery.report.adopted == ()
        assert store.index.instance("1.2.3.4.2") == kept
        assert kept.path.exists()


@pytest.mark.slow
def test_nothing_is_deleted_before_all_is_looked_at(data_dir: Path) -> None:
    """What decides on a deletion may be what was damaged."""
    clock = Clock()
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 1, "pacs")
        commit_all(store, clock)
        store.retention.observe(60)
    with started(data_dir) as store:
        assert store.retention.recycle(POLICY, now=NOON) == []
        finish(store)
        assert [gone.sop_instance_uid for gone in store.retention.recycle(POLICY, now=NOON)] == [
            "1.2.3.4.1"
        ]


def test_files_that_are_gone_are_told_later(data_dir: Path) -> None:
    """Marked as ever, and not before their folder is compared."""
    with Store.open(data_dir, now=Clock()) as store:
        put(store, dataset(1)).instance.path.unlink()
    forget_folders(data_dir)
    with started(data_dir) as store:
        assert store.recovery.report.missing == ()
        finish(store)
        assert store.recovery.report.missing == ("1.2.3.4.1",)
        assert store.statistics.store(since=NOON).missing_files == 1


@pytest.mark.slow
def test_a_lost_database_is_filled_before_anybody_is_served(data_dir: Path) -> None:
    """Every file was acknowledged: no answer may say that one of them is not here."""
    with Store.open(data_dir, now=Clock()) as store:
        put_many(store, 3)
    lose_database(data_dir)
    with started(data_dir) as store:
        assert not store.recovery.is_running
        assert len(uids(store)) == 3


@pytest.fixture
def large_and_killed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database that counts as too large to be checked first, after a kill."""
    monkeypatch.setattr(opening, "CHECKED_FIRST_BYTES", 0)
    with Store.open(data_dir, now=Clock()) as store:
        put_many(store, 3, "pacs")
    kill(data_dir)
    return data_dir


def spoil_an_index(data_dir: Path) -> None:
    page = page_of(data_dir, "study_by_date")
    with (data_dir / "index.sqlite").open("r+b") as file:
        file.seek(page.start)
        file.write(os.urandom(page.stop - page.start))


@pytest.mark.slow
def test_damage_of_a_large_database_is_found_while_it_is_used(large_and_killed: Path) -> None:
    """It is a doubt as any other: told, not orderly, and settled by the next start."""
    spoil_an_index(large_and_killed)
    with started(large_and_killed) as store:
        assert len(list(store.ledger.rows())) == 3
        with pytest.raises(IndexDamaged):
            finish(store)
        assert store.is_corrupt
        assert store.recovery.is_running
        assert store.retention.recycle(POLICY, now=NOON) == []
    with started(large_and_killed) as store:
        assert store.recovery.report.database_rebuilt
        assert len(uids(store)) == 3


@pytest.mark.slow
def test_a_stop_before_the_check_is_done_is_not_orderly(large_and_killed: Path) -> None:
    """The next start checks again; once all is checked, a stop is orderly as ever."""
    with started(large_and_killed) as store:
        store.recovery.step()
    assert not stopped_orderly(large_and_killed)
    with started(large_and_killed) as store:
        finish(store)
    assert stopped_orderly(large_and_killed)


@pytest.mark.slow
def test_a_long_check_is_broken_off_by_a_stop(
    large_and_killed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite is asked to stop within the statement; nothing counts as damaged by that."""
    monkeypatch.setattr("echonode.store.database.page_check._INSTRUCTIONS", 1)
    with started(large_and_killed) as store:
        passes = store._check._passes

        def stop_first(table: str) -> object:
            store.recovery.stop()
            return passes(table)

        monkeypatch.setattr(store._check, "_passes", stop_first)
        assert store.recovery.step()
        assert not store._check.is_done
        assert not store.is_corrupt


@pytest.mark.slow
def test_a_small_database_is_checked_first(data_dir: Path) -> None:
    """As ever: damage is repaired before any peer is served."""
    with Store.open(data_dir, now=Clock()) as store:
        put_many(store, 3, "pacs")
    kill(data_dir)
    spoil_an_index(data_dir)
    with started(data_dir) as store:
        assert store.recovery.report.database_rebuilt


@pytest.mark.slow
def test_a_deletion_that_was_cut_off_is_gone_on_with_first(data_dir: Path) -> None:
    """Its tombstone is durable: the file goes before any peer is served."""
    clock = Clock()
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 1, "pacs")
        commit_all(store, clock)
        store.retention.observe(60)
        path = store.index.instance("1.2.3.4.1").path  # type: ignore[union-attr]
        content = path.read_bytes()
        store.retention.recycle(POLICY, now=NOON)
    path.write_bytes(content)
    forget_folders(data_dir)
    with started(data_dir) as store:
        assert not path.exists()
        assert store.recovery.report.adopted == ()
