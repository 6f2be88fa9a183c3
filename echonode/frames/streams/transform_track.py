"""The latest transforms of each tracked device, and which of them is nearest to a frame in time.

Rules
- A few of each device are kept; of so many devices, and no more: a sender invents names for free.
- The nearest is by the sender's clock, where both have a time, and no further away than NEAR_S.
  Else it is the last that came, for UNTIMED_FRAMES frames. A tracker that fell silent tells no
  position: a frame without a transform has none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from echonode.frames.frame import Transforms
from echonode.probe.openigtlink.tracked_fields import TRANSFORMS_A_FRAME, Matrix

KEPT_OF_EACH = 16  # trackers send up to ten for each image
NEAR_S = 0.15  # trackers send ten a second or more; in a longer time a hand moves by centimetres
UNTIMED_FRAMES = 10  # a tracker that sends two a second, with twenty images a second


@dataclass(kw_only=True)
class _Device:
    """What came of one device. frames: that were asked for since the last of it."""

    kept: deque[tuple[float | None, Matrix]] = field(
        default_factory=lambda: deque(maxlen=KEPT_OF_EACH)
    )
    frames: int = 0


class TransformTrack:
    """What came over one connection."""

    def __init__(self) -> None:
        self._of: dict[str, _Device] = {}

    def take(self, name: str, timestamp_s: float | None, matrix: Matrix) -> bool:
        """Keep it; whether there was room for the device."""
        device = self._of.get(name)
        if device is None:
            if len(self._of) >= TRANSFORMS_A_FRAME:
                return False
            device = self._of[name] = _Device()
        device.kept.append((timestamp_s, matrix))
        device.frames = 0
        return True

    def at(self, timestamp_s: float | None) -> Transforms:
        """Of each device, the transform of a frame at that time (None: of no known time)."""
        found: dict[str, Matrix] = {}
        for name, device in self._of.items():
            matrix = _of_frame(device, timestamp_s)
            device.frames += 1
            if matrix is not None:
                found[name] = matrix
        return found


def _of_frame(device: _Device, timestamp_s: float | None) -> Matrix | None:
    timed = [(at, matrix) for at, matrix in device.kept if at is not None]
    if timestamp_s is None or len(timed) < len(device.kept):
        return device.kept[-1][1] if device.frames < UNTIMED_FRAMES else None
    # Of two alike, the later one: it came with the frame.
    at, matrix = min(reversed(timed), key=lambda one: abs(one[0] - timestamp_s))
    return matrix if abs(at - timestamp_s) <= NEAR_S else None
