"""What the functional groups of a multi-frame image say of how one frame is shown.

Rules
- Pixel Value Transformation (PS3.3 C.7.6.16.2.9) and Frame VOI LUT (C.7.6.16.2.10) alone are read:
  what the shared groups say holds for each frame for which its own group does not say otherwise.
- What cannot be read is as if it were not there.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Mapping
from typing import Final

from pydicom.tag import Tag

from echonode.errors import Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Value,
    header_at,
)
from echonode.transcoding.file_bytes import source_of

SHARED: Final = Tag("SharedFunctionalGroupsSequence")
PER_FRAME: Final = Tag("PerFrameFunctionalGroupsSequence")
_MACROS: Final = frozenset({Tag("PixelValueTransformationSequence"), Tag("FrameVOILUTSequence")})
_LONGEST: Final = 64 * 1024  # of a macro's sequence


def frame_values(
    found: Mapping[int, Value], wanted: Container[int], frame: int | None, *, implicit: bool
) -> dict[int, Value]:
    """The values of `wanted` in the groups of a frame, from 0 on; None: in the shared ones alone.

    found: of the outermost data set, with the two sequences of groups where they are there.
    """
    values: dict[int, Value] = {}
    for sequence, index in ((SHARED, 0), (PER_FRAME, frame)):
        if index is None or sequence not in found:
            continue
        try:
            group = _item(found[sequence].value, index, implicit=implicit)
            for macro in _head(group, _MACROS, implicit=implicit).values():
                item = _item(macro.value, 0, implicit=implicit)
                values.update(_head(item, wanted, implicit=implicit))
        except (Unreadable, struct.error):
            continue
    return values


def _head(item: bytes, wanted: Container[int], *, implicit: bool) -> dict[int, Value]:
    walk = DatasetWalk(source_of(item), implicit=implicit)
    return walk.head(wanted, longest=_LONGEST, sequences=True)


def _item(sequence: bytes, index: int, *, implicit: bool) -> bytes:
    """An item's content; b'' where there are fewer items. Raises Unreadable, struct.error."""
    at = 0
    while at < len(sequence):
        header = header_at(sequence, at, 0, implicit=implicit, order="<")
        if header.tag != ITEM:
            break
        if header.length == UNDEFINED:
            end = _end_of(sequence, header.start, implicit=implicit)
            at = header_at(sequence, end, 0, implicit=implicit, order="<").start
        else:
            at = end = header.start + header.length
        if not index:
            return sequence[header.start : end]
        index -= 1
    return b""


def _end_of(sequence: bytes, start: int, *, implicit: bool) -> int:
    """Where the delimiter of an item of undefined length begins."""
    at, opened = start, 0
    while True:
        header = header_at(sequence, at, 0, implicit=implicit, order="<")
        if header.tag in (ITEM_END, SEQUENCE_END):
            if not opened:
                return at
            opened -= 1
            at = header.start
        elif header.length == UNDEFINED:
            opened += 1
            at = header.start
        else:
            at = header.start + header.length
