"""Uncompressed transfer syntaxes made of each other, header by header (PS3.5 7.1, annex A).

What comes out is Explicit or Implicit VR Little Endian; what goes in may be Explicit VR Big Endian
as well, which is retired and no longer made.

Rules
- Values are copied as they are, valid or not: only the headers differ, and of big endian the order
  of bytes within a value (byte_order.py). A library that reads the values would change, refuse or
  quote what vendors really write.
- Sequences and items come out with undefined length and delimiters, since their lengths change
  (PS3.5 7.5.1); group lengths (gggg,0000) are left out, since they would be wrong (7.2).
- UN holds Implicit VR Little Endian bytes in any syntax (6.2.2, note 4), so a private element of
  unknown VR becomes UN and back without a change.
- Where Implicit VR leaves a choice, "US or SS" follows Pixel Representation (PS3.5 A.1) and what
  may be OW is OW; a value too long for its VR's 16 bit length is UN (6.2.2).
- Every length is checked against what holds it, and nesting is bounded: files come from the wire.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydicom.datadict import dictionary_VR

from echonode.errors import InvalidObject
from echonode.model.element_header import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    SEQUENCE_END,
    UNDEFINED,
)
from echonode.transcoding.byte_order import little_endian
from echonode.transcoding.file_bytes import PIECE, Data, pieces

MOST_NESTED = 64
_PIXEL_REPRESENTATION = 0x00280103
_NO_VR = 0xFFFE
_LONGEST_HEADER = 12

Write = Callable[[bytes | memoryview], object]


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a dataset's headers and values are written: with VRs or without, and in which order."""

    implicit: bool
    big_endian: bool = False

    @property
    def order(self) -> str:
        """As `struct` calls it."""
        return ">" if self.big_endian else "<"


_IMPLICIT_LE = Encoding(implicit=True)


@dataclass(frozen=True)
class _Header:
    tag: int
    vr: str
    start: int  # of the value
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


def reencode(
    data: Data,
    write: Write,
    *,
    from_implicit: bool,
    to_implicit: bool,
    from_big_endian: bool = False,
) -> None:
    """Write the dataset in `data` in little endian, with the headers wanted.

    Raises InvalidObject for bytes that are no dataset in the syntax named; what was written by
    then is of no use.
    """
    try:
        encoding = Encoding(implicit=from_implicit, big_endian=from_big_endian)
        _Reencoder(data, write, to_implicit).dataset(0, len(data), encoding, depth=0)
    except struct.error:
        raise InvalidObject("the dataset ends within an element's header") from None


def reencode_head(
    data: Data,
    write: Write,
    *,
    from_implicit: bool,
    to_implicit: bool,
    edits: Mapping[int, bytes],
    before: int,
) -> int:
    """Write the elements before tag `before` with the other kind of headers; where they end.

    edits: tag -> whole element, encoded as the target wants it, in place of the one that is there
    or added; b"" leaves it out. Raises InvalidObject as `reencode` does.
    """
    try:
        encoding = Encoding(implicit=from_implicit)
        return _Reencoder(data, write, to_implicit).head(encoding, edits, before)
    except struct.error:
        raise InvalidObject("the dataset ends within an element's header") from None


class _Reencoder:
    def __init__(self, data: Data, write: Write, to_implicit: bool) -> None:
        self._data = data
        self._write = write
        self._to_implicit = to_implicit
        self._signed = False  # the last Pixel Representation met was 1

    def head(self, encoding: Encoding, edits: Mapping[int, bytes], before: int) -> int:
        """Re-encode the outermost elements before a tag, with edits; where they ended."""
        position, end = 0, len(self._data)
        pending = sorted(edits.items())
        replaced = _Reencoder(self._data, lambda _: None, self._to_implicit)
        while position < end:
            header = self._header(position, encoding)
            if header.tag >= before:
                break
            while pending and pending[0][0] < header.tag:
                self._write(pending.pop(0)[1])
            taking = replaced if pending and pending[0][0] == header.tag else self
            position = taking._element(header, end, encoding, depth=0)
        for _, element in pending:
            self._write(element)
        return position

    def dataset(self, start: int, end: int, encoding: Encoding, *, depth: int) -> int:
        """Re-encode elements up to `end` or an item's delimiter; where they ended."""
        position = start
        while position < end:
            if depth == 0 and self._is_padding(position, end):
                return end
            header = self._header(position, encoding)
            if header.tag == ITEM_END:
                return header.start
            position = self._element(header, end, encoding, depth)
        return position

    def _is_padding(self, position: int, end: int) -> bool:
        """Whether nothing but NUL bytes follows the last element (model/dataset_walk.py)."""
        if any(bytes(self._data[position : min(position + 4, end)])):  # no element is (0000,0000)
            return False
        starts = range(position, end, PIECE)
        return not any(
            bytes(self._data[start : min(start + PIECE, end)]).strip(b"\0") for start in starts
        )

    def _header(self, position: int, encoding: Encoding) -> _Header:
        order = encoding.order
        head = bytes(self._data[position : position + _LONGEST_HEADER])
        group, element = struct.unpack_from(f"{order}HH", head)
        tag = group << 16 | element
        if encoding.implicit or group == _NO_VR:
            (length,) = struct.unpack_from(f"{order}I", head, 4)
            return _Header(tag, self._implied_vr(tag, length), position + 8, length)
        vr = head[4:6].decode("latin_1")
        if vr in LONG_VRS:
            (length,) = struct.unpack_from(f"{order}I", head, 8)
            return _Header(tag, vr, position + 12, length)
        (length,) = struct.unpack_from(f"{order}H", head, 6)
        return _Header(tag, vr, position + 8, length)

    def _implied_vr(self, tag: int, length: int) -> str:
        try:
            vr = dictionary_VR(tag)
        except KeyError:
            # Of unknown elements only sequences have an undefined length here (PS3.5 7.1.3).
            return "SQ" if length == UNDEFINED else "UN"
        if "OW" in vr:
            return "OW"
        return ("SS" if self._signed else "US") if vr == "US or SS" else vr

    def _element(self, header: _Header, end: int, encoding: Encoding, depth: int) -> int:
        """Re-encode one element within `end`; where it ended."""
        if header.vr == "SQ" or header.length == UNDEFINED:
            # Of an UN of undefined length in Implicit VR Little Endian (PS3.5 6.2.2, note 4).
            within = _IMPLICIT_LE if header.vr == "UN" else encoding
            return self._sequence(header, end, within, depth)
        if header.end > end:
            raise InvalidObject(f"element {header.tag:08X} is longer than what holds it")
        if header.tag & 0xFFFF:
            self._write_header(header.tag, header.vr, header.length)
            self._write_value(header, encoding)
        if header.tag == _PIXEL_REPRESENTATION:
            one = struct.pack(f"{encoding.order}H", 1)
            self._signed = bytes(self._data[header.start : header.end]) == one
        return header.end

    def _write_value(self, header: _Header, encoding: Encoding) -> None:
        for value in pieces(self._data[header.start : header.end]):
            if not encoding.big_endian:
                self._write(value)
                continue
            for piece in little_endian(value, header.vr):
                self._write(piece)

    def _sequence(self, header: _Header, end: int, encoding: Encoding, depth: int) -> int:
        if depth >= MOST_NESTED:
            raise InvalidObject(f"sequences are nested deeper than {MOST_NESTED}")
        if header.vr not in ("SQ", "UN"):
            raise InvalidObject(f"element {header.tag:08X} is encapsulated")
        limit = end if header.length == UNDEFINED else header.end
        if limit > end:
            raise InvalidObject(f"sequence {header.tag:08X} is longer than what holds it")
        self._write_header(header.tag, "SQ", UNDEFINED)
        position = header.start
        while position < limit:
            item = self._header(position, encoding)
            position = item.start
            if item.tag == SEQUENCE_END:
                break
            position = self._item(item, limit, encoding, depth)
        self._write_header(SEQUENCE_END, "", 0)
        return position

    def _item(self, item: _Header, limit: int, encoding: Encoding, depth: int) -> int:
        end = limit if item.length == UNDEFINED else item.end
        if item.tag != ITEM or end > limit:
            raise InvalidObject("a sequence holds something that is not an item")
        self._write_header(ITEM, "", UNDEFINED)
        position = self.dataset(item.start, end, encoding, depth=depth + 1)
        self._write_header(ITEM_END, "", 0)
        return position

    def _write_header(self, tag: int, vr: str, length: int) -> None:
        """An element's header in the wanted syntax; delimiters and items have no VR in either."""
        group, element = tag >> 16, tag & 0xFFFF
        if self._to_implicit or group == _NO_VR:
            header = struct.pack("<HHI", group, element, length)
        elif vr in LONG_VRS or length > 0xFFFF:
            long_vr = vr if vr in LONG_VRS else "UN"
            header = struct.pack("<HH2sHI", group, element, long_vr.encode("latin_1"), 0, length)
        else:
            header = struct.pack("<HH2sH", group, element, vr.encode("latin_1"), length)
        self._write(header)
