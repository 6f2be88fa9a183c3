"""The line to a probe: connect, read, and connect again for as long as it takes.

Rules
- One thread, and it does nothing but connect and read. It knows nobody: bytes and changes go to
  callbacks, which must be quick, since the probe is not read while they run.
- A lost probe is tried again after a pause that doubles, up to a bound, with jitter, so that two
  nodes do not knock in step. The pause starts small again once a connection has stayed up.
- Wall time is read once, when the connection opens; all later time is monotonic since then.
- `on_lost` comes exactly once for each `on_connected`, also when the link is stopped.
- stop() wakes a read and a pause at once; only a connect under way may take its own time-out.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from echonode.errors import ProbeError
from echonode.log import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class LinkSettings:
    """How the line is kept; all in seconds, but receive_bytes.

    silence_s: a connection that brings nothing for so long is given up; None waits for ever, for
    a probe that may be paused. A dead line is noticed by TCP keep-alive after about 25 s.
    """

    connect_timeout_s: float = 3.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 10.0
    jitter: float = 0.3  # share of the pause by which it may be shorter or longer
    settled_s: float = 5.0  # a connection that lived so long was a good one
    silence_s: float | None = None
    receive_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        if not 0 < self.first_pause_s <= self.longest_pause_s:
            raise ValueError("first_pause_s must be above 0 and at most longest_pause_s")
        if not 0 <= self.jitter < 1:
            raise ValueError("jitter must be in 0..1")


DEFAULT_LINK = LinkSettings()


class LossReason(StrEnum):
    """Why a connection ended."""

    CLOSED = "closed_by_probe"
    BROKEN = "connection_broken"
    SILENT = "silent"
    PROTOCOL = "protocol_error"
    STOPPED = "stopped"


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One connection: when it opened (wall and monotonic), and the way to answer the probe."""

    opened_at: datetime
    opened_monotonic: float
    send: Callable[[bytes], None] = field(repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Callbacks:
    """Whom the link tells. on_bytes may raise ProbeError: the connection is then given up."""

    on_connected: Callable[[Connection], None]
    on_bytes: Callable[[bytes], None]
    on_lost: Callable[[LossReason, str], None]


def pause_before(attempt: int, settings: LinkSettings, chance: float) -> float:
    """Seconds to wait before connect attempt `attempt` (0 is the first after a loss).

    chance: 0..1, where in the jitter's span to land.
    """
    # 2 ** 30 half seconds is beyond any bound, and does not overflow.
    whole = min(settings.first_pause_s * 2.0 ** min(attempt, 30), settings.longest_pause_s)
    return whole * (1 + settings.jitter * (2 * chance - 1))


class Link:
    """A probe's address, kept connected by one thread."""

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        callbacks: Callbacks,
        settings: LinkSettings = DEFAULT_LINK,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._name, self._address = name, (host, port)
        self._callbacks, self._settings = callbacks, settings
        self._now, self._monotonic, self._chance = now, monotonic, chance
        self._stopping = threading.Event()
        self._socket: socket.socket | None = None
        self._socket_lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"probe-{name}-link", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End the connection and the thread; whether the thread ended in time."""
        if self._thread.ident is None:
            return True  # never started
        self._stopping.set()
        with self._socket_lock:
            if self._socket is not None:
                _shut(self._socket)
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        attempt = 0
        while not self._stopping.is_set():
            try:
                settled = self._one_connection()
            except Exception:  # the thread's top: a fault of ours must not end the probe's day
                log.exception("probe_link_fault", probe=self._name)
                settled = False
            attempt = 0 if settled else attempt + 1
            pause = pause_before(max(0, attempt - 1), self._settings, self._chance())
            self._stopping.wait(pause)

    def _one_connection(self) -> bool:
        """Connect and read to the end; whether the connection had stayed up."""
        sock = self._connect()
        if sock is None:
            return False
        with sock:
            opened = Connection(
                opened_at=self._now(), opened_monotonic=self._monotonic(), send=sock.sendall
            )
            self._callbacks.on_connected(opened)
            reason, detail = LossReason.BROKEN, "fault"
            try:
                reason, detail = self._read(sock)
            finally:
                with self._socket_lock:
                    self._socket = None
                self._callbacks.on_lost(reason, detail)
        return self._monotonic() - opened.opened_monotonic >= self._settings.settled_s

    def _connect(self) -> socket.socket | None:
        """An open socket, or None: nobody there, or we are stopping."""
        try:
            sock = socket.create_connection(self._address, self._settings.connect_timeout_s)
        except (OSError, UnicodeError) as error:
            log.debug("probe_unreachable", probe=self._name, error=str(error))
            return None
        sock.settimeout(self._settings.silence_s)
        _watch_the_line(sock)
        with self._socket_lock:
            if self._stopping.is_set():
                sock.close()
                return None
            self._socket = sock
        return sock

    def _read(self, sock: socket.socket) -> tuple[LossReason, str]:
        """Hand bytes on until the connection ends; why it ended."""
        while True:
            try:
                data = sock.recv(self._settings.receive_bytes)
            except TimeoutError:
                return LossReason.SILENT, f"nothing for {self._settings.silence_s} s"
            except OSError as error:
                return self._unless_stopping(LossReason.BROKEN, str(error))
            if not data:
                return self._unless_stopping(LossReason.CLOSED, "")
            try:
                self._callbacks.on_bytes(data)
            except ProbeError as error:
                return LossReason.PROTOCOL, str(error)

    def _unless_stopping(self, reason: LossReason, detail: str) -> tuple[LossReason, str]:
        return (LossReason.STOPPED, "") if self._stopping.is_set() else (reason, detail)


def _watch_the_line(sock: socket.socket) -> None:
    """Keep-alive: a probe that left the Wi-Fi sends no FIN, and we never send anything."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):  # absent on some systems
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _shut(sock: socket.socket) -> None:
    """Wake the thread that reads `sock`."""
    with suppress(OSError):  # already down: the reader knows
        sock.shutdown(socket.SHUT_RDWR)
