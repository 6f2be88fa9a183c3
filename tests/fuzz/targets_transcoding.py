"""Fuzz targets of what reads datasets and frames: the first line of each says what must hold.

Each takes any bytes, so that a coverage-guided fuzzer can call it as it is; the first byte chooses
how the rest is read. `TARGETS` lists them, `SEEDS` gives each good bytes to begin with. The quick
tier is test_targets_transcoding.py.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dimse.messages.datasets import from_bytes
from echonode.errors import DimseFailure, InvalidObject, Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import MemorySource
from echonode.model.walk_limits import WalkLimits
from echonode.transcoding.codecs import DECODED, JPEG_BASELINE, LOSSLESS_ENCODED, RLE, encode
from echonode.transcoding.codestream_header import check_codestream
from echonode.transcoding.dataset import changed_attributes, open_source, target_pixels, write_head
from echonode.transcoding.inflated import inflate
from echonode.transcoding.native_syntax import reencode
from echonode.transcoding.pixel_layout import Pixels

EXPLICIT_BE = "1.2.840.10008.1.2.2"
LIMITS = WalkLimits(elements=200, items=200, headers=1_000, nested=8)
_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, EXPLICIT_BE)
_SOURCES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, *sorted(DECODED))
_PIXELS = Pixels(
    rows=32,
    columns=32,
    samples=1,
    bits_allocated=8,
    bits_stored=8,
    frames=1,
    photometric="MONOCHROME2",
)

Target = Callable[[bytes], None]


def header_walk(data: bytes) -> None:
    """Walks to the end, or raises Unreadable: nothing else; what it found is of the data."""
    chosen, rest = _chosen(data, 3)
    try:
        walk = DatasetWalk(
            MemorySource(rest), implicit=chosen == 0, big_endian=chosen == 2, limits=LIMITS
        )
        found = walk.head(range(2**32), longest=64)
        walk.rest()
    except Unreadable:
        return
    for value in found.values():
        assert rest[value.position : value.position + len(value.value)] == value.value


def identifier(data: bytes) -> None:
    """Parses, or raises DimseFailure C000: nothing else."""
    chosen, rest = _chosen(data, 3)
    status = 0xC000
    try:
        from_bytes(rest, _SYNTAXES[chosen], most_headers=20)
    except DimseFailure as failure:
        status = failure.status
    assert status == 0xC000


def byte_order_and_headers(data: bytes) -> None:
    """Makes a little endian dataset of about the same length, or raises InvalidObject."""
    chosen, rest = _chosen(data, 6)
    written = bytearray()
    try:
        reencode(
            memoryview(rest),
            written.extend,
            from_implicit=chosen % 3 == 0,
            to_implicit=chosen >= 3,
            from_big_endian=chosen % 3 == 2,
        )
    except InvalidObject:
        return
    # Each header grows by four bytes at most, each sequence and item by a delimiter.
    assert len(written) <= 4 * len(rest) + 16


def head_of_an_image(data: bytes) -> None:
    """A head for each syntax that can be made, or InvalidObject: nothing lazily read is left."""
    chosen, rest = _chosen(data, len(_SOURCES))
    for syntax in (
        ImplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        JPEG_BASELINE,
        *LOSSLESS_ENCODED,
    ):
        try:
            source = open_source(memoryview(rest), _SOURCES[chosen])
            target_pixels(source, syntax)
            changed = changed_attributes(source, syntax, quality=90, encoded_bytes=100)
            write_head(
                source, bytearray().extend, changed, to_implicit=syntax == ImplicitVRLittleEndian
            )
            for _, _frame in zip(range(3), source.frames(), strict=False):
                pass
        except InvalidObject:
            continue


def codestream_header(data: bytes) -> None:
    """A header that agrees with the dataset, or InvalidObject: nothing else."""
    chosen, rest = _chosen(data, len(DECODED))
    try:
        check_codestream(rest, _PIXELS, sorted(DECODED)[chosen])
    except InvalidObject:
        return


def deflated(data: bytes) -> None:
    """Inflates to no more than it may, or raises InvalidObject."""
    written = bytearray()
    with suppress(InvalidObject):
        inflate(memoryview(data), written.extend, most=100_000)
    assert len(written) <= 100_000


def _chosen(data: bytes, among: int) -> tuple[int, bytes]:
    return (data[0] if data else 0) % among, data[1:]


def _image() -> bytes:
    """A small picture with a nested sequence, in Explicit VR Little Endian."""
    ds, item = Dataset(), Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.3.4"
    ds.ImageType, ds.NumberOfFrames = ["ORIGINAL", "PRIMARY"], 1
    ds.SourceImageSequence = [item]
    ds.Rows, ds.Columns, ds.SamplesPerPixel = _PIXELS.rows, _PIXELS.columns, 1
    ds.PhotometricInterpretation = _PIXELS.photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.LossyImageCompressionRatio, ds.LossyImageCompressionMethod = "10", "ISO_10918_1"
    ds.PixelData = bytes(_PIXELS.frame_bytes)
    ds["PixelData"].VR = "OB"
    target = DicomBytesIO()
    target.is_little_endian, target.is_implicit_VR = True, False
    write_dataset(target, ds)
    return target.getvalue()


def _deflated_image() -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(_image()) + packer.flush()


def _identifier() -> bytes:
    return struct.pack("<HHI", 0x0008, 0x0052, 6) + b"STUDY " + struct.pack("<HHI", 0x10, 0x10, 0)


_RLE_FRAME = encode(np.arange(1024, dtype=np.uint8).tobytes(), _PIXELS, RLE)
SEEDS: Mapping[Target, bytes] = {
    header_walk: b"\1" + _image(),
    identifier: b"\0" + _identifier(),
    byte_order_and_headers: b"\1" + _image(),
    head_of_an_image: b"\1" + _image(),
    codestream_header: bytes((sorted(DECODED).index(RLE),)) + _RLE_FRAME,
    deflated: _deflated_image(),
}
TARGETS: list[Target] = list(SEEDS)
