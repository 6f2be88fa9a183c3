"""A backup is made while the store is used: complete, incremental, of one moment."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

from echonode.errors import BackupUnusable, OutOfSpace, UsageError
from echonode.model.identity import CommitmentPolicy
from echonode.store.backup import backup as backup_module
from echonode.store.backup import held_copies
from echonode.store.backup.backup import Backup, BackupDone
from echonode.store.backup.checking import checked_manifest, damaged_files
from echonode.store.backup.folder import BackupFolder
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many, send_all

pytestmark = pytest.mark.sqlite  # a backup copies the database's file
POLICY = RetentionPolicy(keep_s=0, destinations={"pacs": CommitmentPolicy.REQUIRED})


@pytest.fixture
def folder(tmp_path: Path) -> BackupFolder:
    return BackupFolder(tmp_path / "backup")


def make(store: Store, folder: BackupFolder, *, verify: bool = False) -> BackupDone:
    return Backup(store.data_dir, folder, now=lambda: NOON, config=b"x: y\n", verify=verify).run()


def damaged(folder: BackupFolder) -> list[str]:
    return list(damaged_files(folder, checked_manifest(folder), lambda *_: None))


def copies(folder: BackupFolder) -> list[Path]:
    return sorted(folder.layout.instances.rglob("*.dcm"))


@pytest.mark.slow
def test_it_holds_every_instance_and_every_promise(store: Store, folder: BackupFolder) -> None:
    """Made while the store is open and written; it says what it holds."""
    put_many(store, 5, "pacs")
    send_all(store, "pacs", NOON)
    put(store, dataset(6), destinations=["pacs"])
    done = make(store, folder)
    holds = done.manifest.holds
    assert (holds.instances, holds.studies, done.copied) == (6, 1, 6)
    assert holds.deliveries == {"sent": 5, "queued": 1}
    assert damaged(folder) == []
    assert sorted(path.name for path in folder.root.iterdir()) == sorted(
        [
            "echonode-backup.lock",
            "manifest.json",
            "incoming",
            "instances",
            "lines",
            "quarantine",
            *done.manifest.named,
        ]
    )


def test_its_list_is_one_that_sha256sum_checks(store: Store, folder: BackupFolder) -> None:
    """Without EchoNode a person can see that every byte is there."""
    put_many(store, 3)
    sums = make(store, folder).manifest.files.name
    done = subprocess.run(
        ["sha256sum", "-c", sums], cwd=folder.root, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.count(": OK")) == (0, 3)


@pytest.mark.slow
def test_a_second_run_copies_only_what_is_new(store: Store, folder: BackupFolder) -> None:
    """And leaves the files of the first as they are."""
    put_many(store, 3)
    make(store, folder)
    before = {path: path.stat().st_ino for path in copies(folder)}
    put(store, dataset(4))
    done = make(store, folder)
    assert (done.copied, done.manifest.holds.instances) == (1, 4)
    assert {path: path.stat().st_ino for path in before} == before
    assert len(list(folder.root.glob("index-*"))) == 1


@pytest.mark.slow
def test_a_copy_that_is_gone_or_shorter_is_made_again(store: Store, folder: BackupFolder) -> None:
    """At the next run, whether or not it verifies."""
    put_many(store, 3)
    make(store, folder)
    first, second, _ = copies(folder)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    assert make(store, folder).copied == 2
    assert damaged(folder) == []


@pytest.mark.slow
def test_verifying_finds_a_changed_byte(store: Store, folder: BackupFolder) -> None:
    """In the dataset, or before it, and copies that file again."""
    put_many(store, 3)
    make(store, folder)
    for copy, at in zip(copies(folder), (-1, 200), strict=False):
        raw = bytearray(copy.read_bytes())
        raw[at] ^= 1
        copy.write_bytes(raw)
    assert make(store, folder).copied == 0
    assert len(damaged(folder)) == 2
    assert make(store, folder, verify=True).copied == 2
    assert damaged(folder) == []


@pytest.mark.slow
def test_what_retention_deletes_meanwhile_is_not_in_it(
    store: Store, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment is taken again: no row of the backup lacks its file."""
    put_many(store, 4, "pacs")
    put(store, dataset(5))
    holding = held_copies.HeldCopies.hold
    deleted: list[str] = []

    def hold(self: held_copies.HeldCopies, *arguments: object) -> held_copies.Held:
        if not deleted:
            uids = [f"1.2.3.4.{number}" for number in range(1, 5)]
            deleted.extend(uids)
            _delete(store, uids)
        return holding(self, *arguments)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(backup_module, "_THREADS", 1)
    monkeypatch.setattr(held_copies.HeldCopies, "hold", hold)
    done = make(store, folder)
    assert done.manifest.holds.instances == 1
    assert done.manifest.holds.not_held == {}
    assert damaged(folder) == []
    assert len(copies(folder)) == 1


def _delete(store: Store, uids: list[str]) -> None:
    """As retention does, once the archive has committed them."""
    commit_all(store, Clock())
    store.retention.observe(60)
    store.retention.observe(60)
    gone = store.retention.recycle(POLICY, now=NOON)
    assert {each.sop_instance_uid for each in gone} == set(uids)


@pytest.mark.slow
def test_what_was_deleted_since_is_removed(store: Store, folder: BackupFolder) -> None:
    """Only once the next backup is complete."""
    put_many(store, 4, "pacs")
    make(store, folder)
    _delete(store, [f"1.2.3.4.{number}" for number in range(1, 5)])
    done = make(store, folder)
    assert (done.removed, done.manifest.holds.instances, copies(folder)) == (4, 0, [])


@pytest.mark.slow
def test_a_damaged_file_of_the_node_is_named_and_an_earlier_copy_stays(
    store: Store, folder: BackupFolder
) -> None:
    """What was whole at the first run is still whole in the second."""
    put_many(store, 2)
    make(store, folder)
    put(store, dataset(3))
    put(store, dataset(4))
    for uid in ("1.2.3.4.1", "1.2.3.4.3"):
        instance = store.index.instance(uid)
        assert instance is not None
        instance.path.write_bytes(instance.path.read_bytes()[:-1] + b"?")
    missing = store.index.instance("1.2.3.4.4")
    assert missing is not None
    missing.path.unlink()
    holds = make(store, folder).manifest.holds
    assert holds.not_held == {
        "1.2.3.4.3": "its bytes are not those that were stored",
        "1.2.3.4.4": "its file is missing",
    }
    assert damaged(folder) == []
    assert len(copies(folder)) == 2


@pytest.mark.slow
def test_a_full_disk_leaves_the_backup_before(
    store: Store, folder: BackupFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a word of which disk it is; the space of what was begun is given back."""
    put_many(store, 3)
    first = make(store, folder).manifest
    put(store, dataset(4))

    def full(*_: object) -> int:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr("echonode.store.backup.file_copy.os.write", full)
        with pytest.raises(OutOfSpace, match=f"{folder.root}.*No space left"):
            make(store, folder)
    assert checked_manifest(folder) == first
    assert damaged(folder) == []
    assert len(list(folder.root.glob("index-*"))) == 1
    assert list(folder.layout.incoming.iterdir()) == []
    assert make(store, folder).manifest.holds.instances == 4


@pytest.mark.slow
def test_an_interrupted_run_is_taken_up(store: Store, folder: BackupFolder) -> None:
    """Files that it had copied are read and kept, and what it had begun is removed."""
    put_many(store, 3)
    manifest = make(store, folder).manifest
    folder.manifest.unlink()
    (folder.root / manifest.files.name).unlink()
    (folder.layout.incoming / "x.part").write_bytes(b"begun")
    with pytest.raises(BackupUnusable, match="interrupted"):
        checked_manifest(folder)
    done = make(store, folder)
    assert (done.copied, done.manifest.holds.instances) == (0, 3)
    assert not (folder.root / manifest.index.name).exists()
    assert list(folder.layout.incoming.iterdir()) == []


@pytest.mark.slow
def test_another_stores_backup_stays(store: Store, folder: BackupFolder, tmp_path: Path) -> None:
    """A new node on the machine that died does not overwrite what it once held."""
    put_many(store, 3)
    before = make(store, folder).manifest
    with (
        Store.open(tmp_path / "new", now=Clock()) as other,
        pytest.raises(UsageError, match="another store"),
    ):
        make(other, folder)
    assert checked_manifest(folder) == before
    assert len(copies(folder)) == 3


def test_a_folder_of_other_things_is_left_alone(store: Store, tmp_path: Path) -> None:
    """Neither a person's files nor the node's own folder become a backup."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "index-of-photos").touch()
    for wrong in (tmp_path / "photos", store.data_dir, store.data_dir / "backup", tmp_path):
        with pytest.raises(UsageError):
            make(store, BackupFolder(wrong))
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["index-of-photos"]


def test_two_backups_at_a_time_are_refused(store: Store, folder: BackupFolder) -> None:
    """The second ends at once."""
    with folder.locked_for_writing(), pytest.raises(UsageError, match="is being made"):
        make(store, folder)


def test_a_doubted_database_takes_no_whole_ones_place(store: Store, folder: BackupFolder) -> None:
    """The node's restart repairs it first."""
    put_many(store, 1)
    (store.data_dir / "index.doubted").touch()
    with pytest.raises(BackupUnusable, match="restart the node"):
        make(store, folder)


def test_each_changed_byte_of_the_manifest_is_found(store: Store, folder: BackupFolder) -> None:
    """A count, a hash, or its own."""
    put_many(store, 1)
    make(store, folder)
    text = folder.manifest.read_text()
    for old, new in (
        ('"instances": 1', '"instances": 2'),
        ('"sha256": "', '"sha256": "0'),
        ("{", ""),
    ):
        folder.manifest.write_text(text.replace(old, new, 1))
        with pytest.raises(BackupUnusable):
            checked_manifest(folder)
    later = {**json.loads(text), "format": 2}
    folder.manifest.write_text(json.dumps(later))
    with pytest.raises(BackupUnusable, match="form 2"):
        checked_manifest(folder)


def test_the_configuration_comes_along(store: Store, folder: BackupFolder) -> None:
    """As it was given."""
    config = make(store, folder).manifest.config
    assert config is not None
    content = (folder.root / config.name).read_bytes()
    assert (content, config.sha256) == (b"x: y\n", hashlib.sha256(content).hexdigest())
