"""One process that encodes and decodes frames, and its limits.

Rules
- Codecs are native code that reads what came over the wire: they never run in the node itself.
- A process has MEMORY_BYTES of addresses, makes no core file, and is killed when a frame takes
  longer than its deadline. Whatever becomes of it is the failure of the frame it was given.
- The node pickles what it asks for; what comes back is bytes and a text. A process that a hostile
  frame took over could otherwise make the node run anything by unpickling.
- It ends with its node, however that ended: it watches for its parent. It ignores the terminal's
  interrupt, which is for the node to answer.
"""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import resource
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from echonode.errors import InvalidObject
from echonode.transcoding.codecs import recode
from echonode.transcoding.pixel_layout import Pixels

# Room for the largest frame that is re-encoded (pixel_layout.MOST_SAMPLES), of which JPEG 2000
# holds some copies of four bytes a sample, and for the libraries themselves.
MEMORY_BYTES = 3 * 1024**3
# To begin: Python and numpy, on a machine that is very busy.
START_S = 120.0
_READY, _DONE, _REFUSED = b"R", b"D", b"X"
_LONGEST_TEXT = 4096
_SLACK = 1024**2  # a codestream may be longer than its frame: noise, and headers


class ProcessDied(Exception):
    """The process ended without an answer."""


class Overdue(Exception):
    """The process did not answer within the deadline."""


@dataclass(frozen=True, kw_only=True)
class FrameRequest:
    """One frame to re-encode; see codecs.recode."""

    frame: bytes
    pixels: Pixels
    source: str | None
    target: str | None
    quality: int


class TranscodeProcess:
    """The node's end of one process. One thread at a time, but for `kill`."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        """Start it. Raises OSError where it does not begin."""
        # Not fork: the node has threads, and a forked lock stays locked.
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, memory_bytes), name="transcode", daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            if not self._connection.poll(START_S):
                raise OSError(errno.ETIMEDOUT, "a worker process did not begin")
            self._connection.recv_bytes(1)
        except (OSError, EOFError) as error:
            self.kill()
            raise OSError(errno.ECHILD, "a worker process did not begin") from error

    @property
    def pid(self) -> int:
        assert self._process.pid is not None  # it was started
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def recode(self, request: FrameRequest, deadline_s: float) -> bytes:
        """The frame in the other syntax. Raises InvalidObject, ProcessDied, Overdue."""
        try:
            self._connection.send(request)
            if not self._connection.poll(deadline_s):
                raise Overdue
            kind = self._connection.recv_bytes(1)
            if kind == _DONE:
                return self._connection.recv_bytes(2 * request.pixels.frame_bytes + _SLACK)
            text = self._connection.recv_bytes(_LONGEST_TEXT).decode("utf-8", "replace")
        except (OSError, EOFError) as error:
            raise ProcessDied from error
        raise InvalidObject(text)

    def kill(self) -> None:
        """End it at once; may be called twice, and while it is being waited for."""
        self._process.kill()
        self._process.join()

    def close(self) -> None:
        """End it and give its pipe back; nothing waits for it any longer."""
        self.kill()
        self._connection.close()
        self._process.close()


def _serve(connection: Connection, memory_bytes: int) -> None:
    """The process: one request after the other, until its node closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    limit_process(memory_bytes)
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    connection.send_bytes(_READY)
    while True:
        try:
            request: FrameRequest = connection.recv()
        except EOFError:
            return
        kind, answer = _answer(request)
        connection.send_bytes(kind)
        connection.send_bytes(answer)


def limit_process(memory_bytes: int) -> None:
    """No core file, and so much memory; where the system has no such limit, the deadline remains.

    macOS takes no RLIMIT_AS: pixel_layout.py bounds what a frame may need there.
    """
    for name, value in (("RLIMIT_CORE", 0), ("RLIMIT_AS", memory_bytes)):
        number = getattr(resource, name, None)
        if number is not None:
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(number, (value, value))


def _answer(request: FrameRequest) -> tuple[bytes, bytes]:
    try:
        frame = recode(
            request.frame, request.pixels, request.source, request.target, request.quality
        )
    except InvalidObject as error:
        return _REFUSED, str(error).encode()
    except MemoryError:
        return _REFUSED, b"a frame takes more memory than re-encoding may have"
    except Exception as error:  # noqa: BLE001 - whatever a codec raises is that frame's failure
        return _REFUSED, f"a frame cannot be re-encoded ({type(error).__name__})".encode()
    return _DONE, frame


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
