"""How much of a received dataset is looked at: each limit with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class WalkLimits:
    """How much of a dataset is walked."""

    # Of the outermost dataset. The richest real ones have some thousands.
    elements: int
    # Of one sequence. Enhanced objects have one for each frame; fragments of Pixel Data, of which
    # whole slides have more, are not counted here.
    items: int
    # Headers in all. A walk takes one to three microseconds for each: this bounds its time.
    headers: int
    # Sequences in sequences. Structured reports, the deepest real objects, stay under 20.
    nested: int = 64


# An enhanced object of 10,000 frames with 90 headers for each is still walked to its end.
STORED = WalkLimits(elements=100_000, items=100_000, headers=1_000_000)

# Bytes of a whole dataset that was deflated: as many as one that was not may have when it is
# received (dimse/limits.py).
MOST_INFLATED: Final = 2 * 1024**3
# Bytes of a sequence that are looked at; what is longer has its first ones looked at.
INSPECTED: Final = 256 * 1024
