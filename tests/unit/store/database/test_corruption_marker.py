"""Damage of the database that shows only while it is used: remembered, told, and settled."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from echonode.errors import IndexDamaged, OutOfSpace
from echonode.store.database import corruption_marker
from echonode.store.database.connections import reading
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, put_many

pytestmark = pytest.mark.sqlite

INSTANCES = 4
# Behind the store's back, what a changed bit can make of a row.
CHANGED = {
    "a state that is none": "UPDATE delivery SET state = 'quEued' WHERE id = 2",
    "a size that is text": "UPDATE instance SET size = 'x' WHERE id = 2",
    "a time that is text": "UPDATE delivery SET acquired_at = 'x' WHERE id = 2",
    "a time beyond all calendars": "UPDATE delivery SET acquired_at = 1 << 61 WHERE id = 2",
    "a row that is gone": "DELETE FROM series",
}


def reopened(data_dir: Path, **options: Any) -> Store:
    return Store.open(data_dir, now=Clock(), **options)


def stopped_orderly(data_dir: Path) -> bool:
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        return bool(
            connection.execute("SELECT 1 FROM meta WHERE key = 'stopped_orderly'").fetchall()
        )


def page_of(data_dir: Path, name: str) -> slice:
    """Where in the file the first page of an index is."""
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        [[size]] = connection.execute("PRAGMA page_size")
        [[root]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", [name])
    return slice((root - 1) * size, root * size)


def spoil_the_flight_record(data_dir: Path) -> None:
    """Noise where an index begins that no start reads."""
    page = page_of(data_dir, "flight_event_by_study")
    with (data_dir / "index.sqlite").open("r+b") as file:
        file.seek(page.start)
        file.write(os.urandom(page.stop - page.start))


def use(store: Store) -> None:
    """What delivery and the ledger do."""
    store.deliveries.claim("pacs", now=NOON, limit=INSTANCES)
    for number in range(1, INSTANCES + 1):
        store.deliveries.of_instance(f"1.2.3.4.{number}")


@pytest.mark.slow
def test_damage_met_in_use_is_remembered_and_made_good_by_the_next_start(data_dir: Path) -> None:
    """However orderly the stop: the next start checks everything, and rebuilds the index from
    the files. Nothing is lost but what only the index knew.
    """
    with reopened(data_dir) as store:
        put_many(store, INSTANCES, "pacs")
    spoil_the_flight_record(data_dir)
    with reopened(data_dir) as store:
        assert not store.is_corrupt
        with pytest.raises(IndexDamaged):
            use_the_flight_record(store)
        assert store.is_corrupt
        assert (data_dir / "index.doubted").exists()
    assert (data_dir / "index.doubted").exists()
    with reopened(data_dir, adopt_to=["pacs"]) as store:
        assert store.recovery.report.database_rebuilt
        assert store.recovery.report.orphans_adopted == INSTANCES
        assert not store.is_corrupt
        use_the_flight_record(store)
    assert not (data_dir / "index.doubted").exists()
    assert len(list(data_dir.glob("damaged-*.sqlite"))) == 1


def use_the_flight_record(store: Store) -> None:
    assert list(store.ledger.events("1.2.3")) == []


@pytest.mark.slow
def test_damage_met_by_the_writer_is_remembered_as_well(data_dir: Path) -> None:
    """An event that cannot be written down for damage leaves the mark."""
    with reopened(data_dir) as store:
        put_many(store, INSTANCES, "pacs")
    spoil_the_flight_record(data_dir)
    with reopened(data_dir) as store:
        with pytest.raises(IndexDamaged):
            store.operator.hold("1.2.3.4.1", now=NOON)
        assert store.is_corrupt
    assert (data_dir / "index.doubted").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", CHANGED)
def test_a_row_that_cannot_have_been_written_is_damage(data_dir: Path, how: str) -> None:
    """A value of no enum, a number that is text, a row whose series is gone: told as damage, not as
    a fault of the program, and gone with the next start.
    """
    with reopened(data_dir) as store:
        put_many(store, INSTANCES, "pacs")
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(CHANGED[how])
    with reopened(data_dir) as store:
        with pytest.raises(IndexDamaged):
            use(store)
        assert store.is_corrupt
    with reopened(data_dir, adopt_to=["pacs"]) as store:
        assert store.recovery.report.database_rebuilt
        use(store)
        assert not store.is_corrupt


def test_a_file_that_is_no_text_says_nothing_of_the_database(data_dir: Path) -> None:
    """What a caller decodes while it reads rows is its own: the index is not doubted for it."""
    with (
        Store.open(data_dir) as store,
        pytest.raises(UnicodeDecodeError),
        reading(store._readers),
    ):
        b"M\xfcller".decode()
    assert not (data_dir / "index.doubted").exists()


@pytest.mark.slow
def test_a_doubted_index_is_checked_against_its_tables(data_dir: Path) -> None:
    """An index that says other things than its table, each sound by itself, does not pass."""
    with reopened(data_dir) as store:
        put_many(store, INSTANCES, "pacs")
    page = page_of(data_dir, "delivery_in_order")
    database = data_dir / "index.sqlite"
    content = bytearray(database.read_bytes())
    assert b"pacsqueued" in content[page]
    content[page] = content[page].replace(b"pacsqueued", b"pacsqueuee")
    database.write_bytes(content)
    (data_dir / "index.doubted").touch()
    with reopened(data_dir) as store:
        assert store.recovery.report.database_rebuilt


@pytest.mark.slow
def test_a_doubt_without_ground_costs_nothing_but_the_check(data_dir: Path) -> None:
    """A sound index is kept with all it knows, and the mark goes."""
    with reopened(data_dir) as store:
        put_many(store, INSTANCES, "pacs")
        use(store)
    (data_dir / "index.doubted").touch()
    with reopened(data_dir) as store:
        assert not store.recovery.report.database_rebuilt
        assert store.recovery.report.deliveries_requeued == INSTANCES
        assert not store.is_corrupt
    assert not (data_dir / "index.doubted").exists()
    assert stopped_orderly(data_dir)
    assert list(data_dir.glob("damaged-*")) == []


@pytest.mark.slow
def test_a_mark_that_the_disk_refuses_is_made_up_for(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stop is not marked as orderly then, so that the next start checks the pages at least."""

    def refuse(path: Path) -> None:
        raise OutOfSpace("full")

    with reopened(data_dir) as store:
        put_many(store, INSTANCES, "pacs")
    spoil_the_flight_record(data_dir)
    monkeypatch.setattr(corruption_marker, "leave_mark", refuse)
    with reopened(data_dir) as store:
        with pytest.raises(IndexDamaged):
            use_the_flight_record(store)
        assert store.is_corrupt
    assert not stopped_orderly(data_dir)
    with reopened(data_dir) as store:
        assert store.recovery.report.database_rebuilt
