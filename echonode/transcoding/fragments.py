"""Pixel Data in fragments (PS3.5 A.4): read as frames, and written.

Rules
- Which fragments make a frame is known when there are as many as frames, or when there is one
  frame; else the Basic Offset Table says it, and without one the codestreams' own beginnings
  (JPEG, JPEG-LS and JPEG 2000 begin with a marker; RLE is one fragment a frame, PS3.5 A.4.2).
- Lengths are checked against what holds them, and fragments are counted: files come from the wire.
- Written: an empty Basic Offset Table (A.4), one fragment for each frame, padded to an even length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from echonode.errors import InvalidObject
from echonode.transcoding.file_bytes import Data

_ITEM, _SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
# Start of image of JPEG and JPEG-LS; start of codestream of JPEG 2000, and of a JP2 box.
CODESTREAM_BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0c")
# (7FE0,0010) OB of undefined length, and an empty offset table.
PIXEL_DATA_START = b"\xe0\x7f\x10\x00OB\x00\x00\xff\xff\xff\xff" + _ITEM + bytes(4)
PIXEL_DATA_END = _SEQUENCE_END + bytes(4)

# A cine has some thousands of frames, in one or a few fragments each. Each is remembered, at about
# 200 bytes, while the frames are read.
MOST_FRAGMENTS = 250_000

_Fragment = tuple[int, int, int]  # item's offset, value's start, value's end


def fragment(frame: bytes) -> bytes:
    """One frame as an item."""
    padding = b"\x00" * (len(frame) % 2)
    return _ITEM + struct.pack("<I", len(frame) + len(padding)) + frame + padding


def frames_in(data: Data, frames: int, *, longest: int) -> Iterator[bytes]:
    """The codestreams in an encapsulated Pixel Data value, without copying more than one.

    data: from the offset table's item on. longest: bytes of one codestream. Raises InvalidObject.
    """
    table, *fragments = _items(data)
    for group in _grouped(data, table, fragments, frames):
        yield _joined(data, group, longest)


def frame_at(data: Data, number: int, frames: int, *, longest: int) -> bytes:
    """The codestream of one frame, numbered from 0; the others are not copied.

    data, frames, longest: see frames_in. Raises InvalidObject.
    """
    table, *fragments = _items(data)
    return _joined(data, _grouped(data, table, fragments, frames)[number], longest)


def _joined(data: Data, group: Sequence[_Fragment], longest: int) -> bytes:
    if sum(end - start for _, start, end in group) > longest:
        raise InvalidObject("a compressed frame is longer than it would be uncompressed")
    return b"".join(bytes(data[start:end]) for _, start, end in group)


def _items(data: Data) -> list[_Fragment]:
    items: list[_Fragment] = []
    position = 0
    while position + 8 <= len(data):
        header = bytes(data[position : position + 8])
        tag = header[:4]
        (length,) = struct.unpack_from("<I", header, 4)
        end = position + 8 + length
        if tag != _ITEM or end > len(data):
            break
        items.append((position, position + 8, end))
        if len(items) > MOST_FRAGMENTS:
            raise InvalidObject(f"its Pixel Data has over {MOST_FRAGMENTS:,} fragments")
        position = end
    if len(items) < 2:
        raise InvalidObject("its encapsulated Pixel Data has no frames (PS3.5 A.4)")
    return items


def _grouped(
    data: Data, table: _Fragment, fragments: Sequence[_Fragment], frames: int
) -> list[Sequence[_Fragment]]:
    if frames == 1:
        return [fragments]
    if len(fragments) == frames:
        return [[one] for one in fragments]
    first = fragments[0][0]
    offsets = struct.unpack_from(
        f"<{(table[2] - table[1]) // 4}I", bytes(data[table[1] : table[2]])
    )
    if offsets:
        begun = frozenset(offsets)
        starts = [index for index, item in enumerate(fragments) if item[0] - first in begun]
    else:
        starts = [index for index, item in enumerate(fragments) if _begins(data, item)]
    if len(starts) != frames or starts[0] != 0:
        raise InvalidObject("its fragments do not make the frames that it counts (PS3.5 A.4)")
    ends = [*starts[1:], len(fragments)]
    return [fragments[start:end] for start, end in zip(starts, ends, strict=True)]


def _begins(data: Data, item: _Fragment) -> bool:
    return bytes(data[item[1] : item[1] + 4]).startswith(CODESTREAM_BEGINNINGS)
