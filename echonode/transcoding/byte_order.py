"""Values of Explicit VR Big Endian turned into little endian (PS3.5 7.3, A.3).

Rules
- What is turned is the VR's unit: two bytes of US, SS, OW and each half of AT; four of UL, SL, FL,
  OF and OL; eight of FD, OD, SV, UV and OV. Text, OB and UN are bytes in any order.
- OW is turned by words whatever Bits Allocated is: pixels of 8 bits are packed two in a word, the
  first in its lower half (PS3.5 8.1.1), so in big endian the second one stands first.
- UN stays: its units are unknown (6.2.2). A value that is not of whole units keeps what is left.
- A long value is turned in pieces, so that pixels are not held twice.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from types import MappingProxyType

_UNITS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("AT", "OW", "SS", "US"), "H"),
        **dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), "I"),
        **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), "Q"),
    }
)
_PIECE = 1024 * 1024  # bytes; a whole number of any unit


def little_endian(value: bytes | memoryview, vr: str) -> Iterator[bytes | memoryview]:
    """The pieces of a big endian value of this VR in little endian."""
    unit = _UNITS.get(vr)
    if unit is None:
        yield value
        return
    whole = len(value) - len(value) % array(unit).itemsize
    for start in range(0, whole, _PIECE):
        units = array(unit, bytes(value[start : min(start + _PIECE, whole)]))
        units.byteswap()
        yield units.tobytes()
    if whole < len(value):
        yield value[whole:]
