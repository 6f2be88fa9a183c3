"""A listening port for senders that connect to us: who is let in, and which of them is read.

Rules
- One sender is read at a time: two at once would be two probes under one name. One more may wait.
  A third is closed at once, so that strangers cannot use up the descriptors of this process.
- A sender from an address that is not in `addresses` is closed at once. It is logged once a minute
  with a count, however often it comes.
- A sender may be silent for as long as it likes while it is alone: a probe may be paused. While
  another waits, it is closed after YIELD_SILENCE_S without a byte, or after UNPRODUCTIVE_S without
  a first frame. So a connection that brings nothing cannot keep the probe out.
- With TLS a sender has HANDSHAKE_S to prove who it is; nothing is read of one that does not.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from echonode.errors import EchoNodeError
from echonode.log import get_logger
from echonode.probe.link.connection import Callbacks, ConnectionSettings, LossReason, TcpConnection

log = get_logger(__name__)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Gives the context in force: its files may be renewed while the node runs.
CurrentTLS = Callable[[], ssl.SSLContext]

# A probe that streams sends at least a frame a second; ten of them are a dead or mute sender.
YIELD_SILENCE_S = 10.0
# Long enough for a sender that first sends transforms and status while its imaging starts.
UNPRODUCTIVE_S = 30.0
REFUSAL_LOG_INTERVAL_S = 60.0
# A handshake is two round trips and some milliseconds of a processor.
HANDSHAKE_S = 5.0
# For the rest of a TLS record whose beginning is here.
RECORD_S = 10.0


class TcpListener:
    """We listen, the sender connects; the form is connection.Endpoint.

    name: the probe's, for the log. addresses: the networks it may come from; none is any. tls:
    gives the context in force; without it the port is plain.
    """

    def __init__(
        self,
        host: str,
        port: int,
        settings: ConnectionSettings | None = None,
        *,
        name: str = "",
        addresses: Sequence[Network] = (),
        tls: CurrentTLS | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted, self._settings = (host, port), settings or ConnectionSettings()
        self._name, self._addresses, self._monotonic = name, tuple(addresses), monotonic
        self._tls = tls
        self._listener: socket.socket | None = None
        self._waiting: socket.socket | None = None
        self._refused = 0
        self._refusal_logged_at: float | None = None

    @property
    def address(self) -> tuple[str, int]:
        """(host, port), with the port that was given out for port 0; after `prepare`."""
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    @property
    def has_waiting(self) -> bool:
        """Whether another sender waits for its turn."""
        return self._waiting is not None

    def prepare(self) -> None:
        try:
            family = socket.AF_INET6 if ":" in self._wanted[0] else socket.AF_INET
            self._listener = socket.create_server(self._wanted, family=family, backlog=16)
            self._listener.setblocking(False)
        except OSError as error:
            host, port = self._wanted
            raise OSError(error.errno, f"{host}:{port}: {error.strerror}") from None

    def next_connection(self) -> TcpConnection | None:
        """The next sender, whenever it comes; None where we are closing."""
        while True:
            while self._waiting is None:
                if not self._is_knocked_at() or not self.admit():
                    return None
            sock, self._waiting = self._waiting, None
            if self._tls is None:
                return AcceptedConnection(sock, self._settings, self, self._monotonic)
            if (proved := self._proved(sock, self._tls)) is not None:
                return AcceptedConnection(proved, self._settings, self, self._monotonic)

    def close(self) -> None:
        if self._listener is not None:
            with suppress(OSError):  # already down
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes poll()
            self._listener.close()
        if self._waiting is not None:
            self._waiting.close()

    def watch(self, poller: select.poll) -> int:
        """Have `poller` wake for new senders too; the descriptor, -1 where we are closing."""
        assert self._listener is not None
        number = self._listener.fileno()
        if number >= 0:
            poller.register(number, select.POLLIN)
        return number

    def admit(self) -> bool:
        """Take in those who connected: one waits, the others are closed. False: we are closing."""
        assert self._listener is not None
        while True:
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return True
            except OSError:
                return False  # close() was called
            if not self._may_come_from(address[0]):
                sock.close()
                self._log_refusal(
                    address[0], "Enter the address under the probe's `addresses`, if it may send."
                )
            elif self._waiting is not None and not _has_gone(self._waiting):
                sock.close()
            else:
                if self._waiting is not None:
                    self._waiting.close()
                self._waiting = sock

    def _proved(self, sock: socket.socket, tls: CurrentTLS) -> ssl.SSLSocket | None:
        """The sender after its handshake; None, and closed, where it did not prove who it is."""
        host = "unknown"
        try:
            host = str(sock.getpeername()[0])
            sock.settimeout(HANDSHAKE_S)
            return tls().wrap_socket(sock, server_side=True)
        except (OSError, EchoNodeError):  # SSLError is an OSError; our own files may be unusable
            sock.close()
            self._log_refusal(host, "Let it speak TLS, with a certificate of the probe's `tls.ca`.")
            return None

    def _is_knocked_at(self) -> bool:
        """Wait for a sender; False where we are closing."""
        poller = select.poll()
        number = self.watch(poller)
        return number >= 0 and all(event & select.POLLIN for _, event in poller.poll())

    def _may_come_from(self, host: str) -> bool:
        if not self._addresses:
            return True
        caller = ipaddress.ip_address(host.partition("%")[0])
        caller = getattr(caller, "ipv4_mapped", None) or caller
        return any(caller in network for network in self._addresses)

    def _log_refusal(self, host: str, remedy: str) -> None:
        self._refused += 1
        now, last = self._monotonic(), self._refusal_logged_at
        if last is None or now - last >= REFUSAL_LOG_INTERVAL_S:
            self._refusal_logged_at = now
            log.warning(
                "probe_sender_refused",
                probe=self._name,
                address=host,
                refused=self._refused,
                remedy=remedy,
            )


class AcceptedConnection(TcpConnection):
    """The sender that is read, with an eye on the one that waits."""

    def __init__(
        self,
        sock: socket.socket,
        settings: ConnectionSettings,
        listener: TcpListener,
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__(sock, settings)
        self._listener, self._monotonic = listener, monotonic
        self._opened = monotonic()
        if isinstance(sock, ssl.SSLSocket):
            sock.settimeout(RECORD_S)  # poll() tells of bytes, and a record may be in parts

    def hang_up(self, farewell: bytes) -> None:
        """End both directions; TLS takes no farewell from a thread that does not read it."""
        if isinstance(self._sock, ssl.SSLSocket):
            with suppress(OSError):  # already down: the reader knows
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        else:
            super().hang_up(farewell)

    def read(self, callbacks: Callbacks) -> tuple[LossReason, str]:
        """Hand bytes on until the sender closes, yields to another, or sends what cannot be."""
        heard = self._opened
        poller = select.poll()
        poller.register(self._sock, select.POLLIN)
        listening = self._listener.watch(poller)
        while True:
            due = self._due(callbacks, heard)
            wait_s = max(0.0, due - self._monotonic())
            ready = poller.poll(wait_s * 1000 if self._listener.has_waiting else None)
            if any(number == listening for number, _ in ready) and not self._listener.admit():
                poller.unregister(listening)
                listening = -1
            if any(number != listening for number, _ in ready):
                heard = self._monotonic()
                if (over := self.receive(callbacks)) is not None:
                    return over
            yields_at = self._due(callbacks, heard)
            if self._listener.has_waiting and self._monotonic() >= yields_at:
                return LossReason.SILENT, "no image of it came, and another sender waited"

    def _due(self, callbacks: Callbacks, heard: float) -> float:
        """When this sender yields to one that waits, in the listener's time."""
        due = heard + YIELD_SILENCE_S
        return due if callbacks.has_frames() else min(due, self._opened + UNPRODUCTIVE_S)


def _has_gone(sock: socket.socket) -> bool:
    """Whether a sender that waits has closed; what it sent meanwhile stays where it is."""
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
