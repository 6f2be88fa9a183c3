"""The header of one data element, and where a dataset's bytes come from (PS3.5 7.1)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from echonode.errors import Unreadable

UNDEFINED: Final = 0xFFFFFFFF
ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD
SHORT_HEADER: Final = 8
LONG_HEADER: Final = 12  # two reserved bytes and a length of four (7.1.2)

LONG_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_SHORT_VRS = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US"
_LENGTHS: Mapping[bytes, int] = MappingProxyType(
    {
        **{vr.encode(): LONG_HEADER for vr in LONG_VRS},
        **{vr.encode(): SHORT_HEADER for vr in _SHORT_VRS.split()},
    }
)
_DELIMITERS = 0xFFFE  # the group of items and delimiters, which have no VR in any syntax
_PIXEL_GROUP = 0x7FE0
_PARTS = {order: struct.Struct(f"{order}HH2sH").unpack_from for order in "<>"}
_LENGTH = {order: struct.Struct(f"{order}I").unpack_from for order in "<>"}


class CutShort(Unreadable):
    """The dataset ends before what it began does."""


class Source(Protocol):
    """Where a dataset's bytes come from."""

    def window(self, position: int, least: int, /) -> bytes | memoryview:
        """The bytes from `position` on: `least` or more of them, fewer only at the end.

        Positions asked for never fall. Raises CutShort where the end is before `position`.
        """


class MemorySource:
    """A dataset in memory."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data)

    def window(self, position: int, _least: int, /) -> memoryview:
        """See Source."""
        if position > len(self._data):
            raise CutShort("the data set ends within an element")
        return self._data[position:]


class ElementHeader(NamedTuple):
    """vr: as it is written, b"" where the header has none. start: position of the value."""

    tag: int
    vr: bytes
    start: int
    length: int


# Called with each private element, and with each sequence of given length, that is passed over:
# its header and the beginning of its value.
Inspect = Callable[[ElementHeader, bytes | memoryview], None]


class Value(NamedTuple):
    """A value that was asked for. vr: "" in Implicit VR. position: where it begins."""

    vr: str
    value: bytes
    position: int


def header_at(
    window: bytes | memoryview, at: int, base: int, *, implicit: bool, order: str
) -> ElementHeader:
    """The header at index `at` of a window that begins at position `base`; eight bytes are there.

    order: "<" or ">". A VR that is not known has a length of two bytes; where there is no VR at
    all in Explicit VR, the header is read as Implicit VR, which some devices write within
    sequences. Raises CutShort where the header is not whole.
    """
    group, element, vr, short = _PARTS[order](window, at)
    tag = group << 16 | element
    if not implicit:
        size = _LENGTHS.get(vr)
        if size == LONG_HEADER:
            if at + LONG_HEADER > len(window):
                raise CutShort("the data set ends within a header")
            return ElementHeader(tag, vr, base + at + size, _LENGTH[order](window, at + 8)[0])
        if size or (b"AA" <= vr <= b"ZZ" and group != _DELIMITERS):
            return ElementHeader(tag, vr, base + at + SHORT_HEADER, short)
    return ElementHeader(tag, b"", base + at + SHORT_HEADER, _LENGTH[order](window, at + 4)[0])


def has_vr(window: bytes | memoryview, at: int) -> bool:
    """Whether the header there is plainly of Explicit VR: two capital letters follow its tag."""
    vr = bytes(window[at + 4 : at + 6])
    return len(vr) == 2 and 0x40 < vr[0] < 0x5B and 0x40 < vr[1] < 0x5B


def skim(
    window: bytes | memoryview,
    at: int,
    base: int,
    *,
    implicit: bool,
    order: str,
    wanted: Container[int],
    longest: int,
    found: dict[int, Value],
    inspect: Inspect | None = None,
) -> tuple[int, int]:
    """Pass over plain elements from index `at` on: (index behind them, how many they were).

    Those wanted, of `longest` bytes at most, go into `found`. It ends before a delimiter, Pixel
    Data's group, and what has undefined length, no known VR, or is not whole in the window: its
    caller says what these are. This is for what nearly every element of a head is, and is most of
    the work of a C-STORE's index, so it is one loop. inspect: see Inspect.
    """
    parts, length_at, size_of = _PARTS[order], _LENGTH[order], _LENGTHS.get
    last, count, size = len(window) - LONG_HEADER, 0, SHORT_HEADER
    while at <= last:
        group, element, vr, length = parts(window, at)
        if implicit:
            vr, length = b"", length_at(window, at + 4)[0]
        else:
            known = size_of(vr)
            if known is None:
                break
            if (size := known) == LONG_HEADER:
                length = length_at(window, at + 8)[0]
        start = at + size
        end = start + length
        if not 0 < group < _PIXEL_GROUP or end > last:
            break
        tag = group << 16 | element
        if tag in wanted and length <= longest:
            found[tag] = Value(vr.decode("latin_1"), bytes(window[start:end]), base + start)
        if inspect is not None and (group & 1 or vr == b"SQ"):
            inspect(ElementHeader(tag, vr, base + start, length), window[start:end])
        at, count = end, count + 1
    return at, count
