"""What may become of a change that is not sure when the power is cut: the ways that are tried.

The extremes are values; torn and random ones are made of a generator, so that each is the same
again from the same seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.faults.disks.effects import Change, Node, Resized, Written

SECTOR = 512
MAPPED_BYTES = 32_768  # SQLite maps its -shm in pieces of this size


@dataclass(frozen=True, kw_only=True)
class Fate:
    """One way for the unsure to end.

    of_name: the values a name had since it was sure, the sure one first -> the one it has.
    of_change: a change, and whether it is the last write of all -> what is there of it.
    of_mapped: whether the file is there with nonsense in it.
    """

    name: str
    of_name: Callable[[Sequence[Node | None]], Node | None]
    of_change: Callable[[Change, bool], Sequence[Change]]
    of_mapped: Callable[[], bytes]


def _nothing_of(change: Change, is_last: bool) -> Sequence[Change]:
    return ()


def _all_of(change: Change, is_last: bool) -> Sequence[Change]:
    return (change,)


def _zeros_of(change: Change, is_last: bool) -> Sequence[Change]:
    """The size without the bytes."""
    if isinstance(change, Resized):
        return (change,)
    return (Resized(change.file, change.offset + len(change.data), grow_only=True),)


def _empty() -> bytes:
    return b""


NOTHING = Fate(
    name="nothing unsure",
    of_name=lambda values: values[0],
    of_change=_nothing_of,
    of_mapped=_empty,
)
EVERYTHING = Fate(
    name="everything", of_name=lambda values: values[-1], of_change=_all_of, of_mapped=_empty
)
ONLY_NAMES = Fate(
    name="names and sizes without bytes",
    of_name=lambda values: values[-1],
    of_change=_zeros_of,
    of_mapped=_empty,
)
ONLY_BYTES = Fate(
    name="bytes without names",
    of_name=lambda values: values[0],
    of_change=_all_of,
    of_mapped=_empty,
)


def torn(draw: random.Random) -> Fate:
    """Everything is there, but of the last write only some sectors."""

    def of_change(change: Change, is_last: bool) -> Sequence[Change]:
        return some_sectors(change, draw) if is_last else (change,)

    return Fate(
        name="last write torn",
        of_name=lambda values: values[-1],
        of_change=of_change,
        of_mapped=lambda: _nonsense(draw),
    )


def by_chance(draw: random.Random) -> Fate:
    """Each change by itself is there, in part there, or not."""
    likely = draw.choice((0.1, 0.5, 0.9, 0.98))

    def of_change(change: Change, is_last: bool) -> Sequence[Change]:
        if draw.random() < likely:
            return (change,)
        match draw.randrange(4):
            case 0:
                return some_sectors(change, draw)
            case 1:
                return _zeros_of(change, is_last)
        return ()

    def of_name(values: Sequence[Node | None]) -> Node | None:
        return values[-1] if draw.random() < likely else draw.choice(values)

    return Fate(
        name="by chance",
        of_name=of_name,
        of_change=of_change,
        of_mapped=lambda: _nonsense(draw),
    )


def some_sectors(change: Change, draw: random.Random) -> Sequence[Change]:
    """A write in part: its first sectors, its last, or any."""
    if isinstance(change, Resized):
        return (change,) if draw.random() < 0.5 else ()
    sectors = list(sectors_of(change))
    at = draw.randrange(len(sectors) + 1)
    match draw.randrange(3):
        case 0:
            return sectors[:at]
        case 1:
            return sectors[at:]
    return [sector for sector in sectors if draw.random() < 0.5]


def sectors_of(change: Written) -> Iterator[Written]:
    """A write cut at the sectors of its file."""
    start, end = change.offset, change.offset + len(change.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        data = change.data[start - change.offset : stop - change.offset]
        yield Written(change.file, start, data)
        start = stop


def _nonsense(draw: random.Random) -> bytes:
    return draw.choice((b"", bytes(MAPPED_BYTES), draw.randbytes(MAPPED_BYTES)))
