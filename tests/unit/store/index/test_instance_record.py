"""What the index keeps of a dataset, from real files and from awkward ones."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from echonode.errors import Mismatch, Unreadable
from echonode.store.index.dataset_header import read_head
from echonode.store.index.instance_record import record_of
from tests.unit.store.samples import EXPLICIT_LE, dataset, encoded


def raw(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(data), force=True)


def test_values_are_kept_as_strings_without_padding() -> None:
    """Every attribute comes as its DICOM string; several values are joined by backslashes."""
    found = record_of(
        raw(encoded(dataset(3, NumberOfFrames="12 ", PatientSize="1.7"))), EXPLICIT_LE
    )
    assert found.sop_instance_uid == "1.2.3.4.3"
    assert found.frames == 12
    assert found.patient["PatientName"] == "Doe^Jane"
    assert found.study["PatientSize"] == "1.7"
    assert found.image["ImageType"] == "ORIGINAL\\PRIMARY"
    assert (found.image["Rows"], found.image["BitsAllocated"]) == ("2", "8")
    assert "ContentDate" not in found.image


def test_a_dataset_in_memory_gives_the_same_record_as_its_bytes() -> None:
    """What objects/ builds and what a peer sends are indexed alike."""
    assert record_of(dataset(3), EXPLICIT_LE) == record_of(raw(encoded(dataset(3))), EXPLICIT_LE)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("charset_chrArab.dcm", "قباني^لنزار"),
        ("charset_chrFrenMulti.dcm", "Buc^Jérôme"),
        ("charset_chrGreek.dcm", "Διονυσιος"),
        ("charset_chrH31.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("charset_chrH32.dcm", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("charset_chrHbrw.dcm", "שרון^דבורה"),
        ("charset_chrI2.dcm", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("charset_chrKoreanMulti.dcm", "김희중"),
        ("charset_chrRuss.dcm", "Люкceмбypг"),  # noqa: RUF001  # with Latin c, e, y: as in the file
        ("charset_chrX1.dcm", "Wang^XiaoDong=王^小東="),
        ("charset_chrX2.dcm", "Wang^XiaoDong=王^小东="),
    ],
)
def test_names_are_decoded_by_their_own_character_set(
    shared_data: Path, file: str, name: str
) -> None:
    """Real files in eleven character sets, code extensions among them."""
    found = record_of(pydicom.dcmread(shared_data / "other" / file), EXPLICIT_LE)
    assert found.patient["PatientName"] == name


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # "ISO-IR 100" and the like
def test_every_real_ultrasound_file_can_be_indexed(shared_data: Path) -> None:
    """Sixteen vendors' files: each gives a record, with pydicom's own word for the main values."""
    for path in sorted((shared_data / "us").glob("*.dcm")):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        whole = path.read_bytes()
        offset = 144 + int.from_bytes(whole[140:144], "little")
        syntax = str(ds.file_meta.TransferSyntaxUID)
        found = record_of(read_head(path, offset, syntax), syntax)
        assert found.sop_instance_uid == ds.SOPInstanceUID
        assert found.image["Rows"] == str(ds.Rows)
        assert found.frames == int(ds.get("NumberOfFrames") or 1)
        assert found.study.get("StudyDate", "") == ds.get("StudyDate", "")


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", [None, "", "..", "1.02.3", "1.2/../3", "9" * 65])
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # it says what is wrong with our UIDs
def test_the_uids_that_the_index_stands_on_must_be_uids(keyword: str, value: str | None) -> None:
    """Missing, empty or malformed: refused, and the value is not repeated in the error."""
    with pytest.raises(Mismatch, match=keyword):
        record_of(raw(encoded(dataset(1, **{keyword: value}))), EXPLICIT_LE)


def test_values_that_are_not_of_their_vr_are_kept_as_sent() -> None:
    """A date of no calendar and a number with letters are real; they neither fail nor vanish."""
    data = (
        encoded(dataset(1))
        .replace(b"19700102", b"01/02/70")
        .replace(b"IS\x02\x001 ", b"IS\x02\x00x ")
    )
    found = record_of(raw(data), EXPLICIT_LE)
    assert found.patient["PatientBirthDate"] == "01/02/70"
    assert found.image["InstanceNumber"] == "x"


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # it says that our value is absurd
def test_a_value_of_absurd_length_is_not_read(tmp_path: Path) -> None:
    """A megabyte in Patient Comments costs no memory and leaves the rest in place."""
    path = tmp_path / "long.dcm"
    ds = dataset(1, PatientComments="x" * 1_000_000)
    path.write_bytes(encoded(ds, ImplicitVRLittleEndian))
    found = record_of(read_head(path, 0, ImplicitVRLittleEndian), ImplicitVRLittleEndian)
    assert "PatientComments" not in found.patient
    assert found.patient["PatientName"] == "Doe^Jane"


def test_a_tower_of_sequences_is_refused_without_a_crash(tmp_path: Path) -> None:
    """Nesting deeper than Python's stack is unreadable, not the end of the node."""
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    sequence = b"\x08\x00\x40\x11" + b"\xff\xff\xff\xff"
    path = tmp_path / "deep.dcm"
    path.write_bytes((sequence + item) * 20_000)
    with pytest.raises(Unreadable):
        read_head(path, 0, ImplicitVRLittleEndian)
