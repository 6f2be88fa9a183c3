"""An older database becomes the present one, with everything that was in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from echonode.errors import UsageError
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.migration_steps import print_steps
from echonode.store.database.migrations import SCHEMA_VERSION
from echonode.store.database.opening import open_writer
from echonode.store.files.layout import Layout
from echonode.store.read_only_store import open_read_only
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, dataset, put, send_all

pytestmark = [pytest.mark.sqlite, pytest.mark.new_store]

VERSION_1 = Path(__file__).with_name("version_1.sql")  # as `sqlite3 .dump` gave it


def older_database(
    data_dir: Path, *, last_status: int = 0, next_attempt_at: int | None = None
) -> None:
    """A database of version 1 with one instance that is `sent`."""
    (data_dir / "instances" / "ab" / "cd").mkdir(parents=True)
    (data_dir / "instances" / "ab" / "cd" / f"abcd{'0' * 28}.dcm").write_bytes(b"bytes")
    connection = sqlite3.connect(data_dir / "index.sqlite")
    connection.executescript(VERSION_1.read_text())
    for table, values in (
        ("schema_migration", {"version": 1, "applied_at": 0}),
        ("meta", {"key": "node_id", "value": "0123"}),
        ("patient", {"id": 1, "identity": "x"}),
        ("study", {"id": 1, "patient_id": 1, "study_instance_uid": "1.2.3.1"}),
        ("series", {"id": 1, "study_id": 1, "series_instance_uid": "1.2.3.1.1"}),
        (
            "instance",
            {
                "id": 1,
                "series_id": 1,
                "sop_instance_uid": "1.2.3.4.1",
                "frames": 1,
                "file_id": f"abcd{'0' * 28}",
                "dataset_sha256": "0" * 64,
                "origin": "captured",
            },
        ),
        (
            "delivery",
            {
                "id": 1,
                "instance_id": 1,
                "destination": "pacs",
                "state": "sent",
                "last_status": last_status,
                "next_attempt_at": next_attempt_at,
            },
        ),
    ):
        insert(connection, table, values)
    connection.commit()
    connection.close()


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, object]) -> None:
    """A row; a column that must not be NULL and is not named gets 0 or ''."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    row = {
        name: values.get(name, "" if kind == "TEXT" else 0)
        for _, name, kind, not_null, _, _ in columns
        if not_null or name in values
    }
    marks = ", ".join("?" for _ in row)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values())
    )


def shape(database: Path) -> dict[str, object]:
    """Columns, keys and indexes of every table, as SQLite understands them."""
    connection = sqlite3.connect(database)
    tables = [
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    ]
    found: dict[str, object] = {}
    for table in tables:
        columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
        found[table] = (
            # By name: a column that came later stands last. A primary key is never NULL.
            sorted(
                (name, kind, bool(not_null or key)) for _, name, kind, not_null, _, key in columns
            ),
            sorted(
                (
                    "" if name.startswith("sqlite_autoindex") else name,
                    unique,
                    partial,
                    tuple(row[2] for row in connection.execute(f"PRAGMA index_info({name})")),
                )
                for _, name, unique, _, partial in indexes
            ),
            sorted(row[2:5] for row in connection.execute(f"PRAGMA foreign_key_list({table})")),
        )
    connection.close()
    return found


@pytest.mark.slow
def test_a_database_of_version_1_becomes_one_of_today(data_dir: Path, tmp_path: Path) -> None:
    """The same tables, columns, indexes and keys as a database that is made today."""
    older_database(data_dir)
    Store.open(data_dir, now=Clock()).close()
    Store.open(tmp_path / "new", now=Clock()).close()
    assert shape(data_dir / "index.sqlite") == shape(tmp_path / "new" / "index.sqlite")


@pytest.mark.slow
def test_what_was_in_it_stays(data_dir: Path) -> None:
    """Instances, deliveries and the node's own name go over; nothing counts as proved by it."""
    older_database(data_dir)
    with Store.open(data_dir, now=Clock()) as store:
        assert store.node_id == "0123"
        [row] = store.ledger.rows()
        assert (row.sop_instance_uid, row.state) == ("1.2.3.4.1", "sent")
        put(store, dataset(2), destinations=["pacs"])
        assert len(send_all(store, "pacs", Clock()())) == 2


def test_each_step_is_written_down(data_dir: Path) -> None:
    """An operator sees when which version came; a new database has all of them."""
    Store.open(data_dir, now=Clock()).close()
    connection = sqlite3.connect(data_dir / "index.sqlite")
    versions = [row[0] for row in connection.execute("SELECT version FROM schema_migration")]
    connection.close()
    assert versions == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.slow
@pytest.mark.parametrize(("status", "kept"), [(0x0000, 0), (0xB000, 0), (0xB006, 1), (0xB007, 1)])
def test_a_warning_of_before_still_keeps_the_local_copy(
    data_dir: Path, status: int, kept: int
) -> None:
    """B006 and B007 that were answered to the older version count as well."""
    older_database(data_dir, last_status=status)
    with Store.open(data_dir, now=Clock()) as store:
        assert store.statistics.store(since=Clock()()).kept_after_warning == kept


@pytest.mark.slow
def test_no_file_of_before_counts_as_damaged(data_dir: Path) -> None:
    """None was read yet; a file that is gone stays marked as it was."""
    older_database(data_dir)
    with Store.open(data_dir, now=Clock()) as store:
        assert store.statistics.store(since=Clock()()).damaged_files == 0


@pytest.mark.slow
def test_a_lossy_copy_of_before_is_sent_again_and_proved(data_dir: Path) -> None:
    """An older EchoNode left it `sent` and forgot what it had sent: it is due at once."""
    older_database(data_dir, next_attempt_at=253402214400000000)  # the year 9999
    with Store.open(data_dir, now=Clock()) as store:
        [job] = store.deliveries.claim("pacs", now=Clock()(), limit=10)
        assert (job.instance.sop_instance_uid, job.derived) == ("1.2.3.4.1", None)


def test_an_older_database_is_not_read_beside_a_node(data_dir: Path) -> None:
    """`echonode ledger` after an upgrade says to start the node once, instead of failing."""
    older_database(data_dir)
    with pytest.raises(UsageError, match="start the node once"):
        open_read_only(data_dir)


def test_patients_that_were_merged_can_come_apart(data_dir: Path) -> None:
    """One Study Instance UID may now be two patients'; every file is to be read for whose it is."""
    older_database(data_dir)
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection, connection:
        connection.execute(
            "UPDATE patient SET identity = 'study' || char(31) || '1.2.3.1',"
            " patient_name_folded = 'doe^jane', patient_birth_date = '19700102'"
        )
    marked = migrated(data_dir)
    assert marked == [("0",)]
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        [(identity,)] = connection.execute("SELECT identity FROM patient")
        assert identity == "\x1f".join(("study", "1.2.3.1", "doe^jane", "19700102"))
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def migrated(data_dir: Path) -> list[tuple[str, ...]]:
    """Up to date, and nothing more; what is to be read again."""
    layout = Layout(data_dir)
    open_writer(layout, NOON, CorruptionMarker(layout)).writer.close()
    with closing(sqlite3.connect(data_dir / "index.sqlite")) as connection:
        return connection.execute(
            "SELECT value FROM meta WHERE key = 'patients_read_up_to'"
        ).fetchall()


def test_a_film_that_an_older_node_was_printing_is_in_doubt() -> None:
    """Version 15 did not write down when a film was given to the printer: it may have been."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(print_steps.VERSION_13)
        for key, (state, done) in enumerate(
            (("printing", 1), ("printing", 2), ("held", 1), ("printed", 2)), start=1
        ):
            insert(
                connection,
                "print_job",
                {"id": key, "films": 2, "films_done": done, "state": state},
            )
        connection.executescript(print_steps.VERSION_16)
        rows = connection.execute("SELECT id, state, films_done, films_sent FROM print_job")
        assert sorted(rows) == [
            (1, "printing", 1, 2),
            (2, "printing", 2, 2),
            (3, "held", 1, 1),
            (4, "printed", 2, 2),
        ]
