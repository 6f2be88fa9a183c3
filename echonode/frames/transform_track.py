"""The latest transforms of each tracked device, and which of them is nearest to a frame in time.

Rules
- A few of each device are kept; of so many devices, and no more: a sender invents names for free.
- The nearest is by the sender's clock, where both have a time; else it is the last that came.
"""

from __future__ import annotations

from collections import deque

from echonode.frames.frame import Transforms
from echonode.probe.tracked_fields import TRANSFORMS_A_FRAME, Matrix

KEPT_OF_EACH = 16  # trackers send up to ten for each image


class TransformTrack:
    """What came over one connection."""

    def __init__(self) -> None:
        self._of: dict[str, deque[tuple[float | None, Matrix]]] = {}

    def take(self, device: str, timestamp_s: float | None, matrix: Matrix) -> bool:
        """Keep it; whether there was room for the device."""
        kept = self._of.get(device)
        if kept is None:
            if len(self._of) >= TRANSFORMS_A_FRAME:
                return False
            kept = self._of[device] = deque(maxlen=KEPT_OF_EACH)
        kept.append((timestamp_s, matrix))
        return True

    def at(self, timestamp_s: float | None) -> Transforms:
        """Of each device, the transform nearest to that time; None: the last."""
        return {device: _nearest(kept, timestamp_s) for device, kept in self._of.items()}


def _nearest(kept: deque[tuple[float | None, Matrix]], timestamp_s: float | None) -> Matrix:
    timed = [(at, matrix) for at, matrix in kept if at is not None]
    if timestamp_s is None or len(timed) < len(kept):
        return kept[-1][1]
    # Of two alike, the later one: it came with the frame.
    return min(reversed(timed), key=lambda one: abs(one[0] - timestamp_s))[1]
