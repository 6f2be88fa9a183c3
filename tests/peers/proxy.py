"""A TCP proxy that makes a line worse: slow, narrow, cut, reset, or deaf.

Rules
- Each direction of each connection has two threads, one that reads and one that writes when the
  bytes' time has come: a delay takes no bandwidth, as on a real line.
- Acknowledgements are not delayed here (TCP_QUICKACK) and small writes not gathered (TCP_NODELAY),
  so what is measured through it is the protocol and not this machine's kernel.
- A fault is set for connections to come, or for all that are open (`reset_all`, `stop_reading`).
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self

from tests.peers.ports import LOOPBACK

_CHUNK = 65_536
_WAITING = 4096  # chunks on the way in one direction
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, of 0 s: close sends RST


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a connection suffers.

    delay_s: one way, each way; a round trip costs twice that. bytes_per_s: of each direction; 0 is
    unlimited. cut_after: bytes from the caller after which the connection ends (None: never), by a
    reset where `reset`, else orderly.
    """

    delay_s: float = 0.0
    bytes_per_s: float = 0.0
    cut_after: int | None = None
    reset: bool = False


class Proxy:
    """Forwards connections to a loopback port through a bad line."""

    def __init__(self, target_port: int, line: Line | None = None) -> None:
        self.line = line or Line()
        self._target = (LOOPBACK, target_port)
        self._listener = socket.create_server((LOOPBACK, 0), backlog=64)
        self._reading = threading.Event()
        self._reading.set()
        self._connections: list[_Connection] = []
        self.accepted = 0
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)

    @property
    def port(self) -> int:
        """Where to call."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def open_connections(self) -> int:
        return sum(connection.is_open for connection in self._connections)

    def worsen(self, **changes: object) -> None:
        """Change the line for connections to come."""
        self.line = replace(self.line, **changes)  # type: ignore[arg-type]

    def stop_reading(self) -> None:
        """Nothing more is read from any caller: senders' windows close."""
        self._reading.clear()

    def read_again(self) -> None:
        self._reading.set()

    def reset_all(self) -> None:
        """Every open connection is reset, both ways."""
        for connection in self._connections:
            connection.close(reset=True)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                callee = socket.create_connection(self._target, timeout=10)
            except OSError:
                _close(caller, reset=True)
                continue
            self._connections.append(_Connection(caller, callee, self.line, self._reading))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._reading.set()
        self._thread.join(5)  # it may have accepted one just now
        self._listener.close()
        self.reset_all()


class _Connection:
    """Two sockets and the two ways between them."""

    def __init__(
        self, caller: socket.socket, callee: socket.socket, line: Line, reading: threading.Event
    ) -> None:
        self._sockets = (caller, callee)
        self._line, self._reading = line, reading
        self.is_open = True
        self._passed = 0
        for number, (source, target) in enumerate([(caller, callee), (callee, caller)]):
            source.settimeout(None)
            source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            chunks: queue.Queue[tuple[float, bytes]] = queue.Queue(_WAITING)
            for work, end in ((self._read, source), (self._write, target)):
                threading.Thread(
                    target=work, args=(end, chunks, number == 0), name="proxy-line", daemon=True
                ).start()

    def _read(
        self, source: socket.socket, chunks: queue.Queue[tuple[float, bytes]], calling: bool
    ) -> None:
        free_at = 0.0
        while True:
            self._reading.wait()
            try:
                source.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
                data = source.recv(_CHUNK)
            except OSError:
                data = b""
            now = time.monotonic()
            if self._line.bytes_per_s:
                free_at = max(free_at, now) + len(data) / self._line.bytes_per_s
                now = free_at
            chunks.put((now + self._line.delay_s, data))
            if not data:
                return

    def _write(
        self, target: socket.socket, chunks: queue.Queue[tuple[float, bytes]], calling: bool
    ) -> None:
        while True:
            due, data = chunks.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                with suppress(OSError):
                    target.shutdown(socket.SHUT_WR)
                if not calling:
                    self.close()
                return
            cut = self._line.cut_after if calling else None
            if cut is not None:
                data = data[: max(0, cut - self._passed)]
            try:
                target.sendall(data)
            except OSError:
                self.close()
                return
            if calling:
                self._passed += len(data)
            if cut is not None and self._passed >= cut:
                self.close(reset=self._line.reset)
                return

    def close(self, *, reset: bool = False) -> None:
        if self.is_open:
            self.is_open = False
            for end in self._sockets:
                _close(end, reset=reset)


def _close(end: socket.socket, *, reset: bool) -> None:
    with suppress(OSError):
        if reset:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # Either wakes our own reader, who else would hold the connection open; only the second is
        # seen at the other end.
        end.shutdown(socket.SHUT_RD if reset else socket.SHUT_RDWR)
    end.close()
