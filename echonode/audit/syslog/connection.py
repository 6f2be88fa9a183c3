"""The way to a receiver: TLS over TCP, or UDP; and whether what was sent arrived.

Syslog has no answers. What can be known: TCP has acknowledged every byte (Linux: SIOCOUTQ), and the
receiver has not closed the connection since. Of UDP only that no host said that its port is closed.
"""

from __future__ import annotations

import fcntl
import select
import socket
import ssl
import struct
import termios
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from echonode.audit.syslog.message import framed

TIMEOUT_S = 10.0
_LISTEN_FOR_REFUSAL_S = 0.2
_LOOK_EVERY_S = 0.01


class Connection(Protocol):
    """Each raises OSError where the receiver cannot be reached (any more)."""

    def send(self, messages: Sequence[bytes]) -> None:
        """All of them; returns once there is no more to learn of their arrival."""

    def check(self) -> None:
        """Whether it is still open."""

    def close(self) -> None: ...


class TlsConnection:
    """RFC 5425."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Raises OSError (ssl.SSLError is one)."""
        plain = socket.create_connection((host, port), timeout=TIMEOUT_S)
        try:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            self._socket = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    def send(self, messages: Sequence[bytes]) -> None:
        self.check()
        self._socket.sendall(b"".join(framed(message) for message in messages))
        end = time.monotonic() + TIMEOUT_S
        while self._unacknowledged():
            if time.monotonic() > end:
                raise TimeoutError("the receiver takes nothing")
            self.check()
            time.sleep(_LOOK_EVERY_S)

    def check(self) -> None:
        """A receiver of syslog sends nothing: what can be read is its end."""
        if not select.select([self._socket], [], [], 0)[0]:
            return
        self._socket.settimeout(0)
        try:
            if not self._socket.recv(4096):
                raise ConnectionResetError("the receiver closed the connection")
        except (ssl.SSLWantReadError, BlockingIOError):  # a session ticket, say
            pass
        finally:
            self._socket.settimeout(TIMEOUT_S)

    def _unacknowledged(self) -> int:
        """Bytes that the receiver's TCP has not acknowledged."""
        held = struct.pack("i", 0)
        try:
            [count] = struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, held))
        except OSError:  # not on every system
            return 0
        return int(count)

    def close(self) -> None:
        try:
            self._socket.settimeout(1.0)
            self._socket.unwrap()  # close_notify, so that it knows that nothing is missing
        except OSError:
            pass
        finally:
            self._socket.close()


class UdpConnection:
    """RFC 5426: a datagram a message."""

    def __init__(self, host: str, port: int) -> None:
        """Raises OSError."""
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[
            0
        ]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.connect(address)
            self._socket.settimeout(TIMEOUT_S)
        except BaseException:
            self._socket.close()
            raise

    def send(self, messages: Sequence[bytes]) -> None:
        for message in messages:
            self._socket.send(message)
        # A closed port answers at once; a host that is down never does.
        if select.select([self._socket], [], [], _LISTEN_FOR_REFUSAL_S)[0]:
            self.check()

    def check(self) -> None:
        if error := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "the receiver's port is closed")

    def close(self) -> None:
        self._socket.close()


def opener(
    host: str, port: int, tls: Callable[[], ssl.SSLContext] | None
) -> Callable[[], Connection]:
    """Opens connections to a receiver; tls: gives the context, None is UDP."""
    if tls is None:
        return lambda: UdpConnection(host, port)
    return lambda: TlsConnection(host, port, tls())
