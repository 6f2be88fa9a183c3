"""Connections by TLS: accepted, and handed to HTTP once the handshake is over.

Rules
- TLS 1.2 or later, with the cipher suites of Python's own defaults (the strong ones of OpenSSL).
- A handshake has HANDSHAKE_S. At most HANDSHAKES are under way, of one address PER_ADDRESS; a
  connection beyond that is closed at once. asyncio's own server limits neither, and HTTP's limits
  (connections.py) begin after the handshake.
- A certificate that was replaced is used from the next connection on; one that cannot be read is
  logged, and the one before stays in use.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from echonode.log import get_logger

log = get_logger(__name__)

HANDSHAKE_S = 10.0
HANDSHAKES = 64
PER_ADDRESS = 8
_PAUSE_S = 0.1  # where the process has no descriptors left: they come back with time


class ServerCertificate:
    """The certificate that a server shows, read again when its file changes.

    cert: PEM, the server's first, then those between it and its authority. Raises OSError
    (ssl.SSLError is one) where it cannot be used.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self.cert, self._key = cert, key
        self._changed = self._times()
        self._context = self._loaded()

    def context(self) -> ssl.SSLContext:
        """The settings for the next connection."""
        try:
            changed = self._times()
            if changed != self._changed:
                # Both files are replaced one after the other: it is tried again until they fit.
                self._context = self._loaded()
                self._changed = changed
                log.info("web_certificate_replaced")
        except OSError as error:
            self._warn(error)
        return self._context

    def _times(self) -> tuple[int, int]:
        return self.cert.stat().st_mtime_ns, self._key.stat().st_mtime_ns

    def _warn(self, error: OSError) -> None:
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        log.warning("web_certificate_unusable", reason=reason)

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self.cert, self._key, lambda: "")
        return context


class TlsListener:
    """Accepts on one socket from `start` until `close`; used on its event loop alone."""

    def __init__(
        self,
        listener: socket.socket,
        certificate: ServerCertificate,
        new_protocol: Callable[[], asyncio.Protocol],
    ) -> None:
        listener.setblocking(False)
        self._listener, self._certificate = listener, certificate
        self._new_protocol = new_protocol
        self._handshakes: set[asyncio.Task[None]] = set()
        self._by_address: Counter[str] = Counter()
        self._accepting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Accept from now on."""
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    def close(self) -> None:
        """Accept no more, and end the handshakes."""
        for task in [*([self._accepting] if self._accepting else []), *self._handshakes]:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until `close` is done."""
        ending = [*([self._accepting] if self._accepting else []), *self._handshakes]
        await asyncio.gather(*ending, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._listener)
            except OSError:
                await asyncio.sleep(_PAUSE_S)
                continue
            address = str(peer[0])
            if len(self._handshakes) >= HANDSHAKES or self._by_address[address] >= PER_ADDRESS:
                connection.close()
                continue
            self._by_address[address] += 1
            task = loop.create_task(self._shake_hands(connection, address))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _shake_hands(self, connection: socket.socket, address: str) -> None:
        try:
            connection.setblocking(False)
            # A failure is the caller's: no TLS, an old one, or no trust in our certificate.
            with suppress(OSError, asyncio.TimeoutError):
                await asyncio.get_running_loop().connect_accepted_socket(
                    self._new_protocol,
                    connection,
                    ssl=self._certificate.context(),
                    ssl_handshake_timeout=HANDSHAKE_S,
                )
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
