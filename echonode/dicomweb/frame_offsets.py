"""Where the frames of a stored dataset lie in it (PS3.5 8.1.1, A.4). Pure.

Rules
- Native frames stand behind each other: their length follows from the Image Pixel module.
- Which fragments make an encapsulated frame is known when there is one frame, or as many fragments
  as frames; else the Extended Offset Table says it, else the Basic Offset Table, and without either
  the codestreams' own beginnings, as transcoding/fragments.py reads them.
- An instance whose pixels do not fit what its attributes say has no frames here: nothing else is
  served in their place.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from echonode.errors import Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import (
    ITEM,
    LONG_HEADER,
    SEQUENCE_END,
    SHORT_HEADER,
    UNDEFINED,
    CutShort,
    ElementHeader,
    Source,
    Value,
    header_at,
)
from echonode.model.frame_index import Extent, FrameIndex
from echonode.transcoding.fragments import CODESTREAM_BEGINNINGS, MOST_FRAGMENTS

_SAMPLES, _PHOTOMETRIC, _FRAMES = 0x00280002, 0x00280004, 0x00280008
_ROWS, _COLUMNS, _BITS = 0x00280010, 0x00280011, 0x00280100
_WANTED = frozenset((_SAMPLES, _PHOTOMETRIC, _FRAMES, _ROWS, _COLUMNS, _BITS))
_LONGEST_VALUE = 64  # bytes; each is a number or a word
_EXTENDED_OFFSETS = 0x7FE00001
_PIXELS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))  # floats, doubles, whole numbers
_LONGEST_TABLE = 8 * MOST_FRAGMENTS


class _Fragment(NamedTuple):
    item: int  # where its header is
    extent: Extent
    begins: bytes


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """bits: of one frame, None where the attributes do not say it."""

    frames: int
    bits: int | None


def frame_index(
    source: Source, fragments: Source, *, offset: int, implicit: bool, big_endian: bool = False
) -> FrameIndex | None:
    """Where the frames lie, from `offset` of the dataset in its file on; None for none.

    source: the dataset. fragments: the same, and it is read in small pieces: long codestreams are
    passed over. Raises Unreadable for pixels that are not what the attributes say.
    """
    walk = DatasetWalk(source, implicit=implicit, big_endian=big_endian)
    layout = _layout(walk.head(_WANTED, longest=_LONGEST_VALUE), ">" if big_endian else "<")
    reader = _Reader(fragments, ">" if big_endian else "<")
    position, table = walk.position, b""
    while (header := reader.header(position, implicit=walk.implicit)) is not None:
        if header.tag in _PIXELS:
            if layout is None:
                raise Unreadable("it has pixels and no complete Image Pixel module (PS3.3 C.7.6.3)")
            if header.length == UNDEFINED:
                frames = _encapsulated(reader, header.start, layout.frames, table)
                return FrameIndex.listed(
                    [[Extent(offset + at, length) for at, length in each] for each in frames]
                )
            return _native(reader, header, layout, offset)
        if header.length == UNDEFINED:
            return None
        if header.tag == _EXTENDED_OFFSETS and header.length <= _LONGEST_TABLE:
            table = reader.value(header.start, header.length)
        position = header.start + header.length
    return None


def _layout(values: Mapping[int, Value], order: str) -> _Layout | None:
    def number(tag: int) -> int | None:
        found = values.get(tag)
        if found is None or len(found.value) < 2:
            return None
        return int(struct.unpack_from(f"{order}H", found.value)[0])

    counted = values.get(_FRAMES)
    text = counted.value.decode("latin_1").strip(" \0") if counted else ""
    frames = int(text) if text.isascii() and text.isdecimal() else 1
    rows, columns, samples, bits = map(number, (_ROWS, _COLUMNS, _SAMPLES, _BITS))
    if not rows or not columns:
        return None
    photometric = values.get(_PHOTOMETRIC)
    is_subsampled = photometric is not None and photometric.value.strip(b" \0") == b"YBR_FULL_422"
    # PS3.3 C.7.6.3.1.2: two pixels share their colour, so there are two samples for each.
    samples = 2 if is_subsampled and samples == 3 else samples
    size = rows * columns * samples * bits if samples and bits else None
    return _Layout(frames=max(1, frames), bits=size)


def _native(
    reader: _Reader, header: ElementHeader, layout: _Layout, offset: int
) -> FrameIndex | None:
    if not layout.bits:
        raise Unreadable("its Image Pixel module describes no pixels (PS3.3 C.7.6.3)")
    if layout.bits % 8 and layout.frames > 1:
        raise Unreadable("its frames do not begin at whole bytes (PS3.5 8.1.1)")
    length = -(-layout.bits // 8)
    reader.check_there(header.start + length * layout.frames)
    if length * layout.frames > header.length:
        raise Unreadable("its Pixel Data is shorter than the frames it counts")
    return FrameIndex.native(offset=offset + header.start, length=length, count=layout.frames)


def _encapsulated(
    reader: _Reader, position: int, frames: int, extended: bytes
) -> Sequence[Sequence[Extent]]:
    found: list[_Fragment] = []
    basic: bytes | None = None
    while True:
        header = reader.header(position, implicit=True)
        if header is None or header.tag == SEQUENCE_END:
            break
        if header.tag != ITEM or header.length == UNDEFINED:
            raise Unreadable("its fragments are no items (PS3.5 A.4)")
        if basic is None:
            basic = reader.value(header.start, min(header.length, 4 * MOST_FRAGMENTS))
        else:
            begins = reader.value(header.start, min(4, header.length))
            found.append(_Fragment(position, Extent(header.start, header.length), begins))
        if len(found) > MOST_FRAGMENTS:
            raise Unreadable(f"its Pixel Data has over {MOST_FRAGMENTS:,} fragments")
        position = header.start + header.length
    if not found:
        raise Unreadable("its encapsulated Pixel Data has no frames (PS3.5 A.4)")
    reader.check_there(position)
    return _grouped(found, frames, extended, basic or b"")


def _grouped(
    found: Sequence[_Fragment], frames: int, extended: bytes, basic: bytes
) -> Sequence[Sequence[Extent]]:
    extents = [each.extent for each in found]
    if frames == 1:
        return [extents]
    if len(extents) == frames:
        return [[each] for each in extents]
    first = found[0].item
    begun: frozenset[int] | None = None
    if len(extended) == 8 * frames:
        begun = frozenset(struct.unpack(f"<{frames}Q", extended))
    elif len(basic) >= 4 * frames:
        begun = frozenset(struct.unpack_from(f"<{frames}I", basic))
    if begun is not None:
        starts = [index for index, each in enumerate(found) if each.item - first in begun]
    else:
        starts = [
            index
            for index, each in enumerate(found)
            if each.begins.startswith(CODESTREAM_BEGINNINGS)
        ]
    if len(starts) != frames or starts[0] != 0:
        raise Unreadable("its fragments do not make the frames that it counts (PS3.5 A.4)")
    ends = [*starts[1:], len(extents)]
    return [extents[start:end] for start, end in zip(starts, ends, strict=True)]


class _Reader:
    """Headers and short values at places that never fall."""

    def __init__(self, source: Source, order: str) -> None:
        self._source = source
        self._order = order

    def header(self, position: int, *, implicit: bool) -> ElementHeader | None:
        """The header there; None where the dataset ends."""
        window = self._window(position, LONG_HEADER)
        if len(window) < SHORT_HEADER:
            return None
        return header_at(window, 0, position, implicit=implicit, order=self._order)

    def value(self, position: int, length: int) -> bytes:
        """Raises CutShort where there are not so many."""
        found = bytes(self._window(position, length)[:length])
        if len(found) < length:
            raise CutShort("the data set ends within an element")
        return found

    def check_there(self, position: int) -> None:
        """Raises CutShort where the dataset ends before."""
        self._source.window(position, 0)

    def _window(self, position: int, least: int) -> bytes | memoryview:
        return self._source.window(position, least)
