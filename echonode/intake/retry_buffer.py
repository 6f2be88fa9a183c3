"""Captures that the store refused for now, kept in memory up to a limit in bytes.

They wait in the order in which they were taken; the intake decides when they are tried again.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from echonode.frames.frame import Acquisition
from echonode.objects.ultrasound import UltrasoundObject


@dataclass(kw_only=True, eq=False)
class Capture:
    """An acquisition on its way; `built` once its object is. taken_at: on the monotonic clock."""

    acquisition: Acquisition
    taken_at: float
    built: UltrasoundObject | None = None

    @property
    def size(self) -> int:
        """Bytes of its pixels, and of lines that are kept."""
        return sum(frame.nbytes for frame in self.acquisition.frames)


class RetryBuffer:
    """The captures that wait. Thread-safe."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._waiting: deque[Capture] = deque()
        self._bytes = 0
        self._lock = threading.Lock()

    def totals(self) -> tuple[int, int]:
        """How many wait, and how many bytes of pixels they are."""
        with self._lock:
            return len(self._waiting), self._bytes

    def hold(self, capture: Capture) -> bool:
        """Keep it behind the others; False where there is no room for it."""
        with self._lock:
            if self._bytes + capture.size > self._limit_bytes:
                return False
            self._waiting.append(capture)
            self._bytes += capture.size
            return True

    def oldest(self) -> Capture | None:
        """The one that waits longest; None where none waits. It stays until it is let go."""
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def remove(self, capture: Capture) -> None:
        """It need not wait any more; nothing where it did not."""
        with self._lock:
            if capture in self._waiting:
                self._waiting.remove(capture)
                self._bytes -= capture.size

    def all(self) -> list[Capture]:
        """Those that wait, the oldest first."""
        with self._lock:
            return list(self._waiting)
