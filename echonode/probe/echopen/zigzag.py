"""Finding lines in a stream that has no frame marks: the zig-zag of their numbers is the mark.

Rules
- A sweep counts 1..N, the next N..1, and so on: a border line comes twice in a row. Number and
  direction together are a place on this walk of 2N steps; one line fixes the place up to its
  direction, and its successor fixes the direction.
- One line number proves nothing, since any sample may look like one; so do two, as neighbouring
  lines resemble each other. CHECKED_LINES numbers in step, each a line apart, do.
- The search looks at every byte offset, since nothing says that lost bytes come in pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Envelope samples in water are below 10 nearly everywhere: about one in ten is the number that the
# walk asks for. Eight in step: about 2 * 10**-8 an offset, 10**-4 for all offsets of a line.
CHECKED_LINES = 8


class Walk:
    """The endless order of line numbers 1..N, N..1; a place is 0..2N-1."""

    def __init__(self, lines: int) -> None:
        self.lines = lines
        self.length = 2 * lines
        up = np.arange(1, lines + 1, dtype=np.int32)
        self.table: NDArray[np.int32] = np.concatenate([up, up[::-1]])
        self.numbers: list[int] = self.table.tolist()

    def ascending(self, place: int) -> bool:
        """Whether the line at `place` belongs to a sweep from line 1 to line N."""
        return place < self.lines

    def after(self, place: int) -> int:
        """The next place."""
        return (place + 1) % self.length

    def between(self, expected: int, found: int) -> int:
        """How many lines were passed over from `expected` to `found`, whole turns not counted."""
        return (found - expected) % self.length


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """A line begins `offset` bytes into the buffer, at `place` on the walk."""

    offset: int
    place: int


def find_alignment(
    data: memoryview, *, walk: Walk, line_bytes: int, number_bytes: int, check: int = CHECKED_LINES
) -> tuple[Alignment | None, int]:
    """The first offset from which `check` lines are in step, and how many offsets were refused.

    number_bytes: 1 or 2 (little-endian) at the head of each line. Only offsets whose last line
    number is already in `data` are judged: the rest waits for more bytes.
    """
    judged = len(data) - (check - 1) * line_bytes - number_bytes + 1
    if judged <= 0:
        return None, 0
    numbers = _numbers_at_each_offset(data, number_bytes)
    first = numbers[:judged]
    plausible = np.flatnonzero((first >= 1) & (first <= walk.lines))
    found: list[Alignment] = []
    for places in (first[plausible] - 1, walk.length - first[plausible]):
        in_step = plausible
        for k in range(1, check):
            right = numbers[in_step + k * line_bytes] == walk.table[(places + k) % walk.length]
            in_step, places = in_step[right], places[right]
        if in_step.size:
            found.append(Alignment(offset=int(in_step[0]), place=int(places[0])))
    if not found:
        return None, judged
    best = min(found, key=lambda alignment: alignment.offset)
    return best, best.offset


def _numbers_at_each_offset(data: memoryview, number_bytes: int) -> NDArray[np.int32]:
    """The line number that would stand at each byte offset of `data`."""
    raw = np.frombuffer(data, dtype=np.uint8).astype(np.int32)
    return raw if number_bytes == 1 else raw[:-1] | (raw[1:] << 8)
