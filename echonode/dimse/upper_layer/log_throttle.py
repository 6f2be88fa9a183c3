"""How often the same event is logged: a caller that repeats its calls must not fill the log."""

from __future__ import annotations

import threading
from collections import OrderedDict


class Tally:
    """Decides when a refusal is logged: the first at once, then once in each window with a count.

    Keeps at most `capacity` (address, reason) pairs, so that many addresses do not exhaust memory.
    """

    def __init__(self, window_s: float, *, capacity: int = 1_024) -> None:
        self._window_s = window_s
        self._capacity = capacity
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def note(self, address: str, meaning: str, *, now: float) -> int | None:
        """How many there were since the last line, if a line is due at `now` (seconds)."""
        key = (address, meaning)
        with self._lock:
            since, count = self._seen.get(key, (None, 0))
            if since is not None and now - since < self._window_s:
                self._seen[key] = (since, count + 1)
                return None
            self._seen[key] = (now, 0)
            self._seen.move_to_end(key)
            if len(self._seen) > self._capacity:
                self._seen.popitem(last=False)
            return count + 1
