"""Media of others, and of attackers: what is taken, what is refused, and that nothing leads out."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset

from echonode.copies.media.directory import Directory
from echonode.copies.media.directory_reading import named_files
from echonode.copies.media.importing import Taken, TakenFile, import_files
from echonode.copies.media.reading import opened_medium
from echonode.copies.media.records import Place
from echonode.errors import InvalidObject, OperatorRefused, UsageError
from tests.unit.store.samples import EXPLICIT_LE, US_IMAGE, dataset, encoded

DICOM = bytes(128) + b"DICM" + b"rest"
# pydicom warns of much that it reads all the same; the commands do not show it.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
_NAMES = "DICOM\\PT000001\\ST000001\\SE000001\\IM00000{}"


def directory(*datasets: Dataset) -> bytes:
    """A DICOMDIR of ours with these."""
    made = Directory()
    for ds in datasets:
        uid = str(ds.SOPInstanceUID)
        made.add(
            ds,
            Place(sop_class_uid=US_IMAGE, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT_LE),
        )
    return made.file("1.2.3")


def medium(root: Path, dicomdir: bytes, *numbers: int) -> Path:
    """A folder with that DICOMDIR, and with the files of these numbers."""
    place = root / "DICOM" / "PT000001" / "ST000001" / "SE000001"
    place.mkdir(parents=True)
    for number in numbers:
        (place / f"IM00000{number}").write_bytes(DICOM)
    (root / "DICOMDIR").write_bytes(dicomdir)
    return root


def names(path: Path, *, use_directory: bool = True) -> tuple[list[str], list[str]]:
    with opened_medium(path, use_directory=use_directory) as found:
        return [file.name for file in found.files], list(found.missing)


def test_a_folder_has_what_its_dicomdir_names(tmp_path: Path) -> None:
    """Found without case and with the version that discs show; what is not there is named."""
    root = medium(tmp_path / "m", directory(dataset(1), dataset(2), dataset(3)), 1, 2, 9)
    (root / "DICOM").rename(root / "dicom")
    place = root / "dicom/PT000001/ST000001/SE000001"
    (place / "IM000002").rename(place / "im000002.;1")
    found, missing = names(root)
    assert found == [_NAMES.format(n).replace("\\", "/") for n in (1, 2)]
    assert missing == [_NAMES.format(3).replace("\\", "/")]
    assert len(names(root, use_directory=False)[0]) == 3


def test_a_folder_without_a_dicomdir_has_all_its_files(tmp_path: Path) -> None:
    """At any depth, in order."""
    for name in ("b", "a", "c/d/e"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(DICOM)
    assert names(tmp_path)[0] == ["a", "b", "c/d/e"]


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Neither a file's nor a folder's, nor one in a circle; not by the DICOMDIR either."""
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "IM000001").write_bytes(DICOM)
    root = tmp_path / "m"
    root.mkdir()
    (root / "link").symlink_to(secret / "IM000001")
    (root / "folder").symlink_to(secret)
    (root / "circle").symlink_to(root)
    assert names(root) == ([], [])
    linked = medium(tmp_path / "n", directory(dataset(1)))
    place = linked / "DICOM/PT000001/ST000001"
    (place / "SE000001").rmdir()
    (place / "SE000001").symlink_to(secret)
    assert names(linked) == ([], [_NAMES.format(1).replace("\\", "/")])


def circled(whole: bytes) -> bytes:
    """The last record's next is the first one."""
    first = struct.pack("<HH2sHI", 0x0004, 0x1200, b"UL", 4, 0)[:8]
    offset = whole[whole.index(first) + 8 :][:4]
    last = whole.rindex(struct.pack("<HH2sH", 0x0004, 0x1400, b"UL", 4)) + 8
    return whole[:last] + offset + whole[last + 4 :]


def astray(whole: bytes) -> bytes:
    """The root's first record is at a place where none begins."""
    place = whole.index(struct.pack("<HH2sH", 0x0004, 0x1200, b"UL", 4)) + 8
    return whole[:place] + struct.pack("<I", 7) + whole[place + 4 :]


def renamed(name: bytes) -> Callable[[bytes], bytes]:
    """The first component of each File ID is that name, of the same length."""
    return lambda whole: whole.replace(b"DICOM\\PT", name)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (circled, "in a circle"),
        (renamed(b"..\\..\\PT"), "leads out"),
        (renamed(b"/etc/\\PT"), "leads out"),
        (renamed(b"C:abc\\PT"), "leads out"),
        (astray, "no record"),
        (lambda whole: whole[: len(whole) // 2], "broken"),
        (lambda whole: whole.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.99"), "broken"),
        (lambda whole: bytes(200), "not a DICOM file"),
        (lambda whole: b"", "broken"),
    ],
)
def test_a_broken_dicomdir_is_refused(
    tmp_path: Path, damage: Callable[[bytes], bytes], said: str
) -> None:
    """With the reason and the way round it, before any file is read."""
    root = medium(tmp_path / "m", damage(directory(dataset(1), dataset(2))), 1, 2)
    with pytest.raises(OperatorRefused, match=said) as refused, opened_medium(root):
        raise AssertionError
    assert "--without-dicomdir" in str(refused.value)
    assert len(names(root, use_directory=False)[0]) == 2


@pytest.mark.slow
def test_any_byte_may_be_wrong() -> None:
    """A DICOMDIR with one byte changed is read, or refused: nothing else happens."""
    whole = directory(dataset(1), dataset(2))
    for place in range(132, len(whole), 7):
        for value in (0, 0xFF, whole[place] ^ 1):
            try:
                named_files(whole[:place] + bytes([value]) + whole[place + 1 :])
            except InvalidObject:
                continue


def archive(path: Path, *entries: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out", "C:\\out", "a\\..\\..\\out"])
def test_a_name_that_leads_out_of_a_zip_is_refused(tmp_path: Path, name: str) -> None:
    """The whole file, in words; nothing is unpacked anywhere."""
    path = archive(tmp_path / "x.zip", ("good", DICOM), (name, DICOM))
    with pytest.raises(OperatorRefused, match="leads out"), opened_medium(path):
        raise AssertionError
    assert sorted(tmp_path.rglob("*")) == [path]


@pytest.mark.slow
def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    """By what its directory says; and by entries that lie over each other."""
    path = tmp_path / "bomb.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made,
        made.open("x", "w") as entry,
    ):
        for _ in range(1200):
            entry.write(bytes(1024 * 1024))
    with pytest.raises(OperatorRefused, match="says that it becomes"), opened_medium(path):
        raise AssertionError
    whole = bytearray(
        archive(tmp_path / "y.zip", ("a", DICOM * 90), ("b", DICOM * 90)).read_bytes()
    )
    central = whole.index(b"PK\x01\x02")
    struct.pack_into("<I", whole, central + 20, 2**31)
    (tmp_path / "y.zip").write_bytes(whole)
    with (
        pytest.raises(OperatorRefused, match="says that it becomes"),
        opened_medium(tmp_path / "y.zip"),
    ):
        raise AssertionError


def test_what_is_no_medium_is_said(tmp_path: Path) -> None:
    """No such path; and a file that is no ZIP."""
    with pytest.raises(UsageError, match="there is no folder"), opened_medium(tmp_path / "x"):
        raise AssertionError
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(OperatorRefused, match="not a ZIP file"), opened_medium(tmp_path / "x"):
        raise AssertionError


def test_one_files_failure_is_its_own(tmp_path: Path) -> None:
    """A damaged entry, a file that is not DICOM and a refusal are counted; the others come in."""
    path = archive(
        tmp_path / "m.zip",
        ("1", DICOM),
        ("2", b"text"),
        ("3", DICOM + bytes(range(256)) * 40),
        ("4", DICOM + b"bad"),
        ("5", DICOM),
    )
    whole = bytearray(path.read_bytes())
    third = whole.index(
        b"PK\x03\x04", whole.index(b"PK\x03\x04", whole.index(b"PK\x03\x04") + 1) + 1
    )
    whole[third + 60 : third + 70] = b"\xff" * 10
    path.write_bytes(whole)
    came: list[bytes] = []

    def take(pieces: Iterator[bytes]) -> TakenFile:
        content = b"".join(pieces)
        if content.endswith(b"bad"):
            return TakenFile(taken=Taken.REFUSED, why="bad")
        came.append(content)
        return TakenFile(taken=Taken.STORED)

    with opened_medium(path) as found:
        done = import_files(found.files, len(found.files), take)
    assert done.counts == {
        Taken.STORED: 2,
        Taken.NOT_DICOM: 1,
        Taken.UNREADABLE: 1,
        Taken.REFUSED: 1,
    }
    assert [name for name, _ in done.failures] == ["3", "4"]
    assert came == [DICOM, DICOM]
    assert done.failed == 2


def test_the_sample_is_what_others_write() -> None:
    """The names of the directory that the tests above damage."""
    assert encoded(dataset(1))
    assert named_files(directory(dataset(1))) == (tuple(_NAMES.format(1).split("\\")),)
