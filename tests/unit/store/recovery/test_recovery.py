"""What a start finds and repairs, and that the repair may itself be cut off."""

from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import ConfigError, OutOfSpace, SchemaTooNew, Unreadable, UsageError
from echonode.store.database.migrations import SCHEMA_VERSION
from echonode.store.files.file_meta import HEAD_LENGTH, dataset_offset, without_seal
from echonode.store.files.layout import Layout
from echonode.store.index.dataset_header import StoredHead, read_stored_head
from echonode.store.read_only_store import open_read_only
from echonode.store.recovery import orphans, recovery
from echonode.store.store import Store
from echonode.store.values import RecoveryReport
from tests.unit.store.samples import NOON, Clock, dataset, incoming, put, put_many


def reopened(data_dir: Path, **options: Any) -> Store:
    return Store.open(data_dir, now=Clock(), **options)


def forget(data_dir: Path, *uids: str) -> None:
    """Take rows out of the database behind the store's back: their files become orphans."""
    connection = sqlite3.connect(data_dir / "index.sqlite")
    for uid in uids:
        connection.execute(
            "DELETE FROM delivery WHERE instance_id IN"
            " (SELECT id FROM instance WHERE sop_instance_uid = ?)",
            [uid],
        )
        connection.execute("DELETE FROM instance WHERE sop_instance_uid = ?", [uid])
    connection.commit()
    connection.close()


def unseal(path: Path) -> None:
    """As an EchoNode before seals wrote it."""
    whole = path.read_bytes()
    end = dataset_offset(whole[:HEAD_LENGTH])
    path.write_bytes(without_seal(whole[:end]) + whole[end:])


def only_file(data_dir: Path, folder: str) -> Path:
    [path] = [path for path in (data_dir / folder).rglob("*") if path.is_file()]
    return path


def test_an_orderly_stop_leaves_nothing_to_mend(data_dir: Path) -> None:
    """The report of the next start is empty, and everything is there."""
    with reopened(data_dir) as store:
        put_many(store, 3, "pacs")
        node_id = store.node_id
    with reopened(data_dir) as store:
        assert store.recovery.report == RecoveryReport()
        assert store.node_id == node_id
        assert len(list(store.ledger.rows())) == 3


def test_temporary_files_are_removed(data_dir: Path) -> None:
    """What was broken off by a kill was never acknowledged and does not stay."""
    with reopened(data_dir) as store:
        incoming(store, dataset(1))
    with reopened(data_dir) as store:
        assert store.recovery.report.temporary_files_removed == 1
        assert list((data_dir / "incoming").iterdir()) == []


def test_a_trial_of_the_disk_that_a_kill_cut_off_is_removed(data_dir: Path) -> None:
    """Wherever it was: it is a file of ours and no instance."""
    reopened(data_dir).close()
    layout = Layout(data_dir)
    for path in (layout.write_trial, layout.trial_in_place):
        path.write_bytes(bytes(4_096))
    with reopened(data_dir) as store:
        assert store.recovery.report.temporary_files_removed == 2
    assert not list(data_dir.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_file_without_a_row_is_adopted_and_queued(data_dir: Path) -> None:
    """Killed between rename and COMMIT: indexed, and queued to where it was to go."""
    with reopened(data_dir) as store:
        captured = put(store, dataset(1), destinations=["pacs"]).instance
        put(store, dataset(2), source_ae_title="PEER")
        put(store, dataset(3))
    forget(data_dir, "1.2.3.4.1", "1.2.3.4.2")
    with reopened(data_dir, adopt_to=["pacs"]) as store:
        assert sorted(store.recovery.report.adopted) == ["1.2.3.4.1", "1.2.3.4.2"]
        assert store.recovery.report.orphans_adopted == 2
        assert not store.recovery.report.database_rebuilt
        assert store.index.instance("1.2.3.4.1") == captured
        [job] = store.deliveries.claim("pacs", now=NOON, limit=9)
        assert job.instance == captured


@pytest.mark.sqlite
def test_an_adopted_file_from_a_clock_that_was_set_back_is_due_at_once(data_dir: Path) -> None:
    """Written "next year", found today: it is not sent a year late."""
    with reopened(data_dir) as store:
        path = put(store, dataset(1), destinations=["pacs"]).instance.path
    forget(data_dir, "1.2.3.4.1")
    next_year = (NOON + timedelta(days=365)).timestamp()
    os.utime(path, (next_year, next_year))
    with reopened(data_dir, adopt_to=["pacs"]) as store:
        assert len(store.deliveries.claim("pacs", now=NOON, limit=9)) == 1


@pytest.mark.slow
@pytest.mark.sqlite
def test_what_peers_sent_is_forwarded_when_the_database_is_made_anew(data_dir: Path) -> None:
    """Of files without a seal, as an earlier EchoNode wrote them: what a peer sent goes on to where
    its kind goes; what another sent stays.
    """
    with reopened(data_dir) as store:
        for number, peer in enumerate(("MODALITY", "OTHER", ""), start=1):
            unseal(put(store, dataset(number), source_ae_title=peer).instance.path)
    (data_dir / "index.sqlite").unlink()
    with reopened(data_dir, adopt_to=["pacs"], forward_to={"MODALITY": ["vna"]}) as store:
        queued = {
            name: [
                job.instance.sop_instance_uid
                for job in store.deliveries.claim(name, now=NOON, limit=9)
            ]
            for name in ("vna", "pacs")
        }
    assert queued == {"vna": ["1.2.3.4.1"], "pacs": ["1.2.3.4.3"]}


def test_a_file_that_is_a_second_copy_is_removed(data_dir: Path) -> None:
    """Killed while a duplicate was being thrown away."""
    with reopened(data_dir) as store:
        kept = put(store, dataset(1)).instance
    copy = kept.path.with_name(kept.path.name[:4] + "0" * 28 + ".dcm")
    shutil.copy(kept.path, copy)
    with reopened(data_dir) as store:
        assert not copy.exists()
        assert store.index.instance("1.2.3.4.1") == kept


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_file_that_conflicts_or_cannot_be_read_goes_to_quarantine(data_dir: Path) -> None:
    """Nothing that was durable is thrown away, and nothing doubtful is served."""
    with reopened(data_dir) as store:
        put(store, dataset(1))
        other = put(store, dataset(2)).instance
    forget(data_dir, "1.2.3.4.2")
    data = other.path.read_bytes()
    other.path.write_bytes(data.replace(b"1.2.3.4.2", b"1.2.3.4.1"))
    noise = other.path.with_name(other.path.name[:4] + "f" * 28 + ".dcm")
    noise.write_bytes(b"not DICOM")
    with reopened(data_dir) as store:
        assert store.recovery.report.orphans_quarantined == 2
        assert len(list((data_dir / "quarantine").iterdir())) == 2
        assert len(list(store.ledger.rows())) == 1
    with reopened(data_dir) as store:
        assert store.recovery.report == RecoveryReport()


@pytest.mark.slow
def test_a_row_without_its_file_is_reported_and_healed_by_the_same_bytes(data_dir: Path) -> None:
    """It was acknowledged once, so the row stays; sent again, it is whole again."""
    with reopened(data_dir) as store:
        gone = put(store, dataset(1), destinations=["pacs"]).instance
    gone.path.unlink()
    for _ in range(2):
        with reopened(data_dir) as store:
            assert store.recovery.report.missing == ("1.2.3.4.1",)
    with reopened(data_dir) as store:
        healed = put(store, dataset(1)).instance
        store.files.check_bytes(healed)
        assert store.index.instance("1.2.3.4.1") == healed
        [row] = store.ledger.rows()
        assert row.state == "queued"
    with reopened(data_dir) as store:
        assert store.recovery.report.missing_files == 0


@pytest.mark.slow
def test_files_that_were_away_for_one_start_are_found_again(data_dir: Path) -> None:
    """A disk that was not mounted does not make instances missing permanently."""
    with reopened(data_dir) as store:
        put_many(store, 3)
    (data_dir / "instances").rename(data_dir / "elsewhere")
    with reopened(data_dir) as store:
        assert store.recovery.report.missing_files == 3
    shutil.rmtree(data_dir / "instances")
    (data_dir / "elsewhere").rename(data_dir / "instances")
    with reopened(data_dir) as store:
        assert store.recovery.report.missing_files == 0
        assert put(store, dataset(1)).outcome == "duplicate"


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.parametrize(
    "how", ["gone", "noise", "truncated", "a letter of its schema", "a letter of a UID"]
)
def test_a_lost_or_damaged_database_is_made_anew_from_the_files(data_dir: Path, how: str) -> None:
    """Every instance is there again; nothing counts as committed; the damaged file is kept."""
    with reopened(data_dir) as store:
        put_many(store, 30, "pacs")
    database = data_dir / "index.sqlite"
    # As after a kill: the mark of an orderly stop is gone.
    connection = sqlite3.connect(database)
    connection.execute("DELETE FROM meta WHERE key = 'stopped_orderly'")
    connection.commit()
    connection.close()
    if how == "gone":
        database.unlink()
    elif how == "noise":
        database.write_bytes(os.urandom(20_000))
    elif how == "a letter of its schema":
        column = b"number_of_study_related_series >= 0"
        assert column in database.read_bytes()
        database.write_bytes(database.read_bytes().replace(column, column.replace(b"_", b"W")))
    elif how == "a letter of a UID":
        database.write_bytes(database.read_bytes().replace(b"1.2.3.4.17", b"1.2.3\xae4.17"))
    else:
        os.truncate(database, database.stat().st_size // 2)
    with reopened(data_dir, adopt_to=["pacs"]) as store:
        assert store.recovery.report.database_rebuilt
        assert store.recovery.report.orphans_adopted == 30
        assert {row.state for row in store.ledger.rows()} == {"queued"}
    assert len(list(data_dir.glob("damaged-*.sqlite"))) == (how != "gone")


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_schema_that_is_no_text_any_more_is_made_anew(data_dir: Path) -> None:
    """One bit, after an orderly stop, so that only the writer meets it: SQLite then quotes in its
    message what is no UTF-8, and Python's library fails at that."""
    with reopened(data_dir) as store:
        put_many(store, 30, "pacs")
    database = data_dir / "index.sqlite"
    check = b"CHECK (kind IN ('report"
    assert database.read_bytes().count(check) == 1
    database.write_bytes(database.read_bytes().replace(check, check.replace(b"(k", b"(\xeb")))
    with reopened(data_dir, adopt_to=["pacs"]) as store:
        assert store.recovery.report.database_rebuilt
        assert store.recovery.report.orphans_adopted == 30


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_database_of_a_later_version_is_refused_untouched(data_dir: Path) -> None:
    """A downgrade says so and changes not one byte."""
    with reopened(data_dir) as store:
        put_many(store, 1)
    connection = sqlite3.connect(data_dir / "index.sqlite")
    connection.execute(
        "INSERT INTO schema_migration (version, applied_at) VALUES (?, 0)", [SCHEMA_VERSION + 1]
    )
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    before = (data_dir / "index.sqlite").read_bytes()
    with pytest.raises(SchemaTooNew, match=str(SCHEMA_VERSION + 1)):
        reopened(data_dir)
    with pytest.raises(SchemaTooNew):
        open_read_only(data_dir)
    assert (data_dir / "index.sqlite").read_bytes() == before
    (data_dir / "index.sqlite").unlink()
    reopened(data_dir).close()  # and the lock was let go


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.parametrize("step", range(8))
def test_recovery_converges_when_it_is_cut_off(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Killed at any of its writes, the next start ends where an undisturbed one would."""
    with reopened(data_dir) as store:
        put_many(store, 4, "pacs")
        put(store, dataset(9))
        store.deliveries.claim("pacs", now=NOON, limit=1)
        incoming(store, dataset(5))
        missing = store.index.instance("1.2.3.4.2")
        orphan = store.index.instance("1.2.3.4.9")
        assert missing is not None
        assert orphan is not None
    missing.path.unlink()
    forget(data_dir, "1.2.3.4.9")
    twin = orphan.path.with_name(orphan.path.name[:4] + "e" * 28 + ".dcm")
    shutil.copy(orphan.path, twin)
    (twin.with_name(orphan.path.name[:4] + "d" * 28 + ".dcm")).write_bytes(b"noise")
    done = 0

    def dying(real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal done
            done += 1
            if done == step + 1:
                raise Killed
            return real(*arguments, **options)

        return call

    names = vars(recovery)  # what the module imports
    with monkeypatch.context() as patched:
        patched.setattr(recovery, "remove", dying(names["remove"]))
        patched.setattr(recovery, "drop", dying(names["drop"]))
        patched.setattr(recovery, "move_to_quarantine", dying(names["move_to_quarantine"]))
        patched.setattr(names["FileInserter"], "insert", dying(names["FileInserter"].insert))
        patched.setattr(
            "echonode.store.database.connections.Writer.execute", dying(names["Writer"].execute)
        )
        with pytest.raises(Killed):
            reopened(data_dir)
    reopened(data_dir).close()
    with reopened(data_dir) as store:
        assert store.recovery.report.adopted == ()
        assert store.recovery.report.temporary_files_removed == 0
        assert store.recovery.report.missing == ("1.2.3.4.2",)
        assert len(list(store.ledger.rows())) == 5
        assert {row.state for row in store.ledger.rows()} == {"queued", "captured"}
        assert store.index.instance("1.2.3.4.9") is not None
    files = {path.stem for path in (data_dir / "instances").rglob("*.dcm")}
    assert len(files) == 4
    assert len(list((data_dir / "quarantine").iterdir())) == 1


def test_a_start_on_a_disk_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A file where the folder should be: the key, the path and the system's words, no traceback."""
    (tmp_path / "var").write_text("in the way")
    with pytest.raises(ConfigError, match=r"data_dir: \S+/var cannot be made \(File exists\)"):
        reopened(tmp_path / "var")


def test_reading_beside_a_running_node(store: Store, data_dir: Path) -> None:
    """`echonode ledger` needs no lock, sees what is durable, and cannot write."""
    put_many(store, 2, "pacs")
    with open_read_only(data_dir) as beside:
        assert list(beside.ledger.rows()) == list(store.ledger.rows())
        put(store, dataset(3))
        assert len(list(beside.ledger.rows())) == 3
        assert beside.index.instance("1.2.3.4.1") == store.index.instance("1.2.3.4.1")


def test_reading_when_no_node_runs(data_dir: Path, tmp_path: Path) -> None:
    """The ledger of a stopped node can be read; where none ever ran, that is said."""
    with reopened(data_dir) as store:
        put_many(store, 2)
    with open_read_only(data_dir) as beside:
        assert len(list(beside.ledger.rows())) == 2
    with pytest.raises(UsageError, match="no store"):
        open_read_only(tmp_path / "nothing")


def test_counters_never_give_a_number_twice(data_dir: Path) -> None:
    """Each name counts by itself, over restarts."""
    with reopened(data_dir) as store:
        assert [store.counter("exam"), store.counter("exam"), store.counter("x")] == [1, 2, 1]
    with reopened(data_dir) as store:
        assert store.counter("exam") == 3


@pytest.mark.slow
def test_a_folder_is_shared_by_many_files(store: Store, data_dir: Path) -> None:
    """A new folder, with fsyncs of its own, is not made for each instance."""
    put_many(store, 20)
    assert len({path.parent for path in Layout(data_dir).instances.rglob("*.dcm")}) == 1


@pytest.mark.sqlite
def test_a_file_that_the_disk_spoils_once_is_adopted_and_not_quarantined(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two readings must find the same fault: one alone may be of the disk or of the memory."""
    with reopened(data_dir) as store:
        put(store, dataset(1))
    forget(data_dir, "1.2.3.4.1")
    faults = iter([Unreadable("the dataset cannot be parsed (ValueError)")])

    def reading(path: Path, cipher: FileCipher | None) -> StoredHead:
        for fault in faults:
            raise fault
        return read_stored_head(path, cipher)

    monkeypatch.setattr(orphans, "read_stored_head", reading)
    with reopened(data_dir) as store:
        assert store.recovery.report.adopted == ("1.2.3.4.1",)
        assert store.recovery.report.orphans_quarantined == 0


@pytest.mark.sqlite
def test_a_file_that_the_disk_does_not_give_waits_for_the_next_start(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EIO says nothing of the bytes: the node starts, says so, and looks again next time."""
    with reopened(data_dir) as store:
        put(store, dataset(1))
    forget(data_dir, "1.2.3.4.1")

    def failing(path: Path, cipher: FileCipher | None) -> StoredHead:
        raise OutOfSpace("the disk refused to read a file: Input/output error")

    monkeypatch.setattr(orphans, "read_stored_head", failing)
    with reopened(data_dir) as store:
        assert (
            store.recovery.report.orphans_unread,
            store.recovery.report.orphans_quarantined,
        ) == (1, 0)
    monkeypatch.undo()
    with reopened(data_dir) as store:
        assert store.recovery.report.adopted == ("1.2.3.4.1",)
