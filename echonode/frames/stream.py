"""What a protocol is to the rest of the node: bytes of one connection in, frames out.

For authors of a probe protocol: write one module with a class of the form of `FrameStream`, and
give it one line in protocols.py. For a wire of scan lines there is less to do: write a decoder
(probe/messages.py) and let SectorStream make the frames.

Two threads meet here, and only here: `receive` runs where the socket is read, and must be quick;
`PendingFrame.develop` runs where pixels are made, one call at a time and in order. A frame that is
dropped between the two is never developed, so it costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echonode.frames.frame import Calibration


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """What a developed frame shows. pixels: as in frame.Frame."""

    pixels: NDArray[np.uint8]
    calibration: Calibration | None


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingFrame:
    """A whole frame as it came off the wire, not yet pixels; fields as in frame.Frame."""

    sequence: int
    develop: Callable[[], Picture]
    missing_lines: int = 0
    source_timestamp_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class StreamCounts:
    """What one connection brought so far, and what it did not.

    frames: whole frames and partial ones. partial: those with lines missing. incomplete: frames
    given up since too much of them never came. The rest counts lines and bytes.
    """

    frames: int = 0
    partial: int = 0
    incomplete: int = 0
    lines_missing: int = 0
    bytes_skipped: int = 0


class FrameStream(Protocol):
    """One connection of one probe."""

    @property
    def counts(self) -> StreamCounts:
        """A snapshot; may be read from any thread."""
        ...

    def greeting(self) -> bytes:
        """What to send as soon as the connection is open; empty for a probe that only talks."""
        ...

    def receive(self, data: bytes) -> Sequence[PendingFrame]:
        """The frames that `data` completes; ProtocolError where it is not of the protocol."""
        ...

    def finish(self) -> Sequence[PendingFrame]:
        """The connection ended: frames that were whole. Never raises."""
        ...
