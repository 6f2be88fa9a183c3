"""Where each frame of an instance lies in its file, as the index keeps it.

Rules
- A frame is one extent of the file, or several where its codestream was stored in fragments.
- Native frames stand behind each other without a gap (PS3.5 8.1.1): their length says where each
  is. Encapsulated frames (PS3.5 A.4) are listed.
- The encoded form is read in place: one frame of a cine costs two searches, not the whole list.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from echonode.errors import Unreadable

_NATIVE, _LISTED = b"N", b"L"
_NATIVE_FORM = struct.Struct("<cQQI")
_HEAD = struct.Struct("<cI")
_ENTRY = struct.Struct("<IQQ")  # number of the frame, offset, length


class Extent(NamedTuple):
    """Bytes of a file."""

    offset: int
    length: int


@dataclass(frozen=True, kw_only=True)
class FrameIndex:
    """count: frames there are. Use `native` or `listed`, or `decoded` for what was stored."""

    count: int
    encoded: bytes

    @classmethod
    def native(cls, *, offset: int, length: int, count: int) -> FrameIndex:
        """`count` frames of `length` bytes, the first at `offset`."""
        return cls(count=count, encoded=_NATIVE_FORM.pack(_NATIVE, offset, length, count))

    @classmethod
    def listed(cls, frames: Sequence[Sequence[Extent]]) -> FrameIndex:
        """The extents of each frame."""
        entries = [
            _ENTRY.pack(number, *extent)
            for number, extents in enumerate(frames, 1)
            for extent in extents
        ]
        return cls(count=len(frames), encoded=_HEAD.pack(_LISTED, len(frames)) + b"".join(entries))

    @classmethod
    def decoded(cls, encoded: bytes) -> FrameIndex | None:
        """What `encoded` was stored of; None for an instance without frames.

        Raises Unreadable for other bytes.
        """
        if not encoded:
            return None
        if encoded[:1] == _NATIVE and len(encoded) == _NATIVE_FORM.size:
            return cls(count=_NATIVE_FORM.unpack(encoded)[3], encoded=encoded)
        rest = len(encoded) - _HEAD.size
        if encoded[:1] == _LISTED and rest >= 0 and rest % _ENTRY.size == 0:
            return cls(count=_HEAD.unpack_from(encoded)[1], encoded=encoded)
        raise Unreadable("the index of its frames is not one that was stored")

    def extents(self, number: int) -> tuple[Extent, ...]:
        """Where frame `number`, from 1 on, lies. Raises IndexError where there is none."""
        if not 1 <= number <= self.count:
            raise IndexError("there is no such frame")
        if self.encoded[:1] == _NATIVE:
            _, offset, length, _ = _NATIVE_FORM.unpack(self.encoded)
            return (Extent(offset + (number - 1) * length, length),)
        first, end = self._first_entry(number), self._first_entry(number + 1)
        return tuple(Extent(*self._entry(index)[1:]) for index in range(first, end))

    def _first_entry(self, number: int) -> int:
        """The index of the first entry whose frame is `number` or a later one."""
        low, high = 0, (len(self.encoded) - _HEAD.size) // _ENTRY.size
        while low < high:
            middle = (low + high) // 2
            if self._entry(middle)[0] < number:
                low = middle + 1
            else:
                high = middle
        return low

    def _entry(self, index: int) -> tuple[int, int, int]:
        number, offset, length = _ENTRY.unpack_from(self.encoded, _HEAD.size + index * _ENTRY.size)
        return number, offset, length
