"""What a waiting thread needs: a clock that nobody sets, a way for others to wake it, and a sign
that it lives.

Why a subclass of pynetdicom's Timer: the original reads the wall clock, so a step of it ends
associations or keeps them for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

from pynetdicom.timer import Timer


class MonotonicTimer(Timer):
    """pynetdicom's timer by a clock that nobody sets."""

    def start(self) -> None:
        self._start_time, self._end_time = time.monotonic(), None

    def stop(self) -> None:
        self._start_time = None

    @property
    def is_running(self) -> bool:
        return self._start_time is not None

    @property
    def remaining(self) -> float:
        if self.timeout is None or self._start_time is None:
            return float("inf")
        return self.timeout - (time.monotonic() - self._start_time)


class NoWait(threading.Event):
    """An event that nobody waits for."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class Birth:
    """Whether a new thread takes its first step: it and who starts it agree on that.

    Locks only: nothing here asks for memory, the want of which is what it is about.
    """

    def __init__(self) -> None:
        self._stepped = threading.Lock()
        self._stepped.acquire()
        self._decided = threading.Lock()

    def step(self) -> bool:
        """The new thread's first: False when it comes too late, and nobody expects it any more."""
        self._stepped.release()
        return self._decided.acquire(blocking=False)

    def is_seen(self, patience_s: float) -> bool:
        """Whether the thread begins in time; if not, it never will."""
        return self._stepped.acquire(timeout=patience_s) or not self._decided.acquire(
            blocking=False
        )


_ONE = (1).to_bytes(8, sys.byteorder)
_PIPE_BYTES = 65536  # all that a pipe holds, so that one reading clears it


class WakeUp:
    """A descriptor that another thread makes readable.

    It takes one only once it is opened: nobody has to wake a caller that has not said who it is.
    What was set before is not lost. Elsewhere than on Linux it is a pipe, and takes two.
    """

    def __init__(self) -> None:
        self._descriptor = self._writing_end = -1
        self._is_closed = self._was_set = False
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    def open(self) -> None:
        """Take the descriptor. Raises OSError where the system gives none."""
        with self._lock:
            if self._is_closed or self._descriptor >= 0:
                return
            if hasattr(os, "eventfd"):
                flags = os.EFD_NONBLOCK | os.EFD_CLOEXEC
                self._descriptor = self._writing_end = os.eventfd(0, flags)
            else:
                self._descriptor, self._writing_end = os.pipe()
                os.set_blocking(self._descriptor, False)
                os.set_blocking(self._writing_end, False)
            if self._was_set:
                self._write()

    def fileno(self) -> int:
        """For poll; -1 while it is not open."""
        return self._descriptor

    def set(self) -> None:
        with self._lock:
            self._was_set = True
            if self._descriptor >= 0:
                self._write()

    def clear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._descriptor, _PIPE_BYTES)

    def close(self) -> None:
        with self._lock:
            for descriptor in {self._descriptor, self._writing_end} - {-1}:
                os.close(descriptor)
            self._descriptor, self._writing_end, self._is_closed = -1, -1, True

    def _write(self) -> None:
        """An eventfd takes a number of eight bytes (eventfd(2)); a pipe takes any."""
        with contextlib.suppress(BlockingIOError):  # full: it is readable
            os.write(self._writing_end, _ONE)
