"""Pixels encoded and decoded: what changes in a dataset, what does not, and what is refused."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.errors import InvalidObject
from echonode.transcoding import codecs
from echonode.transcoding.codecs import (
    JPEG_2000_REVERSIBLE,
    JPEG_BASELINE,
    JPEG_LS,
    LOSSLESS_ENCODED,
    RLE,
)
from echonode.transcoding.dataset import (
    Source,
    changed_attributes,
    derived_uid,
    open_source,
    target_pixels,
    write_head,
)
from echonode.transcoding.fragments import fragment, frames_in
from echonode.transcoding.pixel_layout import Pixels

SOI = b"\xff\xd8\xff"
COLOUR = Pixels(
    rows=8, columns=10, samples=3, bits_allocated=8, bits_stored=8, frames=2, photometric="RGB"
)
GREY = dataclasses.replace(COLOUR, samples=1, photometric="MONOCHROME2")


def dataset_of(pixels: Pixels, *, implicit: bool = False, **more: object) -> memoryview:
    """A dataset with those pixels, all of them 7, and whatever is given by keyword."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.3"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    ds.PatientName = "A^B"
    ds.NumberOfFrames = pixels.frames
    ds.Rows, ds.Columns, ds.SamplesPerPixel = pixels.rows, pixels.columns, pixels.samples
    ds.PhotometricInterpretation = pixels.photometric
    if pixels.samples == 3:
        ds.PlanarConfiguration = int(pixels.planar)
    ds.BitsAllocated, ds.BitsStored = pixels.bits_allocated, pixels.bits_stored
    ds.HighBit, ds.PixelRepresentation = pixels.bits_stored - 1, int(pixels.signed)
    ds.LossyImageCompression = "00"
    ds.PixelData = b"\x07" * pixels.native_bytes
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, implicit
    ds["PixelData"].VR = "OW" if implicit or pixels.bits_allocated > 8 else "OB"
    write_dataset(target, ds)
    return memoryview(target.getvalue())


def head_of(source: Source, syntax: str, *, quality: int = 0, length: int = 100) -> Dataset:
    """The dataset that would be written, without its pixels."""
    written = bytearray()
    changed = changed_attributes(source, syntax, quality=quality, encoded_bytes=length)
    implicit = syntax == ImplicitVRLittleEndian
    write_head(source, written.extend, changed, to_implicit=implicit)
    return read_dataset(BytesIO(bytes(written)), implicit, True)


@pytest.mark.parametrize(
    ("syntax", "photometric", "planar"),
    [
        (RLE, "RGB", 1),
        (JPEG_LS, "RGB", 0),
        (JPEG_2000_REVERSIBLE, "YBR_RCT", 0),
        (JPEG_BASELINE, "YBR_FULL_422", 0),
    ],
)
def test_photometric_interpretation_follows_the_bytes(
    syntax: str, photometric: str, planar: int
) -> None:
    """RGB with RLE and JPEG-LS, YBR_RCT with reversible JPEG 2000, YBR_FULL_422 with JPEG."""
    head = head_of(open_source(dataset_of(COLOUR), ExplicitVRLittleEndian), syntax, quality=90)
    assert (head.PhotometricInterpretation, head.PlanarConfiguration) == (photometric, planar)
    grey = head_of(open_source(dataset_of(GREY), ExplicitVRLittleEndian), syntax, quality=90)
    assert grey.PhotometricInterpretation == "MONOCHROME2"
    assert "PlanarConfiguration" not in grey


@pytest.mark.parametrize("syntax", LOSSLESS_ENCODED)
@pytest.mark.parametrize("implicit", [False, True])
def test_without_loss_nothing_else_changes(syntax: str, implicit: bool) -> None:
    """The UID stays, and so does every attribute that does not describe the encoding."""
    data = dataset_of(COLOUR, implicit=implicit)
    source = open_source(data, ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
    before = read_dataset(BytesIO(data), implicit, True)
    head = head_of(source, syntax)
    for keyword in ("PixelData", "PhotometricInterpretation", "PlanarConfiguration"):
        for ds in (before, head):
            ds.pop(keyword, None)
    assert head == before


def test_with_loss_it_is_another_instance_and_says_so() -> None:
    """New UID, always the same; DERIVED; where it came from; and how much was lost, after what was
    lost before.
    """
    earlier: dict[str, Any] = {
        "LossyImageCompressionRatio": "10",
        "LossyImageCompressionMethod": "ISO_15444_1",
    }
    source = open_source(dataset_of(COLOUR, **earlier), ExplicitVRLittleEndian)
    head = head_of(source, JPEG_BASELINE, quality=90, length=COLOUR.native_bytes // 4)
    assert head.SOPInstanceUID == derived_uid("1.2.3", JPEG_BASELINE, 90) != "1.2.3"
    assert derived_uid("1.2.3", JPEG_BASELINE, 80) != head.SOPInstanceUID
    assert head.ImageType == ["DERIVED", "PRIMARY", "", "0001"]
    assert head.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    assert head.LossyImageCompression == "01"
    assert head.LossyImageCompressionRatio == [10, 4]
    assert head.LossyImageCompressionMethod == ["ISO_15444_1", "ISO_10918_1"]
    assert head.PatientName == "A^B"
    tags = [int(tag) for tag in head.keys()]  # noqa: SIM118 - not the values
    assert tags == sorted(tags)


def test_what_was_once_compressed_with_loss_says_so_when_it_is_decoded() -> None:
    """A JPEG whose sender said nothing of it is declared once its pixels are uncompressed."""
    jpeg = encapsulated(COLOUR, JPEG_BASELINE, "YBR_FULL_422")
    source = open_source(jpeg, JPEG_BASELINE)
    head = head_of(source, ExplicitVRLittleEndian)
    assert head.SOPInstanceUID == "1.2.3"
    assert (head.PhotometricInterpretation, head.LossyImageCompression) == ("RGB", "01")
    assert head.LossyImageCompressionMethod == "ISO_10918_1"


def encapsulated(pixels: Pixels, syntax: str, photometric: str) -> memoryview:
    """The same dataset with its frames encoded."""
    native = bytes(dataset_of(dataclasses.replace(pixels, photometric=photometric)))
    start = native.index(b"\xe0\x7f\x10\x00")
    frame = codecs.encode(b"\x07" * pixels.frame_bytes, pixels, syntax, 90)
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) + fragment(frame) * pixels.frames
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    header = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff"
    return memoryview(native[:start] + header + items + end)


@pytest.mark.slow
@pytest.mark.parametrize("syntax", LOSSLESS_ENCODED)
@given(data=st.data())
def test_what_is_encoded_without_loss_comes_back(syntax: str, data: st.DataObject) -> None:
    """Any size, 1 or 3 samples, 8 or 16 bits, colour by pixel or by plane: equal in every bit."""
    least = 32 if syntax == JPEG_2000_REVERSIBLE else 16  # of their wavelet levels and buffers
    bits = data.draw(st.sampled_from([8, 12, 16]))
    pixels = Pixels(
        rows=data.draw(st.integers(least, 48)),
        columns=data.draw(st.integers(least, 48)),
        samples=data.draw(st.sampled_from([1, 3])),
        bits_allocated=8 if bits == 8 else 16,
        bits_stored=bits,
        frames=1,
        photometric="RGB",
        planar=data.draw(st.booleans()),
    )
    pixels = dataclasses.replace(
        pixels, photometric="RGB" if pixels.samples == 3 else "MONOCHROME2"
    )
    count = pixels.rows * pixels.columns * pixels.samples
    seed = data.draw(st.integers(0, 100))
    values = np.random.default_rng(seed).integers(0, 2**bits, count)
    native = values.astype(f"<u{pixels.bits_allocated // 8}")
    by_pixel = native
    if pixels.samples == 3 and pixels.planar:
        by_pixel = native.reshape(3, -1).T.ravel()
    stream = codecs.encode(native.tobytes(), pixels, syntax)
    assert codecs.decode(stream, pixels, syntax) == by_pixel.tobytes()


def test_jpeg_that_is_rgb_stays_rgb() -> None:
    """Where the dataset says RGB, the decoder does not turn the colours as if it were YBR."""
    frame = np.full((16, 16, 3), (200, 40, 90), np.uint8).tobytes()
    pixels = dataclasses.replace(COLOUR, rows=16, columns=16, frames=1)
    stream = codecs.encode(frame, pixels, JPEG_BASELINE, 100)
    stream = stream[:2] + stream[20:]  # without the JFIF segment, which alone would say YBR
    as_ybr = dataclasses.replace(pixels, photometric="YBR_FULL_422")
    turned = np.frombuffer(codecs.decode(stream, as_ybr, JPEG_BASELINE), np.uint8)
    kept = np.frombuffer(codecs.decode(stream, pixels, JPEG_BASELINE), np.uint8)
    assert np.abs(turned.reshape(-1, 3) - np.array([200, 40, 90], float)).max() < 4
    assert np.abs(kept.reshape(-1, 3) - np.array([200, 40, 90], float)).max() > 30


@pytest.mark.parametrize(
    ("changes", "syntax"),
    [
        ({"photometric": "YBR_FULL_422"}, JPEG_LS),
        ({"photometric": "YBR_FULL_422"}, RLE),
        ({"photometric": "YBR_FULL"}, JPEG_BASELINE),
        ({"photometric": "PALETTE COLOR", "samples": 1}, JPEG_BASELINE),
        ({"photometric": "MONOCHROME2", "samples": 1, "bits_allocated": 16}, JPEG_BASELINE),
        ({"photometric": "MONOCHROME2", "samples": 1, "signed": True}, JPEG_LS),
    ],
)
def test_pixels_that_do_not_fit_are_refused(changes: dict[str, object], syntax: str) -> None:
    """Better not re-encoded, and sent otherwise or held, than wrong."""
    pixels = dataclasses.replace(COLOUR, **changes)  # type: ignore[arg-type]
    source = open_source(dataset_of(pixels), ExplicitVRLittleEndian)
    with pytest.raises(InvalidObject):
        target_pixels(source, syntax)


@pytest.mark.parametrize(
    "damage",
    [
        {"Rows": 20_000},
        {"PhotometricInterpretation": None},
        {"BitsAllocated": 32},
        {"SamplesPerPixel": 4},
        {"NumberOfFrames": 4000},
    ],
)
def test_datasets_that_contradict_themselves_are_refused(damage: dict[str, Any]) -> None:
    """More pixels promised than there are, a module with holes: InvalidObject, nothing else."""
    with pytest.raises(InvalidObject):
        open_source(dataset_of(COLOUR, **damage), ExplicitVRLittleEndian)


def test_every_cut_of_a_dataset_is_refused() -> None:
    """A file that ends early is never sent as if it were whole."""
    data = encapsulated(COLOUR, RLE, "RGB")
    for length in range(0, len(data) - 8, 7):
        with pytest.raises(InvalidObject):
            decoded_whole(data[:length])


def decoded_whole(data: memoryview) -> list[bytes]:
    source = open_source(data, RLE)
    return [codecs.decode(frame, source.pixels, RLE) for frame in source.frames()]


def items(*values: bytes) -> Iterator[bytes]:
    for value in values:
        yield struct.pack("<HHI", 0xFFFE, 0xE000, len(value)) + value


@pytest.mark.parametrize(
    ("table", "fragments", "frames", "found"),
    [
        (b"", [b"aaaa", b"bb"], 2, [b"aaaa", b"bb"]),
        (b"", [b"aaaa", b"bb"], 1, [b"aaaabb"]),
        (struct.pack("<2I", 0, 22), [b"aaaa", b"bb", b"cc"], 2, [b"aaaabb", b"cc"]),
        (b"", [SOI + b"1", b"22", SOI + b"3"], 2, [SOI + b"122", SOI + b"3"]),
        (b"", [b"aa", b"bb", b"cc"], 2, None),
        (struct.pack("<2I", 0, 9), [b"aaaa", b"bb", b"cc"], 2, None),
    ],
)
def test_fragments_become_frames(
    table: bytes, fragments: list[bytes], frames: int, found: list[bytes] | None
) -> None:
    """By their number, by the offset table, by the codestreams' beginnings; never by guessing."""
    data = memoryview(b"".join(items(table, *fragments)))
    if found is not None:
        assert list(frames_in(data, frames, longest=100)) == found
        return
    with pytest.raises(InvalidObject):
        list(frames_in(data, frames, longest=100))


def test_a_codestream_is_not_longer_than_what_it_stands_for() -> None:
    """Gigabytes of one frame are refused before they are put together."""
    data = memoryview(b"".join(items(b"", *[b"aa"] * 51)))
    with pytest.raises(InvalidObject, match="longer"):
        list(frames_in(data, 1, longest=100))


@pytest.mark.slow
def test_many_fragments_are_found_and_too_many_refused() -> None:
    """100,000 frames by their offset table take no more than their number; then it ends."""
    count = 100_000
    offsets = struct.pack(f"<{count}I", *range(0, 20 * count, 20))
    pairs = b"".join(items(*[b"aa"] * (2 * count)))
    frames = frames_in(memoryview(b"".join(items(offsets)) + pairs), count, longest=100)
    assert sum(1 for _ in frames) == count
    with pytest.raises(InvalidObject, match="fragments"):
        list(frames_in(memoryview(b"".join(items(*[b""] * 250_001))), 1, longest=100))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"\x28\x00\x04\x00CS", b"\x28\x00\x04\x00CR"),  # Photometric Interpretation
        (b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00ZZ"),  # Rows
        (b"\x28\x00\x10\x00US", b"\x28\x00\x10\x00AT"),
        (b"\x08\x00\x08\x00CS", b"\x08\x00\x08\x00QQ"),  # Image Type
        (b"\x28\x00\x08\x00IS\x02\x002 ", b"\x28\x00\x08\x00IS\x02\x00x "),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # that the value is none of its VR
def test_an_attribute_that_no_library_can_read_is_that_instances_fault(
    good: bytes, bad: bytes
) -> None:
    """A VR that does not exist, or a value that does not fit its VR: InvalidObject that names the
    attribute and quotes nothing, when it is opened and not at some later look.
    """
    data = bytes(dataset_of(COLOUR))
    assert good in data
    with pytest.raises(InvalidObject) as refused:
        open_source(memoryview(data.replace(good, bad)), ExplicitVRLittleEndian)
    assert bad[4:6].decode() not in str(refused.value).split()


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_ratio_that_is_no_number_is_left_out() -> None:
    """Devices write "12:1": the image still goes, and says what it can of its past."""
    data = bytes(dataset_of(COLOUR, LossyImageCompressionRatio="10.5"))
    source = open_source(memoryview(data.replace(b"10.5", b"12:1")), ExplicitVRLittleEndian)
    head = head_of(source, JPEG_BASELINE, quality=90, length=COLOUR.native_bytes // 4)
    assert (head.LossyImageCompression, head.LossyImageCompressionRatio) == ("01", 4)


def test_a_derived_instance_needs_to_know_what_it_is_derived_from() -> None:
    """Without its class or its UID there is nothing to name."""
    data = bytes(dataset_of(COLOUR))
    source = open_source(
        memoryview(data[data.index(b"\x08\x00\x18\x00") :]), ExplicitVRLittleEndian
    )
    with pytest.raises(InvalidObject, match="name its class"):
        changed_attributes(source, JPEG_BASELINE, quality=90, encoded_bytes=100)
