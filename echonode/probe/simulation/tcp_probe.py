"""A probe on the wire: serves a recording, byte for byte as an echOpen probe of the TCP dialects.

Rules (echOpen kit, probe.c)
- It listens; up to five clients. Each gets the header once, then every line from the next on.
- All clients see one and the same sweep: who comes later starts in the middle of it.
- What is sent, and in which order, is the dialect's: simulated_lines.py.
- Here, other than there, the sweep pauses while no client is connected, and before a sweep that
  `may_send` refuses: where the frames are to be counted, and not this machine's speed.
"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from echonode.errors import EchoNodeError
from echonode.log import get_logger
from echonode.probe.recordings.echopen_text import KitRecording
from echonode.probe.simulation.simulated_lines import LineWire, line_wire

log = get_logger(__name__)

MAX_CLIENTS = 5
# A client that takes nothing for so long is cut off: it must not stop the probe for the others.
CLIENT_TIMEOUT_S = 10.0
# Lines go out in bursts this long: a sleep for each of 1,280 lines a second would burn a core.
BURST_S = 0.005
ASK_EVERY_S = 0.01  # whether the next sweep may go out


@dataclass(frozen=True, kw_only=True)
class SentFrame:
    """A sweep that went out whole. sha256: hex, over its samples from line 1 on, as on the wire.

    clients: how many took every line of it.
    """

    number: int
    recording_frame: int
    sha256: str
    clients: int


class ProbeSimulator:
    """Serves `source` at `fps` sweeps a second (0: as fast as clients take them).

    source: a recording is sent in the `kit` dialect; a LineWire is sent as it is.
    frames: sweeps to send, then close every connection and stop listening; None sends the recording
    once, or without end where `loop`. chunk_bytes: the size of a write, None for whole bursts.
    may_send: asked before each sweep, with how many went out, until it says yes.
    """

    def __init__(
        self,
        source: KitRecording | LineWire,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        fps: float = 20.0,
        frames: int | None = None,
        loop: bool = False,
        chunk_bytes: int | None = None,
        may_send: Callable[[int], bool] = lambda sent: True,
    ) -> None:
        if fps < 0 or (frames is not None and frames < 1) or (chunk_bytes or 1) < 1:
            raise ValueError("fps is not negative; frames and chunk_bytes are at least 1")
        self._wire = source if isinstance(source, LineWire) else line_wire(source, "kit")
        self._fps, self._chunk_bytes, self._may_send = fps, chunk_bytes, may_send
        self._count = frames if frames is not None else None if loop else len(self._wire.frames)
        self._listener = socket.create_server((host, port), backlog=MAX_CLIENTS)
        self._waiting: list[socket.socket] = []
        self._changed = threading.Condition()
        self._clients: list[socket.socket] = []
        self._stopping = threading.Event()
        self._sent: list[SentFrame] = []
        self.finished = threading.Event()
        self._threads = [
            threading.Thread(target=self._accept, name="probe-sim-accept", daemon=True),
            threading.Thread(target=self._run, name="probe-sim-sweep", daemon=True),
        ]

    @property
    def address(self) -> tuple[str, int]:
        """(host, port), with the port that was given out for port 0."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def sent(self) -> tuple[SentFrame, ...]:
        """The sweeps that went out whole so far."""
        with self._changed:
            return tuple(self._sent)

    def start(self) -> None:
        """Begin to accept; lines flow once a client is connected."""
        for thread in self._threads:
            thread.start()

    def stop(self, deadline_s: float = 5.0) -> None:
        """Cut every connection and stop listening."""
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
            for client in self._clients:
                _close(client)
        self._close_listener()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(deadline_s)

    def __enter__(self) -> ProbeSimulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener was closed
            with self._changed:
                if len(self._clients) + len(self._waiting) >= MAX_CLIENTS:
                    client.close()
                    continue
                client.settimeout(CLIENT_TIMEOUT_S)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._waiting.append(client)
                self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._sweep()
        except _Stopped:
            pass
        except Exception:  # the thread's top
            log.exception("probe_simulator_fault")
        finally:
            self._close_listener()
            with self._changed:
                for client in (*self._clients, *self._waiting):
                    _close(client)
                self._clients.clear()
            self.finished.set()

    def _sweep(self) -> None:
        wire = self._wire
        pace = Pace(self._fps * wire.lines, self._stopping)
        number = 0
        while self._count is None or number < self._count:
            pace.hold(partial(self._may_send, number))
            index = number % len(wire.frames)
            samples = wire.samples(index)
            witnesses: set[socket.socket] | None = None
            for burst, lines in wire.bursts(samples, number, pace.lines_a_burst):
                self._admit(pace)
                here = set(self._clients)
                witnesses = here if witnesses is None else witnesses & here
                self._send(burst)
                pace.wait(lines)
            taken = len((witnesses or set()) & set(self._clients))
            digest = hashlib.sha256(samples.tobytes()).hexdigest()
            frame = SentFrame(number=number, recording_frame=index, sha256=digest, clients=taken)
            with self._changed:
                self._sent.append(frame)
            number += 1

    def _admit(self, pace: Pace) -> None:
        """Let new clients in with the header; wait while there are none at all."""
        with self._changed:
            if not self._clients and not self._waiting:
                self._changed.wait_for(lambda: self._waiting or self._stopping.is_set())
                pace.restart()
            if self._stopping.is_set():
                raise _Stopped
            # In one step, so that no client is counted twice or not at all.
            new, self._waiting = self._waiting, []
            self._clients += new
        for client in new:
            if not _send_all(client, self._wire.preamble):
                with self._changed:
                    self._clients.remove(client)

    def _send(self, data: bytes) -> None:
        """The burst to every client; who does not take it is cut off."""
        size = self._chunk_bytes or len(data)
        for client in tuple(self._clients):
            if not all(
                _send_all(client, data[start : start + size]) for start in range(0, len(data), size)
            ):
                with self._changed:
                    self._clients.remove(client)

    def _close_listener(self) -> None:
        with suppress(OSError):  # already down
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._listener.close()


class _Stopped(EchoNodeError):
    """stop() was called in the middle of a sweep."""


class Pace:
    """Keeps lines to a rate of so many a second; 0 does not wait at all."""

    def __init__(self, rate: float, stopping: threading.Event) -> None:
        self._rate, self._stopping = rate, stopping
        self.lines_a_burst = max(1, round(rate * BURST_S)) if rate else 16
        self.restart()

    def restart(self) -> None:
        """Count the time from now: what was missed in a rest is not made up for."""
        self._start, self._lines = time.monotonic(), 0

    def hold(self, may_send: Callable[[], bool]) -> None:
        """Wait until it says yes, or for the end; the time goes on from then."""
        held = False
        while not may_send() and not self._stopping.wait(ASK_EVERY_S):
            held = True
        if held:
            self.restart()

    def wait(self, lines: int) -> None:
        """Wait until `lines` more are due."""
        self._lines += lines
        if self._rate:
            due = self._start + self._lines / self._rate
            self._stopping.wait(max(0.0, due - time.monotonic()))


def _send_all(client: socket.socket, data: bytes) -> bool:
    try:
        client.sendall(data)
    except OSError:
        client.close()
        return False
    return True


def _close(client: socket.socket) -> None:
    with suppress(OSError):  # the client was quicker
        client.shutdown(socket.SHUT_RDWR)
    client.close()
