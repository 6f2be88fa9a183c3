"""What a compressed frame says of itself, read before anything is decoded.

Rules
- A decoder allocates what the codestream's header says, not what the dataset says: half a kilobyte
  of JPEG 2000 may ask for gigabytes. So the header is read first, and refused where it is not of
  the size, the components and the process that the dataset and its transfer syntax name.
- Progressive, hierarchical and arithmetic JPEG are no transfer syntaxes of today's (PS3.5 A.4.1);
  extended sequential JPEG of 8 bits is let pass as baseline, as devices write it and every decoder
  takes it.
- Bit depths are compared with Bits Allocated, not with Bits Stored: devices write 16 where 12 are
  used.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from echonode.errors import InvalidObject
from echonode.transcoding.pixel_layout import Pixels

_SOF_BASELINE, _SOF_EXTENDED, _SOF_LOSSLESS, _SOF_JPEG_LS = 0xC0, 0xC1, 0xC3, 0xF7
_SEQUENTIAL = frozenset((_SOF_BASELINE, _SOF_EXTENDED))
# Start of frame: every process of ISO 10918-1 (table B.1) but DHT, JPG and DAC; and JPEG-LS.
_STARTS_OF_FRAME = frozenset({*range(0xC0, 0xD0), _SOF_JPEG_LS} - {0xC4, 0xC8, 0xCC})
_WITHOUT_LENGTH = frozenset((0x01, *range(0xD0, 0xD8)))  # TEM, RSTn
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_MOST_TILES = 65_535  # of JPEG 2000: the tile index has 16 bits (ISO 15444-1 A.4.2)
_JP2_SIGNATURE = b"\x00\x00\x00\x0cjP  "
_PROCESSES: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        JPEGBaseline8Bit: _SEQUENTIAL,
        JPEGExtended12Bit: _SEQUENTIAL,
        JPEGLossless: frozenset((_SOF_LOSSLESS,)),
        JPEGLosslessSV1: frozenset((_SOF_LOSSLESS,)),
        JPEGLSLossless: frozenset((_SOF_JPEG_LS,)),
        JPEGLSNearLossless: frozenset((_SOF_JPEG_LS,)),
    }
)


@dataclass(frozen=True, kw_only=True)
class CodestreamHeader:
    """The frame as a decoder will make it. bits: of a sample."""

    rows: int
    columns: int
    components: int
    bits: int


def check_codestream(codestream: bytes, pixels: Pixels, transfer_syntax_uid: str) -> None:
    """Raises InvalidObject where a frame is not what the dataset and the syntax say that it is."""
    try:
        header = _READERS[transfer_syntax_uid](codestream, pixels, transfer_syntax_uid)
    except (struct.error, IndexError):
        raise InvalidObject("a compressed frame ends within its header") from None
    if (header.rows, header.columns) != (pixels.rows, pixels.columns):
        raise InvalidObject("a compressed frame is not of the dataset's Rows and Columns")
    if header.components != pixels.samples:
        raise InvalidObject("a compressed frame has not the dataset's Samples per Pixel")
    if not 0 < header.bits <= pixels.bits_allocated:
        raise InvalidObject("a compressed frame has more bits than the dataset allocates")


def _jpeg(codestream: bytes, _pixels: Pixels, syntax: str) -> CodestreamHeader:
    """Start of frame of ISO 10918-1 B.2.2, and of ISO 14495-1 C.2.2."""
    if codestream[:2] != b"\xff\xd8":
        raise InvalidObject("a compressed frame does not begin as JPEG")
    position = 2
    while True:
        if codestream[position] != 0xFF:
            raise InvalidObject("a compressed frame's header is not of markers")
        marker = codestream[position + 1]
        if marker == 0xFF:  # fill
            position += 1
            continue
        position += 2
        if marker in _WITHOUT_LENGTH:
            continue
        if marker in (_SOI, _EOI, _SOS):
            raise InvalidObject("a compressed frame has no start of frame")
        (length,) = struct.unpack_from(">H", codestream, position)
        if marker in _STARTS_OF_FRAME:
            break
        position += max(2, length)
    if marker not in _PROCESSES[syntax]:
        raise InvalidObject(f"a compressed frame is of another process than {syntax}")
    bits, rows, columns, components = struct.unpack_from(">BHHB", codestream, position + 2)
    return CodestreamHeader(rows=rows, columns=columns, components=components, bits=bits)


def _jpeg_2000(codestream: bytes, _pixels: Pixels, _syntax: str) -> CodestreamHeader:
    """SIZ (ISO 15444-1 A.5.1)."""
    at = _codestream_in_jp2(codestream) if codestream.startswith(_JP2_SIGNATURE) else 0
    if codestream[at : at + 4] != b"\xff\x4f\xff\x51":
        raise InvalidObject("a compressed frame does not begin as JPEG 2000")
    fields = struct.unpack_from(">8IH", codestream, at + 8)
    right, bottom, left, top, tile_width, tile_height, tile_left, tile_top, components = fields
    if not (tile_width and tile_height and left < right and top < bottom):
        raise InvalidObject("a compressed frame has no size")
    tiles = -(-(right - tile_left) // tile_width) * -(-(bottom - tile_top) // tile_height)
    if tiles > _MOST_TILES:
        raise InvalidObject("a compressed frame has too many tiles")
    if components not in (1, 3):
        raise InvalidObject("a compressed frame has not the dataset's Samples per Pixel")
    depths = []
    for number in range(components):
        depth, across, down = struct.unpack_from(">BBB", codestream, at + 42 + 3 * number)
        if (across, down) != (1, 1):
            raise InvalidObject("a compressed frame is subsampled, which is not decoded here")
        depths.append((depth & 0x7F) + 1)
    return CodestreamHeader(
        rows=bottom - top, columns=right - left, components=components, bits=max(depths)
    )


def _codestream_in_jp2(data: bytes) -> int:
    """Where the codestream begins in a JP2 file (ISO 15444-1 annex I), which some devices store."""
    position = 0
    while True:
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        if kind == b"jp2c":
            return start
        if position + length <= start - 1 or length == 0:
            raise InvalidObject("a compressed frame's JP2 file has no codestream")
        position += length


def _rle(codestream: bytes, pixels: Pixels, _syntax: str) -> CodestreamHeader:
    """The segments of PS3.5 G.5, which has no size of its own."""
    count, *offsets = struct.unpack_from("<16I", codestream)
    if count != pixels.samples * pixels.bits_allocated // 8:
        raise InvalidObject("a compressed frame has not a segment for each byte of a sample")
    used = offsets[:count]
    if used != sorted(used) or used[0] < 64 or used[-1] > len(codestream):
        raise InvalidObject("a compressed frame's segments are not where it says")
    return CodestreamHeader(
        rows=pixels.rows,
        columns=pixels.columns,
        components=pixels.samples,
        bits=pixels.bits_allocated,
    )


_READERS: Mapping[str, Callable[[bytes, Pixels, str], CodestreamHeader]] = MappingProxyType(
    {
        **dict.fromkeys(_PROCESSES, _jpeg),
        JPEG2000Lossless: _jpeg_2000,
        JPEG2000: _jpeg_2000,
        RLELossless: _rle,
    }
)
