"""An association's connection under TLS (PS3.15 B.12).

Rules
- The handshake is done by the association's own thread with an absolute deadline: in `connect` for
  the requestor, in `handshake` for the acceptor.
- OpenSSL allows one thread at a time on a connection, and ours reads on one and writes on others:
  each of its calls is made under `_lock`. None of them blocks, so no thread waits long for the
  lock. Waiting for the network is done without the lock.
- Bytes that OpenSSL has read and decrypted do not make the descriptor readable. So `recv_into`
  always comes before a poll.
- SSLSocket.shutdown and unwrap end the encryption and leave the socket usable in clear. So the
  descriptor is shut down without SSLSocket.shutdown, and after unwrap nothing is read or written.
- A caller that speaks plain DICOM on this port is rejected in plain DICOM (association_policy.py).
  `is_encrypted` is False for it.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pynetdicom.transport import AddressInformation

from echonode.dimse.limits import Limits
from echonode.dimse.upper_layer.pdu_stream import ASSOCIATE_RQ
from echonode.dimse.upper_layer.tls_context import shake_hands
from echonode.dimse.upper_layer.tls_faults import ANOTHER_CERTIFICATE, HUNG_UP, TLSFailed, explain
from echonode.dimse.upper_layer.transport import Buffer, Transport

if TYPE_CHECKING:
    from pynetdicom.association import Association


class TLSTransport(Transport):
    """The connection of one association, encrypted.

    context: OpenSSL's settings for this end. As requestor, host is the one we call, and bound the
    certificates of `peers.NAME.certificate`.
    """

    speaks_tls = True

    def __init__(
        self,
        assoc: Association,
        *,
        limits: Limits,
        context: Callable[[], ssl.SSLContext],
        client_socket: socket.socket | None = None,
        address: AddressInformation | None = None,
        host: str = "",
        bound: tuple[str, ...] = (),
    ) -> None:
        self._context, self._host, self._bound = context, host, bound
        self._lock = threading.Lock()
        self._tls: ssl.SSLSocket | None = None
        self._is_hung_up = self._is_unwrapped = self._has_read = False
        super().__init__(assoc, limits=limits, client_socket=client_socket, address=address)

    @property
    def is_encrypted(self) -> bool:
        return self._tls is not None

    # the beginning -------------------------------------------------------------------------

    def _secure(self, deadline: float) -> None:
        self._encrypt(deadline, is_server=False)
        shown = self.certificate
        if self._bound and not (shown and shown.is_bound_to(self._bound)):
            raise TLSFailed(ANOTHER_CERTIFICATE)

    def handshake(self, deadline: float) -> None:
        """As acceptor; without TLS where the caller begins with plain DICOM. Raises TLSFailed."""
        try:
            if self._first_byte(deadline) not in (None, ASSOCIATE_RQ):
                self._encrypt(deadline, is_server=True)
        except TLSFailed:
            raise
        except OSError as error:
            raise TLSFailed(explain(error)) from error

    def _first_byte(self, deadline: float) -> int | None:
        """The caller's first byte, not consumed; None where it closed without sending one."""
        poller = select.poll()
        poller.register(self.fileno(), select.POLLIN)
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise TimeoutError
        first = self._descriptor_owner.recv(1, socket.MSG_PEEK)
        return first[0] if first else None

    def _encrypt(self, deadline: float, *, is_server: bool) -> None:
        try:
            # The descriptor moves to the new socket.
            secured = self._context().wrap_socket(
                self._descriptor_owner,
                server_side=is_server,
                do_handshake_on_connect=False,
                server_hostname=None if is_server else self._host.rstrip("."),
            )
            self.socket = self._descriptor_owner = secured
            if self._is_hung_up:  # meanwhile, by a thread that still saw the old socket
                raise ConnectionAbortedError
            self.certificate = shake_hands(secured, deadline)
        except OSError as error:
            raise TLSFailed(explain(error, host=self._host)) from error
        self._tls = secured

    # bytes ---------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        return bool(self._tls and self.is_connected and self._tls.pending()) or super().ready

    def recv_into(self, space: memoryview) -> int | None:
        if self._tls is None:
            return super().recv_into(space)
        if not self.is_connected:
            return 0
        try:
            with self._lock:
                count = self._encrypted().recv_into(space)
            self._has_read = True
            return count
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLWantWriteError:
            return self._flush()
        except OSError as error:
            self._note(error)
            return 0

    def _flush(self) -> int | None:
        """Send what TLS itself has to send before it reads on (a new key, an alert)."""
        try:
            self._await_writable(time.monotonic() + self._limits.send_s)
        except OSError:
            return 0
        return None

    def send_all(self, *pieces: Buffer) -> None:
        """As in clear; OpenSSL takes one piece at a time and would make a record of each."""
        if self._tls is not None and len(pieces) > 1:
            super().send_all(b"".join(pieces))
        else:
            super().send_all(*pieces)

    def _write(self, pieces: Sequence[Buffer]) -> int:
        if self._tls is None:
            return super()._write(pieces)
        try:
            with self._lock:
                return self._encrypted().send(pieces[0])
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError from None
        except OSError as error:
            self._note(error)
            if not self._has_read:  # it closed; the reason may be in what it sent before
                self.recv_into(memoryview(bytearray(1)))
            raise

    def _encrypted(self) -> ssl.SSLSocket:
        """For the holder of `_lock`. An SSLSocket that was unwrapped would go on in clear."""
        if self._tls is None or self._is_unwrapped:
            raise ConnectionAbortedError("TLS is over")
        return self._tls

    def _note(self, error: OSError) -> None:
        """In TLS 1.3 the other side's refusal of our certificate comes with the first read."""
        if isinstance(error, ssl.SSLError) and self.tls_error in (None, HUNG_UP):
            self.tls_error = explain(error, host=self._host)

    # the end -------------------------------------------------------------------------------

    def end_writing(self) -> None:
        """close_notify (RFC 8446 6.1), without waiting for the other side's."""
        if self._tls is None:
            super().end_writing()
            return
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._tls.unwrap()
            # Both sides have sent it.
            self._is_unwrapped = True

    def _shutdown_socket(self) -> None:
        if self._tls is not None:
            self.end_writing()
        super()._shutdown_socket()

    def hang_up(self) -> None:
        self._is_hung_up = True
        super()._shutdown_socket()
