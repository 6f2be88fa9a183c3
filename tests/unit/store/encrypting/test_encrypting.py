"""A store under a key: nothing of a patient in its raw bytes, and what becomes of it without."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from pydicom import dcmread

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.file_format import MasterKey
from echonode.at_rest.reading import head_of_file, open_file
from echonode.copies.deidentification.key_file import pseudonym_key
from echonode.errors import ConfigError, OperatorRefused, StoreLocked, UsageError
from echonode.model.instance import buffered_bytes, open_bytes
from echonode.store.backup.backup import Backup
from echonode.store.backup.folder import BackupFolder
from echonode.store.backup.restore import Restore
from echonode.store.encrypting.encrypting import encrypt, rotate
from echonode.store.files.kept_lines import KeptLines
from echonode.store.files.layout import Layout
from echonode.store.moving.move import move
from echonode.store.moving.place import Place
from echonode.store.read_only_store import open_read_only
from echonode.store.store import Store
from tests.unit.store.encrypting.encrypted_stores import (
    CANARY,
    CIPHER,
    FIRST,
    SECOND,
    canary,
    check_all,
    fill,
    found_in,
)
from tests.unit.store.samples import NOON, incoming

# With the index on a server the product refuses a key (docs/encryption.md).
pytestmark = pytest.mark.sqlite
pytest.importorskip("sqlcipher3")
numpy = pytest.importorskip("numpy")


@pytest.mark.slow
def test_no_canary_is_in_the_raw_bytes_of_a_running_store(data_dir: Path) -> None:
    """Files, index, log of the index, a file being received, scratch, quarantine, scan lines, audit
    trail and inbox; the same search finds them in a plain store."""
    plain = data_dir.with_name("plain")
    fill(plain, None)
    assert {"index.sqlite", "audit/audit.sqlite"} <= set(found_in(plain))
    assert len(found_in(plain)) >= 7
    fill(data_dir, CIPHER)
    lines = {"samples": numpy.frombuffer(b"CANARYPIXELS" * 1000, numpy.uint8)}
    with Store.open(data_dir, now=lambda: NOON, cipher=CIPHER) as store:
        KeptLines(data_dir, CIPHER).write("1.2.3.4.1", lines)
        receiving = incoming(store, canary(9))
        store.files.read_record(receiving)
        with store.files.scratch.file() as scratch:
            scratch.write(b"CANARYPIXELS" * 9)
            scratch.flush()
            store.counter("canary")
            wal = data_dir / "index.sqlite-wal"
            assert wal.stat().st_size > 0
            assert found_in(data_dir) == []
        receiving.discard()
        instance = store.index.instance("1.2.3.4.2")
        assert instance is not None
        with open_bytes(instance) as file:
            assert file.size == instance.size
            assert b"CANARYPIXELS" in file.read()
    opened = KeptLines(data_dir, CIPHER).lines_of("1.2.3.4.1")
    assert opened is not None
    with opened() as kept, numpy.load(kept) as arrays:
        assert (arrays["samples"] == lines["samples"]).all()
    check_all(data_dir, CIPHER)


@pytest.mark.slow
@pytest.mark.parametrize("cipher", [None, CIPHER], ids=["plain", "encrypted"])
def test_pydicom_reads_a_stored_file(data_dir: Path, cipher: FileCipher | None) -> None:
    """Reports, corrections, exams that get their patient, and copies read instances by it; the
    erasure of a patient reads the quarantine so.
    """
    fill(data_dir, cipher)
    with Store.open(data_dir, now=lambda: NOON, cipher=cipher) as store:
        instance = store.index.instance("1.2.3.4.1")
        assert instance is not None
        for without_pixels in (True, False):
            with buffered_bytes(instance) as file:
                ds = dcmread(file, stop_before_pixels=without_pixels)
            assert ds.PatientName == CANARY
            assert ("PixelData" in ds) is not without_pixels
        found, unreadable = store.holdings.quarantined("CANARY-4711")
        assert (len(found), unreadable) == (1, 0)


@pytest.mark.slow
def test_without_the_key_nothing_opens_and_the_error_names_it(data_dir: Path) -> None:
    """No key, or another: nothing is set aside, made new or changed."""
    fill(data_dir, CIPHER)
    before = sorted(path.name for path in data_dir.rglob("*"))
    other = FileCipher(SECOND)
    for cipher, words in ((None, "no key is configured"), (other, FIRST.id)):
        with pytest.raises(ConfigError, match=words):
            Store.open(data_dir, cipher=cipher)
        with pytest.raises(ConfigError, match=words):
            open_read_only(data_dir, cipher=cipher)
    assert sorted(path.name for path in data_dir.rglob("*")) == before
    check_all(data_dir, CIPHER)


@pytest.mark.slow
def test_a_lost_key_of_the_databases_is_named_and_the_files_make_the_index_again(
    data_dir: Path,
) -> None:
    """As the error says: move index and audit trail away."""
    fill(data_dir, CIPHER)
    (data_dir / "database.key").unlink()
    with pytest.raises(ConfigError, match=r"database\.key is gone"):
        Store.open(data_dir, cipher=CIPHER)
    for path in (*data_dir.glob("index.sqlite*"), *data_dir.glob("audit/audit.sqlite*")):
        path.unlink()
    with Store.open(data_dir, now=lambda: NOON, cipher=CIPHER) as store:
        assert len(store.recovery.report.adopted) == 3
    check_all(data_dir, CIPHER)


@pytest.mark.slow
def test_a_damaged_index_is_set_aside_and_made_again(data_dir: Path) -> None:
    """As a plain one is."""
    fill(data_dir, CIPHER)
    index = data_dir / "index.sqlite"
    content = bytearray(index.read_bytes())
    content[100:2000] = bytes(1900)
    index.write_bytes(content)
    with Store.open(data_dir, now=lambda: NOON, cipher=CIPHER) as store:
        assert store.recovery.report.database_rebuilt
        assert len(store.recovery.report.adopted) == 3
    assert found_in(data_dir) == []


@pytest.mark.slow
def test_a_plain_store_is_encrypted_once_and_completely(data_dir: Path) -> None:
    """No node starts before; afterwards no canary is left, and a second run changes nothing."""
    fill(data_dir, None)
    with pytest.raises(UsageError, match="not encrypted: stop the node"):
        Store.open(data_dir, cipher=CIPHER)
    done = encrypt(data_dir, CIPHER)
    assert (done.failed, done.databases, done.left) == ({}, 2, ())
    assert done.sealed >= 5
    assert found_in(data_dir) == []
    check_all(data_dir, CIPHER)
    again = encrypt(data_dir, CIPHER)
    assert (again.sealed, again.databases, again.failed) == (0, 0, {})


@pytest.mark.slow
def test_half_an_encryption_is_no_store_until_it_is_ended(data_dir: Path) -> None:
    """Neither for a node with the key, nor for one without."""
    fill(data_dir, None)
    shutil.copy(data_dir / "index.sqlite", data_dir.with_name("index"))
    encrypt(data_dir, CIPHER)
    shutil.copy(data_dir.with_name("index"), data_dir / "index.sqlite")
    with pytest.raises(UsageError, match="not encrypted to its end"):
        Store.open(data_dir, cipher=CIPHER)
    with pytest.raises(ConfigError, match="no key is configured"):
        Store.open(data_dir)
    with pytest.raises(ConfigError, match=FIRST.id):
        encrypt(data_dir, FileCipher(SECOND))
    assert encrypt(data_dir, CIPHER).databases == 1
    check_all(data_dir, CIPHER)


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_named_and_the_rest_goes_on(data_dir: Path) -> None:
    """The index is not encrypted then; set-aside databases are left to a person."""
    fill(data_dir, None)
    (data_dir / "damaged-1.sqlite").write_bytes(CANARY.encode())
    broken = next((data_dir / "quarantine").glob("*.dcm"))
    content = broken.read_bytes()
    broken.unlink()
    broken.mkdir()
    done = encrypt(data_dir, CIPHER)
    assert list(done.failed) == [f"quarantine/{broken.name}"]
    assert done.databases == 0
    assert done.left == ("damaged-1.sqlite",)
    broken.rmdir()
    broken.write_bytes(content)
    assert encrypt(data_dir, CIPHER).databases == 2
    assert found_in(data_dir) == ["damaged-1.sqlite"]


@pytest.mark.slow
def test_a_running_node_keeps_its_store(data_dir: Path) -> None:
    """Encrypting it waits for its end; so does a second node."""
    fill(data_dir, None)
    with Store.open(data_dir):
        with pytest.raises(UsageError, match="stop it first"):
            encrypt(data_dir, CIPHER)
        with pytest.raises(StoreLocked):
            Store.open(data_dir, cipher=CIPHER)


@pytest.mark.slow
def test_a_rotation_changes_heads_alone_and_ends_the_old_key(data_dir: Path) -> None:
    """Also while a node runs that has both keys; then the new key opens all, the old nothing."""
    fill(data_dir, CIPHER)
    files = sorted(data_dir.glob("instances/*/*/*.dcm"))
    bodies = [path.read_bytes()[1536:] for path in files]
    both, new = FileCipher(SECOND, [FIRST]), FileCipher(SECOND)
    with Store.open(data_dir, now=lambda: NOON, cipher=both) as store:
        done = rotate(data_dir, both)
        instance = store.index.instance("1.2.3.4.1")
        assert instance is not None
        store.files.check_bytes(instance)
    assert done.failed == {}
    assert [path.read_bytes()[1536:] for path in files] == bodies
    for path in (*files, data_dir / "database.key"):
        head = head_of_file(path)
        assert head is not None
        assert head.key_ids == [SECOND.id]
    check_all(data_dir, new)
    with pytest.raises(ConfigError, match=SECOND.id):
        Store.open(data_dir, cipher=CIPHER)
    assert FIRST.key_id not in b"".join(path.read_bytes()[:1536] for path in files)
    assert rotate(data_dir, new).sealed == 0


@pytest.mark.slow
def test_a_file_under_a_key_that_is_not_given_stays_and_is_named(data_dir: Path) -> None:
    """The others are changed; the key of the databases is not, so a start still asks for both."""
    fill(data_dir, CIPHER)
    third = MasterKey(b"\x33" * 32)
    rotate(data_dir, FileCipher(third, [FIRST]))
    path = next(data_dir.glob("quarantine/*.dcm"))
    stray = data_dir / "quarantine" / f"{'0' * 32}.dcm"
    fill(data_dir.with_name("other"), CIPHER)
    shutil.copy(next(data_dir.with_name("other").glob("quarantine/*.dcm")), stray)
    done = rotate(data_dir, FileCipher(SECOND, [third]))
    assert list(done.failed) == [f"quarantine/{stray.name}"]
    with open_file(path, FileCipher(SECOND)) as file:
        assert file.read()
    with pytest.raises(ConfigError, match=third.id):
        Store.open(data_dir, cipher=FileCipher(SECOND))


@pytest.mark.slow
def test_a_backup_holds_the_files_as_they_are_and_is_restored(
    data_dir: Path, tmp_path: Path
) -> None:
    """No canary in it; a restore needs the key before anything is written."""
    fill(data_dir, CIPHER)
    folder = BackupFolder(tmp_path / "backup")
    for copied in (4, 0):
        done = Backup(data_dir, folder, now=lambda: NOON, cipher=CIPHER).run()
        assert (done.copied, done.manifest.holds.not_held) == (copied, {})
    assert found_in(tmp_path / "backup") == []
    back = tmp_path / "back"
    for cipher, words in ((None, "encrypted store"), (FileCipher(SECOND), FIRST.id)):
        with pytest.raises(ConfigError, match=words):
            Restore(folder, back, now=lambda: NOON, cipher=cipher).run()
    assert not back.exists()
    Restore(folder, back, now=lambda: NOON, cipher=CIPHER).run()
    check_all(back, CIPHER)
    assert found_in(back) == []


@pytest.mark.slow
def test_a_backup_of_plain_days_is_made_again_once_the_store_is_encrypted(
    data_dir: Path, tmp_path: Path
) -> None:
    """A plain copy does not count as held."""
    fill(data_dir, None)
    folder = BackupFolder(tmp_path / "backup")
    Backup(data_dir, folder, now=lambda: NOON).run()
    encrypt(data_dir, CIPHER)
    done = Backup(data_dir, folder, now=lambda: NOON, cipher=CIPHER).run()
    assert done.copied >= 3
    assert not [path for path in found_in(tmp_path / "backup") if path.startswith("instances")]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "target"),
    [(None, CIPHER), (CIPHER, FileCipher(SECOND)), (CIPHER, None)],
    ids=["encrypted by a move", "under another key", "decrypted by a move"],
)
def test_a_store_is_moved_into_and_out_of_encryption(
    data_dir: Path, tmp_path: Path, source: FileCipher | None, target: FileCipher | None
) -> None:
    """Every image is compared; an encrypted target has no canary."""
    fill(data_dir, source)
    to = tmp_path / "to"
    moved = move(
        Place(data_dir=data_dir, cipher=source), Place(data_dir=to, cipher=target), now=NOON
    )
    assert (moved.files, moved.left_out) == (3, ())
    check_all(to, target)
    assert bool(found_in(to)) is (target is None)


def raw_files_with(key: bytes, *folders: Path) -> list[Path]:
    """The files whose raw bytes hold it."""
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and key in path.read_bytes()
    ]


@pytest.mark.slow
def test_the_key_of_the_pseudonyms_is_sealed_with_the_store(data_dir: Path, tmp_path: Path) -> None:
    """In a new store, by `echonode encrypt`, by a backup, under another master key and by a restore
    it is the same key, and its bytes are in no file.
    """
    fill(data_dir, None)
    key = pseudonym_key(Layout(data_dir))
    assert raw_files_with(key, data_dir) == [data_dir / "pseudonyms.key"]
    sealed = encrypt(data_dir, CIPHER)
    assert (sealed.failed, raw_files_with(key, data_dir)) == ({}, [])
    assert pseudonym_key(Layout(data_dir, cipher=CIPHER)) == key
    assert stat.S_IMODE((data_dir / "pseudonyms.key").stat().st_mode) == 0o600
    folder = BackupFolder(tmp_path / "backup")
    Backup(data_dir, folder, now=lambda: NOON, cipher=CIPHER).run()
    back = tmp_path / "back"
    Restore(folder, back, now=lambda: NOON, cipher=CIPHER).run()
    assert pseudonym_key(Layout(back, cipher=CIPHER)) == key
    rotate(data_dir, FileCipher(SECOND, [FIRST]))
    assert pseudonym_key(Layout(data_dir, cipher=FileCipher(SECOND))) == key
    with pytest.raises(OperatorRefused, match=SECOND.id):
        pseudonym_key(Layout(data_dir, cipher=CIPHER))
    assert raw_files_with(key, data_dir, back, tmp_path / "backup") == []
    new = tmp_path / "new"
    new.mkdir()
    other = pseudonym_key(Layout(new, cipher=CIPHER))
    assert raw_files_with(other, new) == []


@pytest.mark.slow
def test_a_key_that_an_earlier_version_left_in_plain_is_sealed(
    data_dir: Path, tmp_path: Path
) -> None:
    """In the backup at once, and in data_dir by the next copy that needs it."""
    fill(data_dir, CIPHER)
    plain = data_dir / "pseudonyms.key"
    key = bytes(range(32))
    plain.write_bytes(key)
    plain.chmod(0o600)
    folder = BackupFolder(tmp_path / "backup")
    Backup(data_dir, folder, now=lambda: NOON, cipher=CIPHER).run()
    assert raw_files_with(key, data_dir, tmp_path / "backup") == [plain]
    assert pseudonym_key(Layout(data_dir, cipher=CIPHER)) == key
    assert raw_files_with(key, data_dir) == []
    back = tmp_path / "back"
    Restore(folder, back, now=lambda: NOON, cipher=CIPHER).run()
    assert pseudonym_key(Layout(back, cipher=CIPHER)) == key


@pytest.mark.slow
@pytest.mark.parametrize("source", [None, CIPHER], ids=["plain", "encrypted"])
@pytest.mark.parametrize("target", [None, FileCipher(SECOND)], ids=["to plain", "to encrypted"])
def test_the_key_of_the_pseudonyms_moves_with_its_store(
    data_dir: Path, tmp_path: Path, source: FileCipher | None, target: FileCipher | None
) -> None:
    """Later anonymised copies fit the earlier ones; the file is as the new store's others."""
    fill(data_dir, source)
    key = pseudonym_key(Layout(data_dir, cipher=source))
    to = tmp_path / "to"
    move(Place(data_dir=data_dir, cipher=source), Place(data_dir=to, cipher=target), now=NOON)
    assert pseudonym_key(Layout(to, cipher=target)) == key
    assert bool(raw_files_with(key, to)) is (target is None)
