"""How many instances a destination stored in the last minutes: for the outbox.

In memory only, for each whole second one number: what a person reads is a rate over minutes.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

OVER_S = 300


class SendingRate:
    """Counts what was stored. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._counts: deque[tuple[int, int]] = deque(maxlen=OVER_S)  # (second, stored in it)

    def count(self) -> None:
        """One more was stored."""
        second = int(self._monotonic())
        with self._lock:
            if self._counts and self._counts[-1][0] == second:
                self._counts[-1] = (second, self._counts[-1][1] + 1)
            else:
                self._counts.append((second, 1))

    def per_minute(self) -> float:
        """Instances a minute over the last OVER_S seconds, or since the first where that is less.

        Over a minute at least, so that the first instance after a pause is not a rate of 60.
        """
        now_s = self._monotonic()
        with self._lock:
            recent = [(at, count) for at, count in self._counts if at > now_s - OVER_S]
        if not recent:
            return 0.0
        over_s = min(float(OVER_S), max(60.0, now_s - recent[0][0]))
        return sum(count for _, count in recent) * 60 / over_s
