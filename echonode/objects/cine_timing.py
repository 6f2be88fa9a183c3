"""When each frame of a cine was taken (PS3.3 C.7.6.5 Cine, C.7.6.6 Multi-frame).

Rules
- Where the times come from, in this order:
  1. the sender's or recorder's own stamps, checked against arrival (source_times.py); frames
     without a usable stamp stand between their neighbours, and a remark counts them;
  2. in a recording, the frames' places at its frame rate; a remark says that times are not known.
     When they were shown is never their time;
  3. monotonic arrival times; a remark says why.
- A rate that was not given is a recommendation to the viewer and no more: Frame Time, which
  Multi-frame requires, and Recommended Display Frame Rate are written, Cine Rate and Effective
  Duration are not.
- Even means: no frame lies further from its place in an evenly spaced row than a twentieth of a
  frame time, by arrival, since a network shakes; a thousandth, by the sender's clock, since what it
  measured is written as it was. Then Frame Increment Pointer names Frame Time, which says it in one
  number; otherwise Frame Time Vector, whose first element is 0.
- Vector elements are differences of moments rounded to a microsecond, so their sum never drifts.
- Rates are written only where time passed: a cine whose stamps are all equal has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.frames.frame import Frame
from echonode.objects.source_times import NO_TIMES, StampedFrame, source_times
from echonode.objects.values import refusal

EVEN_WITHIN = 0.05  # of a frame time: 2.5 ms at 20 frames/s, below what an eye or a viewer tells
SOURCE_EVEN_WITHIN = 0.001  # 50 us at 20 frames/s: no more than the rounding of a slow clock
_VECTOR_BYTES = 65534  # explicit VR holds DS in a 16 bit length (PS3.3 C.7.6.5, note)
_LARGEST_IS = 2**31 - 1


class TimeSource(StrEnum):
    """Where the moments of a cine come from."""

    STAMPS = "source"  # the clock of the sender or recorder
    ARRIVAL = "arrival"  # ours
    SPACING = "spacing"  # none: a recording's frames at even distances


@dataclass(frozen=True, kw_only=True)
class CineTiming:
    """The moments of a cine's frames.

    offsets_us: microseconds from the first frame to each frame, not falling; the first is 0.
    even: whether one Frame Time describes them all. mean: it does not, and no vector has room.
    note: why they are not the source's stamps, or ''. placed: frames that stand between their
    neighbours for want of a usable stamp. assumed: the rate was not given.
    """

    offsets_us: tuple[int, ...]
    even: bool
    source: TimeSource
    note: str = ""
    placed: int = 0
    assumed: bool = False
    mean: bool = False

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
    played = frames[0].played
    if played is None and any(b.elapsed_s < a.elapsed_s for a, b in pairwise(frames)):
        raise refusal("FrameTimeVector", "frames are in the order of their time (PS3.3 C.7.6.5)")
    verdict = source_times([_stamped(frame) for frame in frames])
    if verdict.times_s:
        return _timing(verdict.times_s, TimeSource.STAMPS, placed=verdict.placed)
    if played is None:
        return _timing([f.elapsed_s for f in frames], TimeSource.ARRIVAL, note=verdict.reason)
    return _timing(
        [frame.sequence * played.interval_s for frame in frames],
        TimeSource.SPACING,
        note="" if verdict.reason == NO_TIMES else verdict.reason,
        assumed=played.assumed,
    )


def _stamped(frame: Frame) -> StampedFrame:
    return StampedFrame(
        sequence=frame.sequence,
        stamp_s=frame.source_timestamp_s,
        arrived_s=frame.elapsed_s if frame.played is None else None,
    )


def _timing(
    moments_s: Sequence[float],
    source: TimeSource,
    *,
    note: str = "",
    placed: int = 0,
    assumed: bool = False,
) -> CineTiming:
    """The moments in microseconds, and how they can be written."""
    offsets = [round((moment - moments_s[0]) * 1e6) for moment in moments_s]
    even = _is_even(offsets, EVEN_WITHIN if source is TimeSource.ARRIVAL else SOURCE_EVEN_WITHIN)
    mean = not even and _vector_bytes(offsets) > _VECTOR_BYTES
    return CineTiming(
        offsets_us=tuple(offsets),
        even=even or mean,
        source=source,
        note=note,
        placed=placed,
        assumed=assumed,
        mean=mean,
    )


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
        if timing.assumed:
            return
        dataset.CineRate = rate
        dataset.EffectiveDuration = f"{timing.duration_s:.6f}"
