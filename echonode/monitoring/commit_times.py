"""How long it took from an image to its commitment: counted since the start, for a histogram."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

# Seconds. From an archive that commits at once, over one that commits at night, to a long outage.
BUCKETS_S = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 604_800.0)


@dataclass(frozen=True, kw_only=True)
class TimesToCommit:
    """Of one destination. counts: for each of BUCKETS_S and beyond, not cumulated."""

    counts: tuple[int, ...] = (0,) * (len(BUCKETS_S) + 1)
    sum_s: float = 0.0

    def plus(self, seconds: float) -> TimesToCommit:
        """With one more."""
        index = bisect_left(BUCKETS_S, seconds)
        raised = (count + (number == index) for number, count in enumerate(self.counts))
        return TimesToCommit(counts=tuple(raised), sum_s=self.sum_s + seconds)


class CommitTimes:
    """Destination -> its times. Thread-safe."""

    def __init__(self) -> None:
        self._times: dict[str, TimesToCommit] = {}
        self._lock = threading.Lock()

    def observe(self, destination: str, seconds: float) -> None:
        """One instance was committed, so long after it was taken."""
        with self._lock:
            before = self._times.get(destination, TimesToCommit())
            self._times[destination] = before.plus(max(0.0, seconds))

    def snapshot(self) -> Mapping[str, TimesToCommit]:
        """As they are now."""
        with self._lock:
            return dict(self._times)
