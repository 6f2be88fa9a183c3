"""What a power cut leaves in the pool, and what the next start makes of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import InstanceConflict
from echonode.store.store import Store
from tests.unit.store.encrypting.encrypted_stores import CIPHER
from tests.unit.store.samples import Clock, dataset, put

pytestmark = pytest.mark.sqlite


@pytest.fixture(params=[None, CIPHER], ids=["plain", "encrypted"])
def cipher(request: pytest.FixtureRequest) -> FileCipher | None:
    """Of the store."""
    found: FileCipher | None = request.param
    return found


@pytest.fixture
def cut_off(tmp_path: Path, cipher: FileCipher | None) -> tuple[Path, Path]:
    """A data_dir as a power cut leaves it that came after instance 2 was acknowledged: of that, the
    file has its name in the pool alone. Also that file."""
    live, left = tmp_path / "live", tmp_path / "left"
    with Store.open(live, now=Clock(), cipher=cipher) as store:
        put(store, dataset(1), source_ae_title="SENDER")
        store.journal.flush()
        shutil.copytree(live, left)
        put(store, dataset(2), source_ae_title="SENDER", destinations=["pacs"])
        [file] = [path for path in (live / "pool").iterdir() if path.stat().st_size]
        shutil.copy(file, left / "pool")
    return left, left / "pool" / file.name


@pytest.mark.slow
def test_what_was_acknowledged_is_taken_in_as_it_was(
    cut_off: tuple[Path, Path], cipher: FileCipher | None
) -> None:
    """Its row and its name below instances/ were lost: it is held, whole, and goes where it was to
    go, with the time of its arrival."""
    data_dir, file = cut_off
    with Store.open(data_dir, forward_to={"SENDER": ["elsewhere"]}, cipher=cipher) as store:
        assert store.recovery.report.adopted == ("1.2.3.4.2",)
        kept = store.index.instance("1.2.3.4.2")
        assert kept is not None
        store.files.check_bytes(kept)
        assert kept.path.name == f"{file.stem}.dcm"
        rows = {row.sop_instance_uid: row for row in store.ledger.rows()}
        assert rows["1.2.3.4.2"].destination == "pacs"
        assert list((data_dir / "pool").iterdir()) == []
    with Store.open(data_dir, cipher=cipher) as store:
        assert store.recovery.report.adopted == ()


def seal_is_wrong(data: bytes) -> bytes:
    """One bit, in the first word of the seal; of an encrypted file in its chunk, which has it."""
    at = max(data.find(b"ECHONODE SEAL 1"), len(data) // 2 if b"SEAL" not in data else 0)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1],
        lambda data: data[:-600] + bytes(600),
        seal_is_wrong,
        lambda data: bytes(len(data)),
        lambda data: data[:200],
    ],
    ids=["cut", "zeros", "a wrong seal", "only its size", "only its head"],
)
def test_what_is_torn_is_never_an_instance(
    cut_off: tuple[Path, Path], cipher: FileCipher | None, change: Callable[[bytes], bytes]
) -> None:
    """A file whose seal is not whole, or whose dataset is not what the seal says, is removed."""
    data_dir, file = cut_off
    file.write_bytes(change(file.read_bytes()))
    with Store.open(data_dir, cipher=cipher) as store:
        assert store.index.instance("1.2.3.4.2") is None
        assert store.recovery.report.temporary_files_removed == 1
        assert store.recovery.report.orphans_quarantined == 0
        assert list((data_dir / "pool").iterdir()) == []
    assert not list((data_dir / "instances").rglob(f"{file.stem}.dcm"))


@pytest.mark.slow
def test_a_row_whose_file_has_its_name_in_the_pool_alone_gets_it_back(tmp_path: Path) -> None:
    """The row was durable, the name below instances/ was not: nothing is missing."""
    live, left = tmp_path / "live", tmp_path / "left"
    with Store.open(live) as store:
        put(store, dataset(1), source_ae_title="SENDER")
        shutil.copytree(live, left)
    for name in (left / "instances").rglob("*.dcm"):
        name.unlink()
    with Store.open(left) as store:
        assert store.recovery.report.missing == ()
        kept = store.index.instance("1.2.3.4.1")
        assert kept is not None
        store.files.check_bytes(kept)


@pytest.mark.slow
def test_what_was_deleted_does_not_come_back_from_the_pool(
    cut_off: tuple[Path, Path], cipher: FileCipher | None
) -> None:
    """A file under the id of a deleted one: the deletion goes on."""
    data_dir, file = cut_off
    with Store.open(data_dir, cipher=cipher) as store:
        kept = store.index.instance("1.2.3.4.2")
        assert kept is not None
        whole = kept.path.read_bytes()
        store._writer.execute(
            sa.text(
                "INSERT INTO tombstone (sop_instance_uid, sop_class_uid, study_instance_uid,"
                " frames, file_id, dataset_sha256, stored_at, deleted_at)"
                " SELECT sop_instance_uid, sop_class_uid, '1.2', frames, file_id, dataset_sha256,"
                " stored_at, stored_at FROM instance WHERE sop_instance_uid = '1.2.3.4.2'"
            )
        )
        for statement in (
            "DELETE FROM delivery",
            "DELETE FROM instance WHERE sop_instance_uid = '1.2.3.4.2'",
        ):
            store._writer.execute(sa.text(statement))
        kept.path.unlink()
    file.write_bytes(whole)
    with Store.open(data_dir, cipher=cipher) as store:
        assert store.index.instance("1.2.3.4.2") is None
    assert not file.exists()
    assert not list((data_dir / "instances").rglob(f"{file.stem}.dcm"))


def test_what_was_quarantined_does_not_come_back_from_the_pool(tmp_path: Path) -> None:
    """A kill after the second under a UID was put away: it stays in quarantine alone."""
    with Store.open(tmp_path) as store:
        put(store, dataset(1), source_ae_title="SENDER")
        with pytest.raises(InstanceConflict):
            put(store, dataset(1, ImageComments="other"), source_ae_title="SENDER")
    [quarantined] = (tmp_path / "quarantine").iterdir()
    (tmp_path / "pool" / f"{quarantined.stem}.pooled").hardlink_to(quarantined)
    with Store.open(tmp_path) as store:
        assert store.recovery.report.orphans_quarantined == 0
    assert quarantined.exists()
    assert not list((tmp_path / "instances").rglob(f"{quarantined.stem}.dcm"))
    assert list((tmp_path / "pool").iterdir()) == []
