"""When each frame of a cine was taken (PS3.3 C.7.6.5 Cine, C.7.6.6 Multi-frame).

Rules
- Times come from the sender's own clock where it stamps every frame and never goes back or jumps,
  else from the monotonic arrival times; why they do not is said (`note`).
- Even means: no frame lies further from its place in an evenly spaced row than a twentieth of a
  frame time, by arrival, since a network shakes; a thousandth, by the sender's clock, since what it
  measured is told as it was. Then Frame Increment Pointer names Frame Time, which says it in one
  number; otherwise Frame Time Vector, whose first element is 0.
- Vector elements are differences of moments rounded to a microsecond, so their sum never drifts.
- Rates are told only where time passed: a cine whose stamps are all equal has none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.frames.frame import Frame
from echonode.objects.values import refusal

EVEN_WITHIN = 0.05  # of a frame time: 2.5 ms at 20 frames/s, below what an eye or a viewer tells
SOURCE_EVEN_WITHIN = 0.001  # 50 us at 20 frames/s: no more than the rounding of a slow clock
_LONGEST_S = 86_400.0  # no clip is a day long; its milliseconds still fit a DS of 16 characters
_VECTOR_BYTES = 65534  # explicit VR holds DS in a 16 bit length (PS3.3 C.7.6.5, note)
_LARGEST_IS = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class CineTiming:
    """The moments of a cine's frames.

    offsets_us: microseconds from the first frame to each frame, not falling; the first is 0.
    even: whether one Frame Time tells them all.
    source: "source" for the sender's clock, "arrival" for ours. note: why not the sender's, or ''.
    """

    offsets_us: tuple[int, ...]
    even: bool
    source: str
    note: str = ""

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""
        return self.offsets_us[-1] / 1e6

    @property
    def frame_time_ms(self) -> float:
        """Mean milliseconds from one frame to the next."""
        return self.offsets_us[-1] / 1e3 / (len(self.offsets_us) - 1)


def timing_of(frames: Sequence[Frame]) -> CineTiming:
    """The timing of two frames or more.

    Raises InvalidObject where the arrival times themselves go back.
    """
    stamps, note = _source_stamps(frames)
    source = "source" if stamps else "arrival"
    stamps = stamps or [frame.elapsed_s for frame in frames]
    offsets = [round((stamp - stamps[0]) * 1e6) for stamp in stamps]
    if any(later < earlier for earlier, later in pairwise(offsets)):
        raise refusal("FrameTimeVector", "frames are in the order of their time (PS3.3 C.7.6.5)")
    even = _is_even(offsets, SOURCE_EVEN_WITHIN if source == "source" else EVEN_WITHIN)
    if not even and _vector_bytes(offsets) > _VECTOR_BYTES:
        even, note = True, "too many frames for a Frame Time Vector"
    return CineTiming(offsets_us=tuple(offsets), even=even, source=source, note=note)


def _source_stamps(frames: Sequence[Frame]) -> tuple[list[float], str]:
    """The sender's stamps, or none and the reason ('' where it simply has no clock)."""
    stamps = [f.source_timestamp_s for f in frames if f.source_timestamp_s is not None]
    if not stamps:
        return [], ""
    if len(stamps) < len(frames):
        return [], "the source left frames without a time"
    if not all(math.isfinite(stamp) for stamp in stamps):
        return [], "the source sent times that are no numbers"
    if any(later <= earlier for earlier, later in pairwise(stamps)):
        return [], "the source clock stood still or went back"
    if stamps[-1] - stamps[0] > _LONGEST_S:
        return [], "the source clock jumped"
    return stamps, ""


def _is_even(offsets: Sequence[int], within: float) -> bool:
    step = offsets[-1] / (len(offsets) - 1)
    return step > 0 and all(
        abs(offset - place * step) <= within * step for place, offset in enumerate(offsets)
    )


def _vector(offsets: Sequence[int]) -> list[str]:
    """Frame Time Vector: milliseconds since the frame before; 0 for the first (C.7.6.5.1.2)."""
    return ["0", *(_milliseconds(later - earlier) for earlier, later in pairwise(offsets))]


def _vector_bytes(offsets: Sequence[int]) -> int:
    return sum(len(text) + 1 for text in _vector(offsets))


def _milliseconds(microseconds: int) -> str:
    whole, rest = divmod(microseconds, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


def set_cine(dataset: Dataset, timing: CineTiming) -> None:
    """Set the Cine and Multi-frame modules, the pointer as US wants it (C.8.5.6.1.4)."""
    count = len(timing.offsets_us)
    dataset.NumberOfFrames = count
    if timing.even:
        dataset.FrameIncrementPointer = Tag("FrameTime")
        dataset.FrameTime = f"{timing.frame_time_ms:.6f}".rstrip("0").rstrip(".")
    else:
        dataset.FrameIncrementPointer = Tag("FrameTimeVector")
        dataset.FrameTimeVector = _vector(timing.offsets_us)
    dataset.StartTrim, dataset.StopTrim = 1, count
    dataset.PreferredPlaybackSequencing = 0  # looping
    if timing.duration_s > 0:
        rate = min(max(1, round(1e3 / timing.frame_time_ms)), _LARGEST_IS)
        dataset.RecommendedDisplayFrameRate = rate
        dataset.CineRate = rate
        dataset.EffectiveDuration = f"{timing.duration_s:.6f}"
