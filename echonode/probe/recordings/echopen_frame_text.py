"""A frame of an echOpen recording as text: `#key:value` lines, then a row of numbers for each line.

The kit's client (probe_mode_B.c) writes timestamp, lines, length, frequency (of the samples, in
MHz), piezofrequency (in MHz), angle, r0 and rf before each frame; other tools write the rows alone.

`#timestamp` is Unix time, in whole seconds, of the computer that recorded: its clock, right or not.
It tells the day, and is too coarse to tell one frame from the next (0.8 s). A time before the first
echOpen probe is that of a clock that was never set, and no time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError

KEYS_LIMIT = 64  # the client writes eight
EARLIEST = datetime(2014, 1, 1, tzinfo=UTC)  # the project's first year
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameText:
    """One frame. keys: its `#` lines that are numbers. samples: (lines, samples), line 1 first."""

    keys: Mapping[str, float]
    samples: NDArray[np.int16]

    @property
    def recorded_at(self) -> datetime | None:
        """When the recorder wrote it, by the recorder's clock; aware, in UTC."""
        seconds = self.keys.get("timestamp", 0.0)
        if not EARLIEST.timestamp() <= seconds <= LATEST.timestamp():
            return None
        return datetime.fromtimestamp(seconds, UTC)

    @property
    def transducer_frequency_khz(self) -> float | None:
        megahertz = self.keys.get("piezofrequency", 0.0)
        return megahertz * 1e3 if 0 < megahertz <= 100 else None


def frame_text(content: bytes, what: str) -> FrameText:
    """The frame in `content`. Raises ProtocolError, which names it as `what`."""
    rows = content.splitlines()
    keys: dict[str, float] = {}
    first = 0
    for first, row in enumerate(rows):
        if not row.startswith(b"#"):
            break
        if first == KEYS_LIMIT:
            raise ProtocolError(f"{what} has more than {KEYS_LIMIT} header lines")
        key, _, value = row[1:].decode("ascii", "replace").partition(":")
        keys[key.strip()] = _number(value, f"{what}: header line {key.strip()[:32]!r}")
    return FrameText(keys=keys, samples=_samples(rows[first:], what))


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ProtocolError(f"{what} is not a number")
    return number


def _samples(rows: list[bytes], what: str) -> NDArray[np.int16]:
    """A table of whole numbers, a row a line."""
    try:
        table = np.array([row.split() for row in rows if row.strip()], dtype=np.float64)
    except ValueError:
        raise ProtocolError(f"{what} is not a table of numbers") from None
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ProtocolError(f"{what} is not a table of numbers")
    limits = np.iinfo(np.int16)
    return np.clip(table, limits.min, limits.max).astype(np.int16)
