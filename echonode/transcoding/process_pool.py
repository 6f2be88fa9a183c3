"""Processes that encode and decode frames: codecs are native code, and most hold the GIL.

Rules
- Started at the first need and kept: a process takes half a second to start, a frame far less.
- Few frames are under way at once, so memory is bounded by frames and not by the cine.
- A frame that its process dies of, twice, or that takes longer than the deadline, cannot be
  re-encoded: InvalidObject, of that instance alone. The process is replaced. Twice, since one that
  was ended for its memory may have been ended for another's.
- A process that died while it was idle, or cannot be started, is the node's own affair: it is
  replaced, or an OSError says that it is to be tried again later.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from echonode.errors import InvalidObject
from echonode.transcoding.pixel_layout import Pixels
from echonode.transcoding.process import (
    MEMORY_BYTES,
    FrameRequest,
    Overdue,
    ProcessDied,
    TranscodeProcess,
)

MOST_WORKERS = 4
# A frame takes some ten milliseconds, and a machine may be very busy; the largest that is
# re-encoded takes some seconds, which the second figure adds for each sample of a frame.
FRAME_DEADLINE_S = 60.0
SAMPLE_DEADLINE_S = 2e-6
_AHEAD = 1  # frames that wait for each worker, so that it need not
_ATTEMPTS = 2


class TranscodeWorkers:
    """Frames in, frames out, in order. Thread-safe; several callers share the processes."""

    def __init__(
        self,
        processes: int | None = None,
        *,
        deadline_s: float = FRAME_DEADLINE_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        """processes: how many; by default one for each processor, MOST_WORKERS at most."""
        self.processes = processes or min(MOST_WORKERS, os.cpu_count() or 1)
        self._deadline_s = deadline_s
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None  # each has a process while it needs one
        self._idle: list[TranscodeProcess] = []
        self._busy: set[TranscodeProcess] = set()
        self._closed = False

    @property
    def pids(self) -> frozenset[int]:
        """Of the processes there are."""
        with self._lock:
            return frozenset(process.pid for process in (*self._idle, *self._busy))

    def recode(
        self,
        frames: Iterator[bytes],
        pixels: Pixels,
        *,
        source: str | None,
        target: str | None,
        quality: int = 0,
    ) -> Iterator[bytes]:
        """Each frame in the other transfer syntax; see transcode_codecs.recode.

        Raises InvalidObject, and OSError where no process starts or the node is stopping.
        """
        under_way: deque[Future[bytes]] = deque()
        threads = self._running()
        try:
            for frame in frames:
                request = FrameRequest(
                    frame=frame, pixels=pixels, source=source, target=target, quality=quality
                )
                under_way.append(self._submit(threads, request))
                if len(under_way) > self.processes * (1 + _AHEAD):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()

    def close(self) -> None:
        """End the processes at once; who waits for a frame gets an OSError."""
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, None
            processes, self._idle = [*self._idle, *self._busy], []
        for process in processes:
            process.kill()
        if threads is not None:
            threads.shutdown(wait=True, cancel_futures=True)
        for process in processes:
            process.close()

    def _running(self) -> ThreadPoolExecutor:
        with self._lock:
            self._check_open()
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.processes, "transcode")
            return self._threads

    def _check_open(self) -> None:
        if self._closed:
            raise OSError(errno.ESHUTDOWN, "the node is stopping")

    def _submit(self, threads: ThreadPoolExecutor, request: FrameRequest) -> Future[bytes]:
        try:
            return threads.submit(self._recode_one, request)
        except RuntimeError:  # shut down meanwhile
            raise OSError(errno.ESHUTDOWN, "the node is stopping") from None

    def _recode_one(self, request: FrameRequest) -> bytes:
        for _ in range(_ATTEMPTS):
            process = self._take()
            lives = False
            try:
                samples = request.pixels.frame_bytes * 8 // request.pixels.bits_allocated
                deadline_s = self._deadline_s + samples * SAMPLE_DEADLINE_S
                frame = process.recode(request, deadline_s)
                lives = True
                return frame
            except InvalidObject:
                lives = True
                raise
            except Overdue:
                raise InvalidObject("a frame takes too long to re-encode") from None
            except ProcessDied:
                continue
            finally:
                self._give_back(process, lives=lives)
        raise InvalidObject("a process that re-encodes a frame dies of it")

    def _take(self) -> TranscodeProcess:
        """An idle process that lives, or a new one."""
        with self._lock:
            self._check_open()
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    self._busy.add(process)
                    return process
                process.close()
        process = TranscodeProcess(self._memory_bytes)
        with self._lock:
            if not self._closed:
                self._busy.add(process)
                return process
        process.close()
        raise OSError(errno.ESHUTDOWN, "the node is stopping")

    def _give_back(self, process: TranscodeProcess, *, lives: bool) -> None:
        with self._lock:
            self._busy.discard(process)
            if self._closed:
                return  # `close` ends it
            if lives:
                self._idle.append(process)
                return
        process.close()
