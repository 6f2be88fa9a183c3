"""Primitives of waiting threads: a monotonic timer, an event descriptor, a checked thread start.

Why a subclass of pynetdicom's Timer: the original reads the wall clock, so setting that clock ends
associations or keeps them open without end.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

from pynetdicom.timer import Timer


class MonotonicTimer(Timer):
    """pynetdicom's timer on the monotonic clock."""

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


class AlreadySetEvent(threading.Event):
    """An event whose `wait` returns at once."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class ThreadStart:
    """Whether a new thread runs: the thread and its starter agree on that.

    Locks only. Allocates nothing: it must work when memory is exhausted.
    """

    def __init__(self) -> None:
        self._stepped = threading.Lock()
        self._stepped.acquire()
        self._decided = threading.Lock()

    def entered(self) -> bool:
        """The first call of the new thread; False where its starter has given up."""
        self._stepped.release()
        return self._decided.acquire(blocking=False)

    def wait_started(self, patience_s: float) -> bool:
        """Whether the thread runs within the time. If not, it never will."""
        return self._stepped.acquire(timeout=patience_s) or not self._decided.acquire(
            blocking=False
        )


_ONE = (1).to_bytes(8, sys.byteorder)
_PIPE_BYTES = 65536  # all that a pipe holds, so that one reading clears it


class EventFd:
    """A descriptor that another thread makes readable.

    It has no descriptor before `open`: a connection that was not yet admitted needs no wake-up. A
    `set` before that is not lost. On systems without eventfd it is a pipe, with two descriptors.
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
