"""A connection to a probe: how one is opened, what it reports, and the one to a probe that listens.

For authors of a probe that is neither of these (a serial port, two sockets at once): write a class
of the form of `Endpoint` whose `next_connection` gives a `ProbeConnection`; reconnecting.py keeps
it open.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from echonode.errors import ProbeError, ProbeUnreachable
from echonode.system_faults import said_of


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings:
    """How a connection is opened and read; in seconds, but receive_bytes.

    silence_s: a connection that brings nothing for so long is closed; None waits without limit, for
    a probe that may be paused. Keep-alive finds a dead TCP connection after about 25 s. tick_s: how
    often a connection whose endpoint has a pulse calls on_tick.
    """

    connect_timeout_s: float = 3.0
    silence_s: float | None = None
    receive_bytes: int = 256 * 1024
    tick_s: float = 0.5


class LossReason(StrEnum):
    """Why a connection ended."""

    CLOSED = "closed_by_probe"
    BROKEN = "connection_broken"
    SILENT = "silent"
    PROTOCOL = "protocol_error"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class OpenConnection:
    """One connection: when it opened (wall and monotonic), and the way to answer the probe."""

    opened_at: datetime
    opened_monotonic: float
    send: Callable[[bytes], None] = field(repr=False, compare=False)


def _nothing(*_: object) -> None:
    """For a connection that reports no such thing."""


def _yes() -> bool:
    """For a connection whose frames are not counted."""
    return True


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """What a connection calls, on the link's thread. Each may raise ProbeError: the connection
    ends.

    on_bytes: the next bytes of the stream. on_datagram: one whole datagram. on_tick: nothing came
    for a while, or much did; called about every tick_s by connections that have a pulse. farewell:
    what to send before we hang up ourselves; called from the thread that stops the link.
    on_unreachable: an attempt to open a connection failed, with the address and the reason.
    has_frames: whether the connection that is open has brought a frame.
    """

    on_connected: Callable[[OpenConnection], None]
    on_bytes: Callable[[bytes], None]
    on_lost: Callable[[LossReason, str], None]
    on_datagram: Callable[[bytes], None] = _nothing
    on_tick: Callable[[], None] = _nothing
    farewell: Callable[[], bytes] = bytes
    on_unreachable: Callable[[str], None] = _nothing
    has_frames: Callable[[], bool] = _yes


class ProbeConnection(Protocol):
    """One open connection."""

    def send(self, data: bytes) -> None:
        """Send to the probe; from any thread. Raises OSError."""
        ...

    def read(self, callbacks: Callbacks) -> tuple[LossReason, str]:
        """Pass on what comes until the connection ends; why it ended. Raises our faults only."""
        ...

    def hang_up(self, farewell: bytes) -> None:
        """Wake `read`, which then returns; from any thread. Never waits."""
        ...

    def close(self) -> None:
        """Give the sockets back; `read` is over."""
        ...


class Endpoint(Protocol):
    """Where connections come from."""

    def prepare(self) -> None:
        """Before the first connection: take what must be ours. OSError names the address."""
        ...

    def next_connection(self) -> ProbeConnection | None:
        """The next connection; None where we are closing. Raises ProbeUnreachable."""
        ...

    def close(self) -> None:
        """No more connections: wakes `next_connection` where it can be woken; from any thread."""
        ...


class TcpConnection:
    """A stream of bytes both ways."""

    def __init__(self, sock: socket.socket, settings: ConnectionSettings) -> None:
        self._sock, self._settings = sock, settings
        sock.settimeout(settings.silence_s)
        keep_alive(sock)

    def send(self, data: bytes) -> None:
        """Send all of it; waits where the probe does not read."""
        self._sock.sendall(data)

    def read(self, callbacks: Callbacks) -> tuple[LossReason, str]:
        """Pass bytes on until the probe closes, falls silent, or sends what cannot be."""
        while (over := self.receive(callbacks)) is None:
            pass
        return over

    def receive(self, callbacks: Callbacks) -> tuple[LossReason, str] | None:
        """Pass the next bytes on; why the connection is over, or None."""
        try:
            data = self._sock.recv(self._settings.receive_bytes)
        except TimeoutError:
            return LossReason.SILENT, f"nothing for {self._sock.gettimeout():g} s"
        except OSError as error:
            return LossReason.BROKEN, str(error)
        if not data:
            return LossReason.CLOSED, ""
        try:
            callbacks.on_bytes(data)
        except ProbeError as error:
            return LossReason.PROTOCOL, str(error)
        return None

    def hang_up(self, farewell: bytes) -> None:
        """Send the farewell if the buffer takes it, and end both directions."""
        hang_up(self._sock, farewell)

    def close(self) -> None:
        self._sock.close()


class TcpClient:
    """The probe listens, we connect: every echOpen probe, PLUS, SUPRA and most bridges."""

    def __init__(self, host: str, port: int, settings: ConnectionSettings | None = None) -> None:
        self._address, self._settings = (host, port), settings or ConnectionSettings()

    def prepare(self) -> None:
        """Nothing of ours is needed."""

    def next_connection(self) -> TcpConnection:
        return TcpConnection(connect(self._address, self._settings), self._settings)

    def close(self) -> None:
        """A connect under way takes its own time-out."""


def connect(address: tuple[str, int], settings: ConnectionSettings) -> socket.socket:
    """A connected socket. Raises ProbeUnreachable."""
    try:
        return socket.create_connection(address, settings.connect_timeout_s)
    except (OSError, UnicodeError) as error:  # UnicodeError: a host name that cannot be one
        reason = said_of(error) if isinstance(error, OSError) else str(error)
        raise ProbeUnreachable(f"{address[0]}:{address[1]}: {reason}") from None


def keep_alive(sock: socket.socket) -> None:
    """Keep-alive: a probe that left the Wi-Fi sends no FIN, and we send next to nothing."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # absent on some systems
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def hang_up(sock: socket.socket, farewell: bytes) -> None:
    """Send `farewell` if it fits in the buffer at once, and wake the thread that reads `sock`."""
    with suppress(OSError):  # already down, or full: the probe will see us go
        if farewell:
            sock.send(farewell, socket.MSG_DONTWAIT)
    with suppress(OSError):  # already down: the reader knows
        sock.shutdown(socket.SHUT_RDWR)
