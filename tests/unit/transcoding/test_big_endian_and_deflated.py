"""Big endian and deflated datasets made little endian: every value stays what it was."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from echonode.at_rest.writing import Scratch
from echonode.errors import InvalidObject
from echonode.model.instance import StoredInstance
from echonode.transcoding.codecs import JPEG_LS
from echonode.transcoding.inflated import inflate
from echonode.transcoding.native_syntax import reencode
from echonode.transcoding.reencoder import Reencoder

IMPLICIT, EXPLICIT, BIG_ENDIAN = (f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2"))
DEFLATED = "1.2.840.10008.1.2.1.99"


def every_vr() -> Dataset:
    """A value of each VR that has an order of bytes, in a sequence too, and private ones."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "1.2.3"
    for element, (vr, value) in enumerate(
        [
            ("AT", [0x00100010, 0x7FE00010]),
            ("US", [1, 0xFF00]),
            ("SS", [-2, 300]),
            ("UL", [1, 0xFF000000]),
            ("SL", [-3, 70_000]),
            ("FL", [1.5, -2.25]),
            ("FD", [1.1, -2e300]),
            ("OB", b"\1\2\3\4"),
            ("OW", b"\1\2\3\4"),
            ("OL", b"\1\2\3\4"),
            ("OF", b"\1\2\3\4"),
            ("OD", b"\1\2\3\4\5\6\7\x08"),
            ("OV", b"\1\2\3\4\5\6\7\x08"),
            ("SV", [-(2**40), 5]),
            ("UV", [2**63 + 1, 5]),
            ("UN", b"\1\2\3\4"),
            ("LO", "text"),
            ("IS", "12"),
        ]
    ):
        ds.add_new(0x00111000 + element, vr, value)
    ds.add_new(0x00110010, "LO", "ECHONODE TEST")
    item = Dataset()
    item.Rows, item.RedPaletteColorLookupTableDescriptor = 5, [256, 0, 16]
    item.RedPaletteColorLookupTableData = struct.pack("<4H", 1, 2, 0xFF00, 4)
    inner = Dataset()
    inner.FrameIncrementPointer, inner.DopplerSampleVolumeXPosition = 0x00181065, 7
    item.ReferencedImageSequence = [inner, Dataset()]
    ds.SourceImageSequence = [item]
    return ds


def encoded(ds: Dataset, *, big_endian: bool, implicit: bool = False) -> bytes:
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = not big_endian, implicit
    write_dataset(target, ds)
    return target.getvalue()


def turned(data: bytes, *, implicit: bool = False) -> bytes:
    written = bytearray()
    reencode(
        memoryview(data),
        written.extend,
        from_implicit=False,
        to_implicit=implicit,
        from_big_endian=True,
    )
    return bytes(written)


def read(data: bytes, *, implicit: bool = False, little: bool = True) -> Dataset:
    return read_dataset(BytesIO(data), implicit, little)


def by_words(value: bytes, unit: int) -> bytes:
    return np.frombuffer(value, f">u{unit}").astype(f"<u{unit}").tobytes()


def test_a_value_of_every_vr_stays_what_it_was() -> None:
    """Numbers and tags are equal; bytes stay bytes, words and longer units are turned."""
    big = encoded(every_vr(), big_endian=True)
    found, expected = read(turned(big)), every_vr()
    for element in expected:
        if element.VR in ("OW", "OL", "OF", "OD", "OV"):  # pydicom writes these as they are given
            unit = {"OW": 2, "OL": 4, "OF": 4}.get(element.VR, 8)
            assert found[element.tag].value == by_words(element.value, unit), element.VR
        elif element.VR != "SQ":
            assert found[element.tag].value == element.value, element.VR
    item, inner = found.SourceImageSequence[0], found.SourceImageSequence[0].ReferencedImageSequence
    assert (item.Rows, list(item.RedPaletteColorLookupTableDescriptor)) == (5, [256, 0, 16])
    assert (inner[0].FrameIncrementPointer, len(inner)) == (0x00181065, 2)


def test_implicit_vr_comes_out_as_well() -> None:
    """What only an archive of the oldest kind takes."""
    big = encoded(every_vr(), big_endian=True)
    found = read(turned(big, implicit=True), implicit=True)
    assert found.SourceImageSequence[0].Rows == 5
    assert found[0x00111001].value == struct.pack("<2H", 1, 0xFF00)  # UN: its VR is gone


def test_palettes_and_pixels_of_words_are_turned() -> None:
    """OW by words, also of 8 bit pixels, of which two share a word (PS3.5 8.1.1)."""
    header = struct.pack(">HH2sHI", 0x7FE0, 0x0010, b"OW", 0, 6)
    assert turned(header + b"\2\1\4\3\6\5")[-6:] == b"\1\2\3\4\5\6"
    assert turned(header.replace(b"OW", b"OB") + b"\2\1\4\3\6\5")[-6:] == b"\2\1\4\3\6\5"


@pytest.mark.parametrize("length", [1024 * 1024 - 2, 1024 * 1024, 3 * 1024 * 1024 + 2])
def test_long_pixels_are_turned_in_pieces(length: int) -> None:
    """Without a seam."""
    value = np.arange(length // 2, dtype=">u2").tobytes()
    header = struct.pack(">HH2sHI", 0x7FE0, 0x0010, b"OW", 0, length)
    assert turned(header + value)[12:] == by_words(value, 2)


def test_a_value_that_is_not_of_whole_units_keeps_what_is_left() -> None:
    """Odd, and real devices do it."""
    odd = struct.pack(">HH2sH", 0x0028, 0x0010, b"US", 3) + b"\1\2\3"
    assert turned(odd)[8:] == b"\2\1\3"


def test_un_stays_and_its_items_are_little_endian() -> None:
    """The units of UN are not known; of undefined length it is Implicit VR Little Endian."""
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    items += struct.pack("<HHIH", 0x0028, 0x0010, 2, 5)
    items += struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    known = struct.pack(">HH2sHI", 0x0009, 0x1001, b"UN", 0, 4) + b"\1\2\3\4"
    sequence = struct.pack(">HH2sHI", 0x0009, 0x1002, b"UN", 0, 0xFFFFFFFF) + items
    found = read(turned(known + sequence))
    assert found[0x00091001].value == b"\1\2\3\4"
    assert found[0x00091002].value[0].Rows == 5


@pytest.mark.parametrize("padding", [1, 7, 8, 9, 4000])
def test_padding_behind_the_last_element_is_left_out(padding: int) -> None:
    """As the store takes it in."""
    big = encoded(every_vr(), big_endian=True)
    assert turned(big + bytes(padding)) == turned(big)


def stored(path: Path, syntax: str, data: bytes) -> StoredInstance:
    path.write_bytes(data)
    return StoredInstance(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.3.4",
        series_instance_uid="1.2.3.5",
        transfer_syntax_uid=syntax,
        path=path,
        size=len(data),
        dataset_offset=0,
        dataset_sha256="00",
    )


def picture(*, big_endian: bool) -> bytes:
    ds = every_vr()
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 16, 16, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    order = ">" if big_endian else "<"
    ds.PixelData = np.arange(256, dtype=f"{order}u2").tobytes()
    ds["PixelData"].VR = "OW"
    return encoded(ds, big_endian=big_endian)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.slow
@pytest.mark.parametrize("wanted", [EXPLICIT, IMPLICIT, JPEG_LS])
@pytest.mark.parametrize("syntax", [BIG_ENDIAN, DEFLATED])
def test_whatever_a_receiver_takes_is_made(tmp_path: Path, syntax: str, wanted: str) -> None:
    """Uncompressed in either kind, and encoded without loss; nothing temporary stays."""
    data = picture(big_endian=syntax == BIG_ENDIAN)
    if syntax == DEFLATED:
        data = deflated(data) + b"\0"
    reencoder = Reencoder(Scratch(tmp_path))
    instance = stored(tmp_path / "a.dcm", syntax, data)
    with reencoder.lossless(instance, wanted) as file:
        assert (file.transfer_syntax_uid, file.sop_instance_uid) == (wanted, "1.2.3")
        found = read(file.path.read_bytes(), implicit=wanted == IMPLICIT)
    reencoder.close()
    assert found.SourceImageSequence[0].Rows == 5
    if wanted != JPEG_LS:
        assert found.PixelData == np.arange(256, dtype="<u2").tobytes()
    assert [path.name for path in tmp_path.iterdir()] == ["a.dcm"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (deflated(bytes(5_000_000)), "over 1,000,000 bytes"),
        (deflated(bytes(1000))[:-4], "cut off"),
        (b"\xff" * 100, "not deflated"),
        (b"", "cut off"),
    ],
)
def test_a_deflated_stream_that_is_none_or_becomes_too_much_is_refused(
    data: bytes, why: str
) -> None:
    """A bomb is not written out to the disk."""
    written = bytearray()
    with pytest.raises(InvalidObject, match=why):
        inflate(memoryview(data), written.extend, most=1_000_000)
    assert len(written) <= 1_000_000
