"""The journal has what is committed, whatever cuts it off, and stays as small as what it says."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from echonode.errors import IndexDamaged, OutOfSpace
from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.journal import journal as journal_module
from echonode.store.journal import journal_file, kinds, rows
from echonode.store.journal.journal_file import JournalFile, complete_lines, ends_of
from echonode.store.journal.lines import line, members_of
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import POLICY, commit_all, days_pass
from tests.unit.store.samples import Clock, dataset, put, put_many, send_all

pytestmark = [pytest.mark.sqlite, pytest.mark.new_store]


def said(store: Store) -> dict[tuple[str, str], Any]:
    """What the file says of each row: (kind, key) -> its values."""
    found: dict[tuple[str, str], Any] = {}
    for members in complete_lines(store.journal.path):
        match members:
            case ["row", str(kind), key, values, _]:
                found[kind, str(key)] = values
            case ["gone", str(kind), key]:
                found.pop((kind, str(key)), None)
    return found


def states(store: Store) -> dict[str, str]:
    at = [column.name for column in schema.delivery.columns].index("state") - 2
    return {key: values[at] for (kind, key), values in said(store).items() if kind == "delivery"}


def changes(store: Store) -> int:
    with reading(store._readers) as connection:
        count = sa.select(sa.func.count()).select_from(schema.journal_change)
        return connection.scalar(count) or 0


def test_every_table_has_its_place() -> None:
    """A table is in the journal, or left out with a reason."""
    placed = {table.name for table in kinds.tables()} | kinds.LEFT_OUT.keys()
    placed |= {kinds.DELIVERY, *kinds.OF_A_DELIVERY}
    assert placed == schema.METADATA.tables.keys()
    assert all(kinds.LEFT_OUT.values())


@pytest.mark.slow
def test_a_flush_has_all_that_is_committed(store: Store, clock: Clock) -> None:
    """And says nothing where nothing changed."""
    put_many(store, 2, "pacs")
    assert store.journal.flush() > 0
    assert set(states(store).values()) == {"queued"}
    assert store.journal.flush() == 0
    send_all(store, "pacs", clock())
    store.journal.flush()
    assert set(states(store).values()) == {"sent"}


@pytest.mark.slow
def test_what_is_deleted_is_in_it_before_its_file_goes(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the journal is refused, the file stays for the next try."""
    path = put(store, dataset(1), destinations=["pacs"]).instance.path
    commit_all(store, clock)
    days_pass(store, 2)
    store.journal.flush()

    def refused(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refused)
        assert store.retention.recycle(POLICY, now=clock())
        assert path.exists()
    assert isinstance(store.retention.recycle(POLICY, now=clock()), list)
    assert not path.exists()
    assert any(kind == "tombstone" for kind, _ in said(store))
    assert not states(store)


@pytest.mark.slow
def test_a_torn_end_is_left_out_and_cut_off(data_dir: Path, clock: Clock) -> None:
    """At each byte of the last lines: what was whole before is there, and what comes then is."""
    with Store.open(data_dir, now=clock) as store:
        put(store, dataset(1), destinations=["pacs"])
        store.journal.flush()
        before, path = store.journal.path.stat().st_size, store.journal.path
        put(store, dataset(2), destinations=["pacs"])
        store.journal.flush()
        whole = path.read_bytes()
    for end in [*range(before, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:end])
        assert sum(1 for each in complete_lines(path) if each is None) == 0
        found = ends_of(path)
        assert (found.end, found.is_whole) == (before, True)
        file = JournalFile(path, end=found.end)
        file.add([line("gone", "exam", ["E1"])])
        file.end_step(99)
        file.close()
        assert (ends_of(path).up_to, ends_of(path).is_whole) == (99, True)
        assert path.read_bytes().startswith(whole[:before])
        assert None not in list(complete_lines(path))


@pytest.mark.slow
def test_a_step_that_a_power_cut_left_in_part_is_written_again(
    data_dir: Path, clock: Clock
) -> None:
    """Its last line is there and one before it is not: the index still has what it said."""
    with Store.open(data_dir, now=clock) as store:
        put(store, dataset(1), destinations=["pacs"])
        store.journal.flush()
        before, path = store.journal.path.stat().st_size, store.journal.path
        put(store, dataset(2), destinations=["pacs"])
        store.journal.flush()
        whole = path.read_bytes()
    last = whole.rindex(b"\n", before, len(whole) - 1)
    for start, length in ((before, last - before), (before + 20, 100), (last - 5, 2)):
        path.write_bytes(whole[:start] + bytes(length) + whole[start + length :])
        assert not ends_of(path).is_whole
        with Store.open(data_dir, now=clock) as store:
            assert len(states(store)) == 2
        assert ends_of(path).is_whole
        assert None not in list(complete_lines(path))


@pytest.mark.slow
def test_what_a_killed_life_wrote_is_on_the_disk_before_its_changes_go(
    data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill came before the fsync: the next start makes it good, though it adds nothing."""
    with Store.open(data_dir, now=clock) as store:
        put(store, dataset(1), destinations=["pacs"])
    made_durable: list[Path] = []

    def noted(descriptor: int) -> None:
        made_durable.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        os.fsync(descriptor)

    monkeypatch.setattr(journal_file, "synchronise", noted)
    Store.open(data_dir, now=clock).close()
    assert data_dir / "journal.jsonl" in made_durable


@pytest.mark.slow
def test_a_line_that_changed_is_left_out_and_no_other(data_dir: Path, clock: Clock) -> None:
    """Bit rot costs the row of its line."""
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 3, "pacs")
        store.journal.flush()
        path = store.journal.path
    content = path.read_bytes().replace(b'"1.2.3.4.2"', b'"1.2.3.4.7"')
    path.write_bytes(content)
    found = list(complete_lines(path))
    assert found.count(None) >= 1
    for each in data_dir.glob("index.sqlite*"):
        each.unlink()
    with Store.open(data_dir, now=clock) as store:
        assert store.recovery.report.given_back.left_out == found.count(None)
        assert len(list(store.ledger.rows())) == 3  # its seal says where it was to go


@pytest.mark.slow
def test_it_is_gone_on_with_after_a_restart(data_dir: Path, clock: Clock) -> None:
    """And not written as a whole at each."""
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 2, "pacs")
    inode = (data_dir / "journal.jsonl").stat().st_ino
    with Store.open(data_dir, now=clock) as store:
        put(store, dataset(3), destinations=["pacs"])
        store.journal.flush()
        assert len(states(store)) == 3
    assert (data_dir / "journal.jsonl").stat().st_ino == inode


@pytest.mark.slow
@pytest.mark.parametrize("how", ["gone", "of another database", "ahead of the database"])
def test_one_that_is_not_of_this_database_is_written_anew(
    data_dir: Path, clock: Clock, how: str
) -> None:
    """Removed, from elsewhere, or of a later state of the database than the one that is here."""
    with Store.open(data_dir, now=clock) as store:
        put_many(store, 2, "pacs")
    path = data_dir / "journal.jsonl"
    if how == "gone":
        path.unlink()
    elif how == "of another database":
        path.write_bytes(line("journal", "other", 1, "0") + line("up to", 1))
    else:
        with path.open("ab") as file:
            file.write(line("gone", "delivery", ["1.2.3.4.1", "pacs"]) + line("up to", 10**6))
    with Store.open(data_dir, now=clock) as store:
        assert len(states(store)) == 2


@pytest.mark.slow
def test_it_is_written_as_a_whole_where_it_has_grown(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It then says the same, in fewer lines, and follows the database as before."""
    monkeypatch.setattr(journal_module, "LEAST", 0)
    put_many(store, 3, "pacs")
    for _ in range(40):
        store.operator.hold("1.2.3.4.1", now=clock())
        store.operator.release("1.2.3.4.1", now=clock())
        store.journal.flush()
    assert store.journal.is_large
    before, size = said(store), store.journal.path.stat().st_size
    store.journal.rewrite()
    assert said(store) == before
    assert store.journal.path.stat().st_size < size
    assert not store.journal.is_large
    send_all(store, "pacs", clock())
    store.journal.flush()
    assert set(states(store).values()) == {"sent"}


@pytest.mark.slow
def test_what_changes_while_it_is_written_as_a_whole_is_in_it(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two of its parts."""
    put_many(store, 2, "pacs")
    number = iter(range(3, 1000))
    parts = rows.all_parts

    def and_a_change(readers: Any) -> Any:
        for part in parts(readers):
            put(store, dataset(next(number)), destinations=["pacs"])
            yield part

    monkeypatch.setattr(rows, "all_parts", and_a_change)
    store.journal.rewrite()
    assert len(states(store)) == next(number) - 1


@pytest.mark.slow
def test_changes_that_are_in_it_are_removed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the newest: the table stays small, and its numbers ascend."""
    monkeypatch.setattr(journal_module, "_REMOVED_AT", 5)
    put_many(store, 9, "pacs")
    assert changes(store) > 5
    store.journal.flush()
    assert changes(store) == 1


def test_after_an_fsync_that_failed_it_is_written_as_a_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second fsync of the same file would prove nothing."""
    put_many(store, 2, "pacs")
    inode = store.journal.path.stat().st_ino

    def refused(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(journal_file, "synchronise", refused)
        with pytest.raises(OutOfSpace):
            store.journal.flush()
    store.journal.flush()
    assert store.journal.path.stat().st_ino != inode
    assert len(states(store)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("step", ["take_place_of", "fsync_folder"])
def test_one_that_could_not_take_its_place_costs_no_change(
    store: Store, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Written as a whole, and refused its name or the folder's fsync: what changed is not lost."""
    put_many(store, 1, "pacs")
    store.journal.flush()

    def refused(*_: object) -> None:
        raise OutOfSpace("the disk refused to keep a folder: Input/output error")

    put(store, dataset(2), destinations=["pacs"])
    with monkeypatch.context() as patch:
        owner: Any = JournalFile if step == "take_place_of" else journal_file
        patch.setattr(owner, step, refused)
        with pytest.raises(OutOfSpace):
            store.journal.rewrite()
    put(store, dataset(3), destinations=["pacs"])
    store.journal.flush()
    assert len(states(store)) == 3


@pytest.mark.slow
def test_a_stop_does_not_wait_for_a_writing_as_a_whole(
    data_dir: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up, and what was there before says all that is committed."""
    parts = rows.all_parts
    begun = threading.Event()

    def endless(readers: Any) -> Any:
        yield from parts(readers)
        begun.set()
        while True:
            yield []

    with Store.open(data_dir, now=clock) as store:
        put_many(store, 2, "pacs")
        monkeypatch.setattr(rows, "all_parts", endless)
        writing = threading.Thread(target=store.journal.rewrite, kwargs={"gently": True})
        writing.start()
        assert begun.wait(30)
        store.journal.close()
        writing.join(30)
        assert not writing.is_alive()
        assert len(states(store)) == 2
        assert not list(data_dir.glob("*.part"))


def test_only_our_user_may_read_it(store: Store) -> None:
    """It has patients' names, as the database has."""
    put_many(store, 1, "pacs")
    store.journal.rewrite()
    assert store.journal.path.stat().st_mode & 0o077 == 0


def test_a_line_says_what_was_written_or_nothing() -> None:
    """Bytes and text that is no Unicode come back as they were."""
    raw = line("row", "k", [b"\x00\xff", "a\ud800\n"], [None, 1, 2**62])
    assert raw.count(b"\n") == 1
    assert members_of(raw) == ["row", "k", [{"hex": "00ff"}, "a\ud800\n"], [None, 1, 2**62]]
    assert members_of(raw[:-3]) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "changed",
    ["type = 'Trigger'", "name = 'Journal_' || substr(name, 9)", "type = 'trigges'"],
)
def test_a_schema_of_which_a_bit_changed_is_a_damaged_index(
    data_dir: Path, clock: Clock, changed: str
) -> None:
    """SQLite finds a trigger by one field and lists it by another: the index is rebuilt."""
    with Store.open(data_dir, now=clock) as store:
        uid = put(store, dataset()).instance.sop_instance_uid
        path = store.files._layout.database
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA writable_schema = ON")
        where = "WHERE name = 'journal_of_tombstone_delivery_delete'"
        assert database.execute(f"UPDATE sqlite_master SET {changed} {where}").rowcount == 1
    for _ in range(2):
        with Store.open(data_dir, now=clock) as store:
            assert store.index.instance(uid) is not None


@pytest.mark.slow
def test_a_column_whose_name_changed_is_damage(data_dir: Path, clock: Clock) -> None:
    """What is found out in use is refused, and made good by the next start."""
    with Store.open(data_dir, now=clock) as store:
        uid = put(store, dataset(), destinations=["pacs"]).instance.sop_instance_uid
        path = store.files._layout.database
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA writable_schema = ON")
        changed = "sql = replace(sql, 'study_instance_uid', 'studz_instance_uid')"
        where = "WHERE name = 'derived_copy'"
        assert database.execute(f"UPDATE sqlite_master SET {changed} {where}").rowcount == 1
    with Store.open(data_dir, now=clock) as store, pytest.raises(IndexDamaged):
        store.deliveries.claim("pacs", now=clock(), limit=1)
    with Store.open(data_dir, now=clock) as store:
        assert store.index.instance(uid) is not None
        assert store.deliveries.claim("pacs", now=clock(), limit=1)
