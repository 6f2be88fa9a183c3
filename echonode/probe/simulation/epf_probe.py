"""An `epf` probe on the wire: takes commands over TCP, sends a recording's lines as datagrams.

Rules (echOpen EPF_protocol_v0.1.0)
- It listens for commands; one client. Lines go to the client's own address, at a fixed port.
- SCANNING sends the recording, TEST_PATTERN one of four patterns of the size that was asked for;
  their STOP commands end them, and so does the client's leaving.
- Every reply has an error; what is not known, or not possible now, is refused and changes nothing.
- Datagrams carry the time of the line before by a clock of microseconds that ends at 32 bits.
"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from echonode.errors import EchoNodeError, ProtocolError
from echonode.log import get_logger
from echonode.probe.echopen.epf import (
    LINE_PORT,
    Command,
    LineDatagram,
    Reply,
    State,
    WordReader,
    encode_line,
    encode_reply,
)
from echonode.probe.simulation.tcp_probe import Pace, SentFrame

log = get_logger(__name__)

BATTERY_PERCENT = 87
TEMPERATURE_MC = 36_500
REFUSED = -1
# grey levels of the 12 bit patterns: black, grey, white, and a grid of the last two
_PATTERN_LEVELS = (0, 1023, 2047)
_PATTERN_GRID = 3

Mangle = Callable[[list[bytes]], list[bytes]]


class EpfSimulator:
    """Serves `frames` (each (lines, samples), line 1 first) at `fps` frames a second.

    count: frames to send, then end; None sends the recording once, or without end where `loop`.
    line_port: of the client, where the lines go. first_frame: where the frame counter starts.
    mangle: what becomes of a frame's datagrams on their way, for tests: lost, doubled, reordered.
    may_send: asked before each frame, with how many went out, until it says yes.
    """

    def __init__(
        self,
        frames: tuple[NDArray[np.int16], ...],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        line_port: int = LINE_PORT,
        fps: float = 10.0,
        count: int | None = None,
        loop: bool = False,
        first_frame: int = 0,
        mangle: Mangle | None = None,
        may_send: Callable[[int], bool] = lambda sent: True,
    ) -> None:
        self._frames, self._fps, self._line_port = frames, fps, line_port
        self._count = count if count is not None else None if loop else len(frames)
        self._first_frame, self._mangle, self._may_send = first_frame, mangle, may_send
        self._listener = socket.create_server((host, port), backlog=1)
        self._lines = socket.socket(self._listener.family, socket.SOCK_DGRAM)
        self._client: socket.socket | None = None
        self._stopping = threading.Event()
        self._pattern: tuple[int, ...] = ()
        self.state = State.STANDBY
        self.commands: list[int] = []
        self._sent: list[SentFrame] = []
        self.finished = threading.Event()
        self._sending: threading.Thread | None = None
        self._pause = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="epf-sim", daemon=True)

    @property
    def address(self) -> tuple[str, int]:
        """(host, port) of the commands, with the port that was given out for port 0."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def sent(self) -> tuple[SentFrame, ...]:
        """The frames that went out so far."""
        return tuple(self._sent)

    def start(self) -> None:
        """Begin to take commands."""
        self._thread.start()

    def stop(self, deadline_s: float = 5.0) -> None:
        """Cut the connection and stop listening."""
        self._stopping.set()
        self._pause.set()
        for sock in (self._listener, self._client):
            if sock is not None:
                with suppress(OSError):  # already down
                    sock.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join(deadline_s)
        self._listener.close()
        self._lines.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                self._client, peer = self._listener.accept()
            except OSError:
                return  # the listener was closed
            with self._client:
                try:
                    self._converse(self._client, peer[0])
                except (OSError, ProtocolError) as error:
                    log.debug("epf_simulator_client_lost", error=str(error))
                except Exception:  # the thread's top: the next client must still be served
                    log.exception("epf_simulator_fault")
            self._cease()

    def _converse(self, client: socket.socket, host: str) -> None:
        requests = WordReader(least_words=2)
        while data := client.recv(65536):
            for command, *arguments in requests.receive(data):
                self.commands.append(command)
                reply = self._obey(command, tuple(arguments), host)
                client.sendall(encode_reply(reply))
        return

    def _obey(self, command: int, arguments: tuple[int, ...], host: str) -> Reply:
        """Do what is asked; the answer."""
        rest: tuple[int, ...] = ()
        done = True
        match command:
            case Command.STATUS:
                rest = (TEMPERATURE_MC, BATTERY_PERCENT, self.state, 0)
            case Command.SCANNING if self.state is State.STANDBY:
                self._begin(State.SCANNING, host)
            case Command.TEST_PATTERN if self.state is State.STANDBY and len(arguments) == 6:
                self._pattern = arguments
                self._begin(State.TEST_PATTERN, host)
            case Command.STOP_SCANNING | Command.STOP_TEST_PATTERN:
                self._cease()
            case _:
                done = False
        return Reply(command=command, error=0 if done else REFUSED, duration_us=0, rest=rest)

    def _begin(self, state: State, host: str) -> None:
        self.state = state
        self._pause.clear()
        self._sending = threading.Thread(
            target=self._send, args=(host,), name="epf-sim-lines", daemon=True
        )
        self._sending.start()

    def _cease(self) -> None:
        self._pause.set()
        if self._sending is not None:
            self._sending.join()
            self._sending = None
        self.state = State.STANDBY

    def _send(self, host: str) -> None:
        try:
            if self.state is State.TEST_PATTERN:
                kind, interval_us, lines, _, samples, _ = self._pattern
                frames = (pattern(kind, lines=lines, samples=samples),)
                self._send_frames(frames, host, fps=1e6 / max(1, interval_us), count=None)
            else:
                self._send_frames(self._frames, host, fps=self._fps, count=self._count)
                self.finished.set()
        except (_Paused, OSError):
            pass  # the client went, or told us to stop
        except Exception:  # the thread's top
            log.exception("epf_simulator_fault")

    def _send_frames(
        self, frames: tuple[NDArray[np.int16], ...], host: str, *, fps: float, count: int | None
    ) -> None:
        pace = Pace(fps * len(frames[0]), self._pause)
        previous_us, number = 0, len(self._sent)
        while count is None or number < count:
            pace.hold(partial(self._may_send, number))
            frame = frames[number % len(frames)]
            datagrams = []
            for row, samples in enumerate(frame):
                line = LineDatagram(
                    previous_us=previous_us,
                    frame=(self._first_frame + number) % 256,
                    number=row + 1,
                    channel=0,
                    samples=samples,
                )
                datagrams.append(encode_line(line))
                previous_us = round(1e6 * (number + (row + 1) / len(frame)) / (fps or 1)) % 2**32
            self._send_datagrams(datagrams, host, pace)
            self._sent.append(
                SentFrame(
                    number=number,
                    recording_frame=number % len(frames),
                    sha256=hashlib.sha256(frame.tobytes()).hexdigest(),
                    clients=1,
                )
            )
            number += 1

    def _send_datagrams(self, datagrams: list[bytes], host: str, pace: Pace) -> None:
        if self._mangle is not None:
            datagrams = self._mangle(datagrams)
        size = pace.lines_a_burst
        for start in range(0, len(datagrams), size):
            burst = datagrams[start : start + size]
            for datagram in burst:
                self._lines.sendto(datagram, (host, self._line_port))
            pace.wait(len(burst))
            if self._pause.is_set():
                raise _Paused
        if not self._fps:
            time.sleep(0)  # as fast as it goes: let the receiver have its turn


class _Paused(EchoNodeError):
    """The client told us to stop, or went, in the middle of a frame."""


def pattern(kind: int, *, lines: int, samples: int) -> NDArray[np.int16]:
    """The probe's patterns: 0 black, 1 grey, 2 white, 3 a grid; (lines, samples)."""
    lines, samples = min(max(2, lines), 255), min(max(2, samples), 32_000)
    if kind != _PATTERN_GRID:
        level = _PATTERN_LEVELS[kind] if 0 <= kind < len(_PATTERN_LEVELS) else 0
        return np.full((lines, samples), level, dtype=np.int16)
    grid = np.zeros((lines, samples), dtype=np.int16)
    grid[:: max(1, lines // 10)] = _PATTERN_LEVELS[2]
    grid[:, :: max(1, samples // 10)] = _PATTERN_LEVELS[2]
    return grid
