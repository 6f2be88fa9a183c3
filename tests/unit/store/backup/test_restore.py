"""A backup is brought back: whole, or with a clear end; never something wrong."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from echonode.copies.deidentification.key_file import pseudonym_key
from echonode.errors import BackupUnusable, OutOfSpace, RestoreUnfinished, UsageError
from echonode.store.backup import restore as restore_module
from echonode.store.backup.backup import Backup
from echonode.store.backup.folder import BackupFolder
from echonode.store.backup.restore import SKIPPED, Restore, Restored
from echonode.store.files.kept_lines import KeptLines
from echonode.store.files.layout import Layout
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many, send_all

pytestmark = pytest.mark.sqlite  # a backup copies the database's file


@pytest.fixture
def folder(store: Store, tmp_path: Path) -> BackupFolder:
    """A backup of five instances; four sent, one queued; sessions and counters as well."""
    put_many(store, 4, "pacs")
    send_all(store, "pacs", NOON)
    put(store, dataset(5), destinations=["pacs"])
    for _ in range(7):
        store.counter("unidentified")
    (store.data_dir / "audit").mkdir()
    with closing(sqlite3.connect(store.data_dir / "audit" / "audit.sqlite")) as trail:
        trail.execute("CREATE TABLE record (seq INTEGER)").close()
        trail.execute("INSERT INTO record VALUES (1)").close()
        trail.commit()
    backup = BackupFolder(tmp_path / "backup")
    Backup(store.data_dir, backup, now=lambda: NOON).run()
    return backup


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "restored"


def restore(folder: BackupFolder, target: Path, *, without_damaged: bool = False) -> Restored:
    return Restore(folder, target, now=lambda: NOON, without_damaged=without_damaged).run()


def spoil(folder: BackupFolder) -> str:
    """Change a byte of one copy; its path."""
    copy = min(folder.layout.instances.rglob("*.dcm"))
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    return copy.relative_to(folder.root).as_posix()


@pytest.mark.slow
def test_the_node_starts_on_it_with_every_promise(
    store: Store, folder: BackupFolder, target: Path
) -> None:
    """Every byte, every delivery's state, and the node's own identity."""
    before = {row.sop_instance_uid: row.state for row in store.ledger.rows()}
    done = restore(folder, target)
    assert (done.copied, done.kept, done.left_out) == (5, 0, ())
    with Store.open(target, now=Clock()) as restored:
        assert {row.sop_instance_uid: row.state for row in restored.ledger.rows()} == before
        assert restored.node_id == store.node_id
        assert restored.recovery.report.adopted == ()
        for uid in before:
            instance = restored.index.instance(uid)
            assert instance is not None
            restored.files.check_bytes(instance)


@pytest.mark.slow
def test_the_audit_trail_comes_along(folder: BackupFolder, target: Path) -> None:
    """A database of its own, as it was."""
    restore(folder, target)
    with closing(sqlite3.connect(target / "audit" / "audit.sqlite")) as trail:
        assert trail.execute("SELECT seq FROM record").fetchall() == [(1,)]


@pytest.mark.slow
def test_scan_lines_and_the_key_of_the_pseudonyms_come_along(
    store: Store, tmp_path: Path, target: Path
) -> None:
    """The lines byte for byte; the key for its user alone. A second run copies neither again, and
    lines that went with their image go from the backup, too.
    """
    [uid, gone] = put_many(store, 2)
    lines = KeptLines(store.data_dir)
    for each in (uid, gone):
        lines.write(each, {"samples": np.arange(1000)})
    key = pseudonym_key(Layout(store.data_dir))
    folder = BackupFolder(tmp_path / "backup")
    first = Backup(store.data_dir, folder, now=lambda: NOON).run()
    assert first.manifest.pseudonyms is not None
    assert not first.manifest.holds.not_held
    lines.forget([gone])
    again = Backup(store.data_dir, folder, now=lambda: NOON).run()
    assert (again.copied, again.removed) == (0, 1)
    done = restore(folder, target)
    assert (done.copied, done.left_out) == (3, ())
    kept, source = KeptLines(target).lines_of(uid), lines.lines_of(uid)
    assert kept is not None
    assert source is not None
    with kept() as restored, source() as original:
        assert restored.read() == original.read()
    assert KeptLines(target).lines_of(gone) is None
    assert pseudonym_key(Layout(target)) == key


@pytest.mark.slow
def test_a_damaged_key_or_lines_are_found_out(store: Store, tmp_path: Path, target: Path) -> None:
    """The key before anything is written; lines as any file of the backup."""
    [uid] = put_many(store, 1)
    KeptLines(store.data_dir).write(uid, {"samples": np.arange(1000)})
    pseudonym_key(Layout(store.data_dir))
    folder = BackupFolder(tmp_path / "backup")
    Backup(store.data_dir, folder, now=lambda: NOON).run()
    [copy] = folder.lines.iterdir()
    copy.write_bytes(copy.read_bytes()[:-1] + b"?")
    with pytest.raises(BackupUnusable, match="lines/"):
        restore(folder, target)
    [key] = folder.root.glob("pseudonyms-*.key")
    key.write_bytes(b"?" * 32)
    with pytest.raises(BackupUnusable, match="key of the pseudonyms of the backup is damaged"):
        restore(folder, tmp_path / "other")


@pytest.mark.slow
def test_no_number_of_the_time_after_the_backup_is_given_again(
    store: Store, folder: BackupFolder, target: Path
) -> None:
    """An exam after the restore cannot get the study of one that only the archive knows."""
    lost = {store.counter("unidentified") for _ in range(20)}
    restore(folder, target)
    with Store.open(target, now=Clock()) as restored:
        assert restored.counter("unidentified") == 8 + SKIPPED
        assert restored.counter("unidentified") not in lost


@pytest.mark.slow
def test_the_next_backup_goes_on_in_the_same_folder(folder: BackupFolder, target: Path) -> None:
    """What the restored node stores is added to what the folder holds."""
    restore(folder, target)
    with Store.open(target, now=Clock()) as restored:
        put(restored, dataset(6))
        done = Backup(target, folder, now=lambda: NOON).run()
    assert (done.copied, done.manifest.holds.instances) == (1, 6)


@pytest.mark.slow
def test_only_an_empty_folder_is_restored_into(folder: BackupFolder, target: Path) -> None:
    """A store that is there, or anything else, stays as it is."""
    with Store.open(target, now=Clock()) as there:
        put(there, dataset(9))
    with pytest.raises(UsageError, match="is not empty"):
        restore(folder, target)
    with Store.open(target, now=Clock()) as there:
        assert there.index.instance("1.2.3.4.9") is not None


@pytest.mark.slow
def test_a_damaged_copy_ends_it_and_no_node_starts(folder: BackupFolder, target: Path) -> None:
    """The error names it; on request all else is restored, and that instance is missing."""
    path = spoil(folder)
    with pytest.raises(BackupUnusable, match=path):
        restore(folder, target)
    assert not (target / path).exists()
    with pytest.raises(RestoreUnfinished, match="echonode restore"):
        Store.open(target, now=Clock())
    done = restore(folder, target, without_damaged=True)
    assert (done.copied, done.kept, done.left_out) == (0, 4, (path,))
    with Store.open(target, now=Clock()) as restored:
        assert len(restored.recovery.report.missing) == 1
        assert len(list(restored.ledger.rows())) == 5


@pytest.mark.slow
@pytest.mark.parametrize("which", ["index", "files"])
def test_a_damaged_index_restores_nothing(folder: BackupFolder, target: Path, which: str) -> None:
    """Not a file is written."""
    [path] = folder.root.glob(f"{which}-*")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BackupUnusable, match="is damaged"):
        restore(folder, target)
    assert not target.exists()


@pytest.mark.slow
def test_it_goes_on_where_it_was_interrupted(
    folder: BackupFolder, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was copied is read and kept; a file that was changed meanwhile is copied again."""

    def cut(*_: object) -> None:
        raise OutOfSpace("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(restore_module.Restore, "_put_databases", cut)
        with pytest.raises(OutOfSpace):
            restore(folder, target)
    torn = min((target / "instances").rglob("*.dcm"))
    torn.write_bytes(torn.read_bytes()[:-1])
    (target / "index.sqlite").write_bytes(b"begun")
    (target / "incoming" / "x.part").touch()
    done = restore(folder, target)
    assert (done.copied, done.kept) == (1, 4)
    with Store.open(target, now=Clock()) as restored:
        assert len(list(restored.ledger.rows())) == 5


@pytest.mark.slow
def test_an_unfinished_restore_of_another_backup_is_not_mixed_in(
    store: Store,
    folder: BackupFolder,
    target: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One folder never holds parts of two."""

    def cut(*_: object) -> None:
        raise OutOfSpace("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(restore_module.Restore, "_put_databases", cut)
        with pytest.raises(OutOfSpace):
            restore(folder, target)
    put(store, dataset(6))
    later = BackupFolder(tmp_path / "later")
    Backup(store.data_dir, later, now=lambda: NOON).run()
    with pytest.raises(UsageError, match="another backup"):
        restore(later, target)


@pytest.mark.slow
def test_a_list_that_leads_elsewhere_is_refused(folder: BackupFolder, target: Path) -> None:
    """A person who may write the backup cannot have files written outside of data_dir."""
    from echonode.store.backup.file_sums import read_sums

    [sums] = folder.root.glob("files-*")
    line = sums.read_text().splitlines()[0]
    sums.write_text(f"{line[:64]}  instances/../../evil.dcm\n")
    with pytest.raises(BackupUnusable, match="line 1"):
        list(read_sums(sums))
    with pytest.raises(BackupUnusable):
        restore(folder, target)


def test_there_must_be_a_backup(tmp_path: Path, target: Path) -> None:
    """Said in words, and nothing is made."""
    with pytest.raises(UsageError, match="there is no backup"):
        restore(BackupFolder(tmp_path / "nowhere"), target)
    assert not target.exists()
