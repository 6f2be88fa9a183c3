"""A figure that costs more the more is stored: read again only as often as its cost allows.

A count of a million deliveries takes a fraction of a second, and a page asks for it every second.
Where a reading took 100 ms it is kept for two seconds; one of a small store takes a millisecond and
is always new.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")

# At most this part of the time goes into reading one figure.
SHARE = 0.05


class PacedReading(Generic[Value]):
    """The last value of `read`, read again once it is older than its cost / SHARE. Thread-safe."""

    def __init__(self, read: Callable[[], Value], *, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: tuple[Value] | None = None
        self._good_until = 0.0

    def __call__(self) -> Value:
        """Raises what `read` raises; then the next call reads again."""
        with self._lock:  # callers at the same time get one reading
            began = self._monotonic()
            if self._known is not None and began < self._good_until:
                return self._known[0]
            value = self._read()
            ended = self._monotonic()
            self._known, self._good_until = (value,), ended + (ended - began) / SHARE
            return value
