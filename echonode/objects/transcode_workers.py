"""Processes that encode and decode frames: most codecs hold the GIL, for 20 to 65 ms a frame.

Rules
- Started at the first need and kept: a process takes half a second to start, a frame far less.
- Few frames are under way at once, so memory is bounded by frames and not by the cine.
- A worker ends with its node, however that ended: it watches for its parent. It ignores the
  terminal's interrupt, which is for the node to answer.
- A worker that died (out of memory, say) is an OSError: the node's fault, to be tried again later,
  and the next use starts others.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from multiprocessing.connection import wait

from echonode.objects.transcode_codecs import recode
from echonode.objects.transcode_pixels import Pixels

MOST_WORKERS = 4
_AHEAD = 1  # frames that wait for each worker, so that it need not


class TranscodeWorkers:
    """Frames in, frames out, in order. Thread-safe; several callers share the processes."""

    def __init__(self, processes: int | None = None) -> None:
        """processes: how many; by default one for each processor, MOST_WORKERS at most."""
        self.processes = processes or min(MOST_WORKERS, os.cpu_count() or 1)
        self._lock = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._closed = False

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

        Raises InvalidObject, and OSError where a worker died or the node is stopping.
        """
        under_way: deque[Future[bytes]] = deque()
        try:
            executor = self._running()
            for frame in frames:
                under_way.append(executor.submit(recode, frame, pixels, source, target, quality))
                if len(under_way) > self.processes * (1 + _AHEAD):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except (BrokenExecutor, RuntimeError) as error:
            self._discard()
            raise OSError(errno.ECHILD, "a worker process died") from error
        finally:
            for future in under_way:
                future.cancel()

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._closed:
                raise OSError(errno.ESHUTDOWN, "the node is stopping")
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    self.processes,
                    # Not fork: the node has threads, and a forked lock stays locked.
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_begin_worker,
                )
            return self._executor

    def _discard(self) -> None:
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """End the processes; frames under way are still finished."""
        with self._lock:
            self._closed = True
        self._discard()


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
