"""Frames are found where they lie, in files of every kind that devices write."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dicomweb.description import describe, frames_of
from echonode.model.frame_index import FrameIndex
from echonode.model.instance import StoredInstance
from tests.unit.dicomweb.samples import stored, written

JPEG = "1.2.840.10008.1.2.4.50"
RLE = "1.2.840.10008.1.2.5"


def image(frames: int | None = 1, *, bits: int = 8, samples: int = 1) -> Dataset:
    ds = Dataset()
    ds.SamplesPerPixel = samples
    ds.PhotometricInterpretation = "MONOCHROME2" if samples == 1 else "RGB"
    if frames is not None:
        ds.NumberOfFrames = frames
    ds.Rows, ds.Columns, ds.BitsAllocated = 3, 5, bits
    return ds


def frames_in(instance: StoredInstance) -> list[bytes] | None:
    """Each frame, read at its places."""
    index = frames_of(instance)
    if index is None:
        return None
    assert describe(instance).frames == index.encoded
    content = instance.path.read_bytes()
    return [
        b"".join(content[at : at + length] for at, length in index.extents(number))
        for number in range(1, index.count + 1)
    ]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
@pytest.mark.parametrize(
    ("frames", "bits", "samples"), [(1, 8, 1), (7, 16, 1), (4, 8, 3), (3, 32, 1)]
)
def test_native_frames(tmp_path: Path, syntax: str, frames: int, bits: int, samples: int) -> None:
    """They stand behind each other."""
    ds = image(frames, bits=bits, samples=samples)
    size = 15 * samples * bits // 8
    wanted = [bytes([number + 1]) * size for number in range(frames)]
    ds.PixelData = b"".join(wanted) + b"\0" * (size * frames % 2)
    ds["PixelData"].VR = "OW"
    assert frames_in(written(tmp_path, ds, syntax)) == wanted


def test_native_pixels_that_are_too_few_have_no_frames(tmp_path: Path) -> None:
    """Nothing is served in the place of what is missing."""
    ds = image(3)
    ds.PixelData = bytes(44)
    ds["PixelData"].VR = "OB"
    assert frames_in(written(tmp_path, ds)) is None


def test_frames_that_do_not_begin_at_bytes(tmp_path: Path) -> None:
    """One frame of single bits is served, several are not."""
    ds = image(1, bits=1)
    ds.PixelData = b"\xaa\x55"
    ds["PixelData"].VR = "OB"
    assert frames_in(written(tmp_path, ds)) == [b"\xaa\x55"]
    ds.NumberOfFrames = 2
    ds.PixelData = bytes(4)
    assert frames_in(written(tmp_path, ds)) is None


def encapsulated(
    folder: Path,
    ds: Dataset,
    fragments: Sequence[bytes],
    *,
    syntax: str,
    basic: bytes = b"",
    extended: bytes = b"",
    ends: bool = True,
) -> StoredInstance:
    """A file whose Pixel Data has these fragments and tables."""
    plain = written(folder, ds, syntax)
    content = plain.path.read_bytes()
    if extended:
        content += struct.pack("<HH2sHI", 0x7FE0, 0x0001, b"OV", 0, len(extended)) + extended
    content += b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
    for value in (basic, *fragments):
        content += b"\xfe\xff\x00\xe0" + struct.pack("<I", len(value)) + value
    if ends:
        content += b"\xfe\xff\xdd\xe0" + bytes(4)
    return stored(folder, content, plain.dataset_offset, syntax)


def test_a_fragment_for_each_frame(tmp_path: Path) -> None:
    """Without any table."""
    fragments = [b"aa", b"bbbb", b"cc"]
    instance = encapsulated(tmp_path, image(3), fragments, syntax=RLE)
    assert frames_in(instance) == fragments


def test_one_frame_in_several_fragments(tmp_path: Path) -> None:
    """All of them are the frame; Number of Frames may be missing."""
    instance = encapsulated(tmp_path, image(None), [b"aa", b"bbbb"], syntax=JPEG)
    assert frames_in(instance) == [b"aabbbb"]


def test_the_basic_offset_table_says_where_frames_begin(tmp_path: Path) -> None:
    """Each frame is several fragments."""
    fragments = [b"aa", b"bb", b"cc", b"dddd", b"ee"]
    basic = struct.pack("<2I", 0, 10 + 10)
    instance = encapsulated(tmp_path, image(2), fragments, syntax=JPEG, basic=basic)
    assert frames_in(instance) == [b"aabb", b"ccddddee"]


def test_the_extended_offset_table_counts_more(tmp_path: Path) -> None:
    """Where there is one, the other is empty (PS3.3 C.7.6.3.1.8)."""
    fragments = [b"aa", b"bb", b"cc", b"dd"]
    extended = struct.pack("<3Q", 0, 10, 30)
    instance = encapsulated(tmp_path, image(3), fragments, syntax=JPEG, extended=extended)
    assert frames_in(instance) == [b"aa", b"bbcc", b"dd"]


def test_without_tables_the_codestreams_say_where_they_begin(tmp_path: Path) -> None:
    """A fragment that begins with a marker begins a frame."""
    start = b"\xff\xd8\xff\xe0"
    fragments = [start + b"aa", b"bb", start + b"cc", b"dd", b"ee"]
    instance = encapsulated(tmp_path, image(2), fragments, syntax=JPEG)
    assert frames_in(instance) == [start + b"aabb", start + b"ccddee"]


@pytest.mark.parametrize(
    ("frames", "fragments", "ends"),
    [(3, [b"aa", b"bb"], True), (2, [b"aa", b"bb", b"cc"], True), (2, [], True), (1, [], False)],
)
def test_fragments_that_do_not_fit_have_no_frames(
    tmp_path: Path, frames: int, fragments: list[bytes], ends: bool
) -> None:
    """Metadata is answered all the same."""
    instance = encapsulated(tmp_path, image(frames), fragments, syntax=JPEG, ends=ends)
    assert frames_in(instance) is None
    assert describe(instance).metadata


def test_any_cut_of_the_pixels_ends_well(tmp_path: Path) -> None:
    """A file that ends within its pixels has the frames it says, or none."""
    fragments = [b"aa", b"bbbb", b"cc"]
    whole = encapsulated(
        tmp_path, image(3), fragments, syntax=RLE, basic=struct.pack("<3I", 0, 10, 22)
    )
    content = whole.path.read_bytes()
    for length in range(len(content) - 60, len(content)):
        cut = stored(tmp_path, content[:length], whole.dataset_offset, RLE)
        assert frames_in(cut) in (None, fragments)


def test_an_instance_without_pixels_has_no_frames(tmp_path: Path) -> None:
    """A report, for example."""
    ds = Dataset()
    ds.Modality = "SR"
    instance = written(tmp_path, ds)
    assert frames_in(instance) is None
    assert describe(instance).frames == b""


def test_a_frame_that_is_not_there(tmp_path: Path) -> None:
    """Numbers begin with 1."""
    index = FrameIndex.native(offset=10, length=5, count=2)
    assert index.extents(2) == ((15, 5),)
    for number in (0, 3, -1):
        with pytest.raises(IndexError):
            index.extents(number)
