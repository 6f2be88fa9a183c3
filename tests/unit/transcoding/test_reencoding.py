"""Re-encoding between the two uncompressed little endian syntaxes keeps every value."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
from pydicom.filereader import read_dataset, read_preamble

from echonode.at_rest.writing import Scratch
from echonode.errors import ContextNotAccepted, InvalidObject
from echonode.model.instance import StoredInstance
from echonode.transcoding.native_syntax import MOST_NESTED, reencode
from echonode.transcoding.reencoder import Reencoder

IMPLICIT, EXPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
MPEG4 = "1.2.840.10008.1.2.4.102"


def stored(path: Path, syntax: str, *, offset: int = 0) -> StoredInstance:
    return StoredInstance(
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.3.4",
        series_instance_uid="1.2.3.5",
        transfer_syntax_uid=syntax,
        path=path,
        size=path.stat().st_size,
        dataset_offset=offset,
        dataset_sha256="00",
    )


def converted(data: bytes, *, from_implicit: bool, to_implicit: bool) -> bytes:
    written = bytearray()
    reencode(memoryview(data), written.extend, from_implicit=from_implicit, to_implicit=to_implicit)
    return bytes(written)


def to_implicit(data: bytes) -> bytes:
    return converted(data, from_implicit=False, to_implicit=True)


def to_explicit(data: bytes) -> bytes:
    return converted(data, from_implicit=True, to_implicit=False)


def parsed(data: bytes, *, implicit: bool) -> pydicom.Dataset:
    return read_dataset(BytesIO(data), implicit, True)


def dataset_offset(path: Path) -> int:
    with path.open("rb") as file:
        read_preamble(file, False)
        tag, _, length = file.read(4), file.read(4), struct.unpack("<I", file.read(4))[0]
        assert tag == b"\x02\0\0\0"  # File Meta Information Group Length
        return file.tell() + int(length)


def element(tag: int, vr: str, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


@pytest.mark.filterwarnings("ignore:Invalid value", "ignore:The value length")
@pytest.mark.parametrize(
    ("name", "syntax", "wanted"),
    [
        ("ct_small.dcm", EXPLICIT, IMPLICIT),
        ("mr_small.dcm", EXPLICIT, IMPLICIT),
        ("mr_implicit.dcm", IMPLICIT, EXPLICIT),
        ("sr_test.dcm", EXPLICIT, IMPLICIT),
        ("ecg_12lead.dcm", EXPLICIT, IMPLICIT),
        ("sr_tid1500.dcm", EXPLICIT, IMPLICIT),
    ],
)
def test_a_real_file_keeps_every_value(
    shared_data: Path, tmp_path: Path, name: str, syntax: str, wanted: str
) -> None:
    """Element by element the re-encoded dataset is the stored one, pixels and nested items too;
    there and back again gives the same bytes, and the temporary file is gone once it was sent."""
    path = shared_data / "other" / name
    real = pydicom.dcmread(path, force=True)
    if real.file_meta.get("TransferSyntaxUID") != syntax:
        pytest.skip(f"{name} is not in {syntax}")
    offset = dataset_offset(path)
    with Reencoder(Scratch(tmp_path)).lossless(stored(path, syntax, offset=offset), wanted) as file:
        assert (file.transfer_syntax_uid, file.dataset_offset) == (wanted, 0)
        data = file.path.read_bytes()
        assert file.size == len(data)
    assert not list(tmp_path.iterdir())
    original = parsed(path.read_bytes()[offset:], implicit=syntax == IMPLICIT)
    for tag in [tag for tag in original.keys() if tag.element == 0]:  # noqa: SIM118 - not values
        del original[tag]
    again = parsed(data, implicit=wanted == IMPLICIT)
    for dataset in (original, again):
        dataset.remove_private_tags()  # their VR is UN on one side; there and back covers them
    assert again == original
    back = converted(data, from_implicit=wanted == IMPLICIT, to_implicit=syntax == IMPLICIT)
    there = converted(back, from_implicit=syntax == IMPLICIT, to_implicit=wanted == IMPLICIT)
    assert there == data


def test_values_are_copied_whatever_they_are() -> None:
    """An invalid number, an odd VR and a private element arrive as they were stored."""
    data = (
        element(0x00091001, "UN", b"\x01\x02")[:6]  # UN has the long header
        + struct.pack("<HI", 0, 2)
        + b"\x01\x02"
        + element(0x00200013, "IS", b"?x")
        + element(0x00280010, "US", b"\x10\x00")
    )
    implicit = to_implicit(data)
    read = parsed(implicit, implicit=True)
    assert [read.get_item(tag).value for tag in (0x00091001, 0x00200013)] == [b"\x01\x02", b"?x"]
    assert to_explicit(implicit) == data


@pytest.mark.parametrize(("representation", "vr"), [(0, b"US"), (1, b"SS")])
def test_ambiguous_vrs_follow_pixel_representation(representation: int, vr: bytes) -> None:
    """Smallest Image Pixel Value is US or SS as the pixels are."""
    implicit = struct.pack("<HHIH", 0x28, 0x103, 2, representation)
    implicit += struct.pack("<HHIh", 0x28, 0x106, 2, -1)
    assert to_explicit(implicit)[14:16] == vr


def test_an_un_of_undefined_length_holds_implicit_items() -> None:
    """In either syntax (PS3.5 6.2.2, note 4)."""
    items = (
        struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
        + struct.pack("<HHI", 0x0008, 0x0060, 2)
        + b"US"
        + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
        + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    )
    explicit = struct.pack("<HH2sHI", 0x0009, 0x1010, b"UN", 0, 0xFFFFFFFF) + items
    assert to_implicit(explicit) == struct.pack("<HHI", 0x0009, 0x1010, 0xFFFFFFFF) + items


def test_a_value_too_long_for_its_vr_becomes_un() -> None:
    """A 16 bit length cannot say 70,000; UN can, and loses nothing (PS3.5 6.2.2)."""
    implicit = struct.pack("<HHI", 0x0008, 0x0018, 70_000) + b"1" * 70_000
    explicit = to_explicit(implicit)
    assert explicit[4:6] == b"UN"
    assert to_implicit(explicit) == implicit


def test_group_lengths_are_left_out() -> None:
    """They would be wrong in the other syntax (PS3.5 7.2)."""
    data = element(0x00080000, "UL", b"\x0a\0\0\0") + element(0x00080060, "CS", b"US")
    assert to_implicit(data) == struct.pack("<HHI", 8, 0x60, 2) + b"US"


MODALITY = struct.pack("<HHI", 8, 0x60, 0)


def sequence(length: int) -> bytes:
    return struct.pack("<HHI", 8, 0x1140, length)


def item(length: int) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, length)


@pytest.mark.parametrize(
    "data",
    [
        b"\x08\x00",
        struct.pack("<HHI", 8, 0x60, 4) + b"US",
        sequence(50) + item(0),
        sequence(8) + MODALITY,
        sequence(8) + item(8) + MODALITY,
        sequence(16) + item(8) + sequence(8) + item(0) + MODALITY,
        struct.pack("<HHI", 0x7FE0, 0x10, 0xFFFFFFFF),
        (sequence(0xFFFFFFFF) + item(0xFFFFFFFF)) * (MOST_NESTED + 1),
    ],
    ids=["header", "value", "sequence", "no item", "item", "nested", "encapsulated", "depth"],
)
def test_bytes_that_are_no_dataset_are_refused(data: bytes) -> None:
    """Lengths beyond their place, strange items, endless nesting: InvalidObject, and no more."""
    with pytest.raises(InvalidObject):
        to_explicit(data)


@pytest.mark.parametrize(("syntax", "wanted"), [(MPEG4, EXPLICIT), (EXPLICIT, JPEG)])
def test_what_cannot_be_decoded_or_would_lose_something_is_not_reencoded(
    tmp_path: Path, syntax: str, wanted: str
) -> None:
    """The receiver's refusal stands; no file is read or written."""
    path = tmp_path / "a.dcm"
    path.write_bytes(b"")
    with (
        pytest.raises(ContextNotAccepted),
        Reencoder(Scratch(tmp_path / "nowhere")).lossless(stored(path, syntax), wanted),
    ):
        pass
