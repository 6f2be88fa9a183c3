"""How long each frame of a film is shown, for a file whose clock has ticks. Pure.

Rules
- The times are those that a person reviews the cine with (review/image_view.py): what it records,
  the last frame as long as the mean of those before.
- Each frame ends at the tick that is nearest to its true end: the differences do not add up, and
  the film lasts as long as the sum of its frame times, to half a tick.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from echonode.copies.pictures.stills import numbers
from echonode.copies.source import CopyOptions, CopySource
from echonode.errors import InvalidObject
from echonode.review.image_view import image_view


def durations_ms(source: CopySource, options: CopyOptions) -> tuple[float, ...]:
    """Of each frame. Raises InvalidObject for a still, or a cine that records no times."""
    if len(numbers(source, options)) < 2:
        raise InvalidObject("it is a still: a film needs several frames")
    if options.frame_time_ms is not None:
        return (options.frame_time_ms,) * source.frames
    found = image_view(source.header).durations_ms
    if not found:
        raise InvalidObject("it does not record how long its frames last: give --frame-time MS")
    return found


def pixel_ratio(source: CopySource) -> float:
    """Height of a pixel over its width, by which a film gets square ones. Raises InvalidObject."""
    return image_view(source.header).pixel_ratio


def ticks(durations: Sequence[float], per_ms: float, *, least: int = 1) -> list[int]:
    """The durations, in ticks of 1/per_ms milliseconds, each of `least` ticks or more."""
    found, before = [], 0
    for end in accumulate(durations):
        after = max(before + least, round(end * per_ms))
        found.append(after - before)
        before = after
    return found
