"""Which of the sender's time stamps can be believed, and where the frames without one belong.

Rules
- A stamp is usable where it is a number, lies near the frame's arrival as the others do, and rises.
  Of stamps that fall or repeat, the fewest are left out that leave the rest rising.
- A live source's stamps are checked against arrival, which only ever is late: the clock of the
  source is wrong where its difference from arrival changes by more than STEP_WITHIN_S between two
  frames or over the whole clip, or where it gains or loses more than DRIFT_WITHIN_S and
  DRIFT_SHARE of the clip, measured on the frames that came most promptly.
- A recording has no arrival to check by. Its stamps are the recorder's word.
- Frames without a usable stamp are placed between their neighbours, by their sequence number. At
  the ends of a live clip they are placed by arrival, in a recording by its mean interval.
- Where more than UNUSABLE_SHARE of a live clip has none, arrival times say more than such a clock.

All is pure: facts in, moments or a reason out.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

STEP_WITHIN_S = 1.0  # networks hold frames back for so long; a clock that was set jumps further
DRIFT_WITHIN_S = 0.15  # what the promptest frames of a third of a clip may still be late
DRIFT_SHARE = 0.05  # no quartz is out by a ten-thousandth; a wrong unit or a slowed replay is
UNUSABLE_SHARE = 0.25  # one stamp in four repeated or missing is not a slip any more
LONGEST_S = 86_400.0  # no clip is a day long; its milliseconds still fit a DS of 16 characters

NO_TIMES = "the source sends none"
_MISSING = "the source left frames without a time"
_NO_NUMBERS = "the source sent times that are no numbers"
_BACK = "the source clock stood still or went back"
_JUMPED = "the source clock jumped"
_APART = "the source clock does not run with ours"


@dataclass(frozen=True, kw_only=True)
class StampedFrame:
    """What is known of one frame's time.

    sequence: rises from frame to frame. stamp_s: the sender's clock. arrived_s: ours, not falling;
    None for a frame of a recording, which did not arrive.
    """

    sequence: int
    stamp_s: float | None
    arrived_s: float | None


@dataclass(frozen=True, kw_only=True)
class SourceTimes:
    """The moments by the sender's clock, or why there are none.

    times_s: one for each frame, not falling; empty where the stamps cannot be believed. placed: how
    many frames had no usable stamp and stand between their neighbours. reason: '' with times.
    """

    times_s: tuple[float, ...] = ()
    placed: int = 0
    reason: str = ""


def source_times(frames: Sequence[StampedFrame]) -> SourceTimes:
    """The verdict on the stamps of a clip's frames, all of which arrived or none."""
    numbers = [frame for frame in frames if _is_number(frame.stamp_s)]
    if not numbers:
        return SourceTimes(reason=_why_no_numbers(frames) or NO_TIMES)
    usual_s = median(_lead_s(frame) for frame in numbers)
    near = [frame for frame in numbers if abs(_lead_s(frame) - usual_s) <= STEP_WITHIN_S]
    good = _rising(near)
    reason = _refusal(frames, numbers, near, good)
    if reason:
        return SourceTimes(reason=reason)
    return SourceTimes(times_s=_placed(frames, good), placed=len(frames) - len(good))


def _refusal(
    frames: Sequence[StampedFrame],
    numbers: Sequence[StampedFrame],
    near: Sequence[StampedFrame],
    good: Sequence[StampedFrame],
) -> str:
    """Why the good stamps do not suffice; '' where they do."""
    live = frames[0].arrived_s is not None
    least = math.ceil(len(frames) * (1 - UNUSABLE_SHARE)) if live else 2
    if len(good) < least:
        causes = (
            (len(frames) - len(numbers), _why_no_numbers(frames)),
            (len(numbers) - len(near), _why_far(numbers)),
            (len(near) - len(good), _BACK),
        )
        return max(causes, key=lambda cause: cause[0])[1]
    if _stamp(good[-1]) - _stamp(good[0]) > LONGEST_S:
        return _JUMPED
    return _why_not_with_arrival(good) if live else ""


def _why_not_with_arrival(good: Sequence[StampedFrame]) -> str:
    """How the clock fails to run with arrival, per interval and in sum; '' where it does not."""
    leads = [_lead_s(frame) for frame in good]
    if any(abs(later - earlier) > STEP_WITHIN_S for earlier, later in pairwise(leads)):
        return _JUMPED
    began, ended = _arrived(good[0]), _arrived(good[-1])
    third = (ended - began) / 3
    # The promptest frames: a late arrival lowers the lead, and nothing but the clock raises it.
    first = max(_lead_s(frame) for frame in good if _arrived(frame) <= began + third)
    last = max(_lead_s(frame) for frame in good if _arrived(frame) >= ended - third)
    drifts = abs(last - first) > DRIFT_WITHIN_S + DRIFT_SHARE * (ended - began)
    return _APART if drifts or abs(leads[-1] - leads[0]) > STEP_WITHIN_S else ""


def _why_no_numbers(frames: Sequence[StampedFrame]) -> str:
    if any(frame.stamp_s is not None and not _is_number(frame.stamp_s) for frame in frames):
        return _NO_NUMBERS
    return "" if all(frame.stamp_s is None for frame in frames) else _MISSING


def _why_far(numbers: Sequence[StampedFrame]) -> str:
    if any(_stamp(later) <= _stamp(earlier) for earlier, later in pairwise(numbers)):
        return _BACK
    leads = [_lead_s(frame) for frame in numbers]
    jumped = any(abs(later - earlier) > STEP_WITHIN_S for earlier, later in pairwise(leads))
    return _JUMPED if jumped else _APART


def _rising(frames: Sequence[StampedFrame]) -> list[StampedFrame]:
    """The longest part of `frames` whose stamps rise; of equal stamps the first is kept."""
    ends: list[int] = []  # at n: index of the lowest stamp that ends a rising part of n + 1 frames
    before: list[int] = []  # for each frame: index of the one before it in its part, or -1
    for index, frame in enumerate(frames):
        place = bisect_left(ends, _stamp(frame), key=lambda end: _stamp(frames[end]))
        before.append(ends[place - 1] if place else -1)
        if place == len(ends):
            ends.append(index)
        elif _stamp(frames[ends[place]]) > _stamp(frame):
            ends[place] = index
    kept: list[StampedFrame] = []
    index = ends[-1] if ends else -1
    while index >= 0:
        kept.append(frames[index])
        index = before[index]
    return kept[::-1]


def _placed(frames: Sequence[StampedFrame], good: Sequence[StampedFrame]) -> tuple[float, ...]:
    """The moment of every frame, counted from the first good stamp so that nothing is rounded."""
    base = _stamp(good[0])
    return tuple(_moment(frame, good) - base for frame in frames)


def _moment(frame: StampedFrame, good: Sequence[StampedFrame]) -> float:
    """A frame's own stamp where it is good, else its place between, before or behind them."""
    after = bisect_left(good, frame.sequence, key=lambda other: other.sequence)
    if after < len(good) and good[after] is frame:
        return _stamp(frame)
    if 0 < after < len(good):
        left, right = good[after - 1], good[after]
        share = (frame.sequence - left.sequence) / (right.sequence - left.sequence)
        return min(_stamp(left) + share * (_stamp(right) - _stamp(left)), _stamp(right))
    nearest = good[0] if after == 0 else good[-1]
    if frame.arrived_s is not None:
        # The difference first: where it is zero the moment is the neighbour's, to the last bit.
        return _stamp(nearest) + (frame.arrived_s - _arrived(nearest))
    interval_s = (_stamp(good[-1]) - _stamp(good[0])) / (good[-1].sequence - good[0].sequence)
    return _stamp(nearest) + interval_s * (frame.sequence - nearest.sequence)


def _is_number(stamp: float | None) -> bool:
    return stamp is not None and math.isfinite(stamp)


def _stamp(frame: StampedFrame) -> float:
    assert frame.stamp_s is not None
    return frame.stamp_s


def _arrived(frame: StampedFrame) -> float:
    assert frame.arrived_s is not None
    return frame.arrived_s


def _lead_s(frame: StampedFrame) -> float:
    """How far the sender's clock is ahead of ours, less the frame's delay; 0 in a recording."""
    return 0.0 if frame.arrived_s is None else _stamp(frame) - frame.arrived_s
