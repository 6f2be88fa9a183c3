"""An association's TCP connection: it waits on events, and always with a deadline.

Why a subclass of pynetdicom's AssociationSocket: the original asks select() every millisecond
(and select() fails above descriptor 1,023), reads 4,096 bytes at a time, copies what is left of a
PDU before each send, never times out on a peer that stopped reading, and leaves its descriptor
open when shutdown() fails.

Rules
- The socket never blocks; a thread that has to wait polls, with an absolute deadline.
- TCP_NODELAY: each write of ours is a whole answer. TCP_QUICKACK after each send and before each
  wait: DCMTK-based archives write an answer in two pieces, and Nagle's algorithm holds the second
  until the first is acknowledged, which costs 40 ms an object. Linux resets the flag, so it is
  set again each time.
- `close` only shuts down: another thread may be polling the descriptor, and a descriptor closed
  meanwhile could already belong to another connection. `dispose` closes it, once, at the end.
- TLS is a subclass (tls_transport.py); here every byte is sent in clear.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pynetdicom.transport import T_CONNECT, AddressInformation, AssociationSocket

from echonode.dimse.limits import Limits
from echonode.dimse.upper_layer.proxy_protocol import (
    HEAD_BYTES,
    ProxyHeaderWrong,
    caller_of,
    rest_of,
)
from echonode.dimse.upper_layer.tls_faults import TLSFault
from echonode.model.certificate import Certificate
from echonode.system_faults import said_of

if TYPE_CHECKING:
    from pynetdicom.association import Association

_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux only
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)


Buffer = bytes | bytearray | memoryview  # memoryviews of single bytes


class SendFailed(OSError):
    """The peer is gone, or takes nothing more."""


class Transport(AssociationSocket):
    """The connection of one association.

    certificate: what the other side proved by TLS. tls_error: why it, or we, refused a
    certificate after the handshake. connect_error: why there is no connection.
    """

    speaks_tls = False
    is_proxied = False  # by a trusted proxy, which names the caller

    def __init__(
        self,
        assoc: Association,
        *,
        limits: Limits,
        client_socket: socket.socket | None = None,
        address: AddressInformation | None = None,
    ) -> None:
        self._limits = limits
        self._writable: select.poll | None = None
        self.connect_error: OSError | None = None
        self.certificate: Certificate | None = None
        self.tls_error: TLSFault | None = None
        super().__init__(assoc, client_socket, address)
        assert self.socket is not None
        self._descriptor_owner: socket.socket = self.socket
        if client_socket is not None:
            self._prepare()

    def _create_socket(self, address: AddressInformation) -> socket.socket:
        """As the original, but without the time-out that would make later calls block."""
        return socket.socket(address.address_family, socket.SOCK_STREAM)

    def _prepare(self) -> None:
        """Options of a connected socket."""
        sock = self._descriptor_owner
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Detects a peer whose cable was pulled, also between two messages.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if _USER_TIMEOUT is not None:
            milliseconds = int(self._limits.send_s * 1000)
            sock.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, milliseconds)

    def connect(self, primitive: T_CONNECT) -> None:
        """Open the connection (AE-1), within the connect time-out; answers Evt2 or Evt17."""
        sock = self._descriptor_owner
        deadline = time.monotonic() + self._limits.connect_s
        try:
            sock.settimeout(self._limits.connect_s)
            sock.connect(primitive.address_info.as_tuple)
            self._prepare()
            self._secure(deadline)
            sock = self._descriptor_owner
            self.assoc.requestor.address_info = AddressInformation.from_tuple(sock.getsockname())
            self._is_connected = True
            primitive.result = "Evt2"
        except OSError as error:
            self.connect_error = error
            self.socket = None
            primitive.result = "Evt17"
        self.provider_queue.put(primitive)
        self._ready.set()

    @property
    def is_encrypted(self) -> bool:
        return False

    def _secure(self, deadline: float) -> None:
        """The requestor's TLS handshake; nothing to do in clear. Raises TLSFailed."""

    def proxied_caller(self, deadline: float) -> tuple[str, int] | None:
        """The caller that a trusted proxy names before all else; None for the proxy itself.

        Raises ProxyHeaderWrong.
        """
        try:
            head = self._exactly(HEAD_BYTES, deadline)
            return caller_of(head, self._exactly(rest_of(head), deadline))
        except OSError:
            raise ProxyHeaderWrong("a trusted proxy sent no PROXY header in time") from None

    def _exactly(self, size: int, deadline: float) -> bytes:
        """So many bytes and none more: what follows is DICOM or TLS. Raises OSError."""
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN)
        received = bytearray()
        while len(received) < size:
            if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise TimeoutError
            more = self._descriptor_owner.recv(size - len(received))
            if not more:
                raise ConnectionResetError
            received += more
        return bytes(received)

    def handshake(self, deadline: float) -> None:
        """The acceptor's TLS handshake, on the association's thread. Raises TLSFailed."""

    @property
    def is_connected(self) -> bool:
        return self.socket is not None and self._is_connected

    def fileno(self) -> int:
        """For poll; -1 once disposed."""
        return self._descriptor_owner.fileno()

    @property
    def ready(self) -> bool:
        """As the original, without select() and its limit of 1,024 descriptors."""
        if not self.is_connected:
            return False
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN)
        return bool(poller.poll(0))

    def quick_ack(self) -> None:
        """Have the kernel acknowledge what comes next at once."""
        if _QUICKACK is None:
            return
        try:
            self._descriptor_owner.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except OSError:
            return

    def recv_into(self, space: memoryview) -> int | None:
        """Bytes read into `space`; 0 when the connection is over, None when none are there yet."""
        if not self.is_connected:
            return 0
        try:
            return self._descriptor_owner.recv_into(space)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return 0

    def send(self, bytestream: bytes | memoryview) -> None:
        """As the original: a failed send is Evt17 for the state machine, not an exception."""
        try:
            self.send_all(bytestream)
        except SendFailed:
            self.event_queue.put("Evt17")

    def send_all(self, *pieces: Buffer) -> None:
        """Send all of `pieces`, in one write where the kernel takes them at once.

        Raises SendFailed when the peer does not take it in time. Too slow is nothing for `send_s`,
        and also a byte now and then.
        """
        if not self.is_connected:
            raise SendFailed("the connection is closed")
        left: Sequence[Buffer] = pieces
        size = sum(map(len, pieces))
        unsent, deadline = size, 0.0
        try:
            while True:
                try:
                    sent = self._write(left)
                except BlockingIOError:
                    deadline = deadline or time.monotonic() + self._limits.send_seconds(size)
                    self._await_writable(deadline)
                    continue
                unsent -= sent
                if not unsent:
                    break
                left = _after(sent, left)
        except SendFailed:
            raise
        except OSError as error:
            raise SendFailed(said_of(error)) from error
        self.quick_ack()

    def _write(self, pieces: Sequence[Buffer]) -> int:
        """Give the kernel what it takes now. Raises BlockingIOError where that is nothing."""
        return self._descriptor_owner.sendmsg(pieces)

    def _await_writable(self, deadline: float) -> None:
        if self._writable is None:
            self._writable = select.poll()
            self._writable.register(self.fileno(), select.POLLOUT)
        patience = min(deadline - time.monotonic(), self._limits.send_s)
        if patience <= 0 or not self._writable.poll(patience * 1000):
            raise SendFailed("the peer stopped reading, or reads too slowly")

    def _shutdown_socket(self) -> None:
        """End the connection in both directions; wakes the thread that polls it."""
        with contextlib.suppress(OSError):
            # Not SSLSocket's own, after which a thread that still reads would read in clear.
            socket.socket.shutdown(self._descriptor_owner, socket.SHUT_RDWR)

    def end_writing(self) -> None:
        """Nothing more is sent: a peer that waits for our close sees it and closes too."""
        with contextlib.suppress(OSError):
            self._descriptor_owner.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """From any thread: end the connection now, whatever it is doing."""
        self._shutdown_socket()

    def dispose(self) -> None:
        """Close the descriptor; only when no thread polls it any more."""
        self._descriptor_owner.close()


def _after(sent: int, pieces: Sequence[Buffer]) -> Sequence[Buffer]:
    """What is left of `pieces` when so many bytes of them are gone."""
    for number, piece in enumerate(pieces):
        if sent < len(piece):
            return [memoryview(piece)[sent:], *pieces[number + 1 :]]
        sent -= len(piece)
    return ()
