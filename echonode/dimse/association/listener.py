"""The listening socket: accepts connections, and does nothing that can be slow.

Why a subclass of pynetdicom's AssociationServer: the original wakes twice a second, has a backlog
of 5, does the TLS handshake inside accept (one silent client stops all others), and copies every
supported presentation context for every connection.

Rules
- The accept loop waits on the socket and on `stop`; each connection gets a thread of its own.
- Out of descriptors (EMFILE) the oldest silent connection is evicted. Where there is none, and out
  of memory, the loop pauses for a moment instead of spinning: the connection stays in the backlog.
  Out of memory the loop restarts.
- Repeated errors are logged once in a while with a count.
"""

from __future__ import annotations

import errno
import ipaddress
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pynetdicom.transport import AssociationServer, RequestHandler

from echonode.dimse.association.association import AssociationHandlers, EventAssociation
from echonode.dimse.limits import Limits
from echonode.dimse.upper_layer.log_throttle import Tally
from echonode.dimse.upper_layer.threads import EventFd
from echonode.dimse.upper_layer.tls_transport import TLSTransport
from echonode.dimse.upper_layer.transport import Transport
from echonode.log import get_logger

if TYPE_CHECKING:
    from pynetdicom.ae import ApplicationEntity

log = get_logger(__name__)

AddressRange = ipaddress.IPv4Network | ipaddress.IPv6Network

# The class's own attribute hides the module's name.
Socket = socket.socket

_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_MS = 100


class ConnectionHandler(RequestHandler):
    """Makes an EventAssociation of an accepted connection."""

    server: Listener

    def _create_association(self) -> EventAssociation:
        server = self.server
        assoc = EventAssociation(
            self.ae, "acceptor", limits=server.limits, handlers=server.handlers
        )
        assert isinstance(self.request, socket.socket)
        connection = self._connection(assoc)
        connection.is_proxied = server.is_proxy(self.client_address[0])
        assoc.set_socket(connection)
        assoc.name = f"dimse acceptor {self.client_address[0]}:{self.client_address[1]}"
        assoc.acceptor.ae_title = server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.maximum_length = server.limits.pdu_bytes
        assoc.acceptor.implementation_class_uid = self.ae.implementation_class_uid
        assoc.acceptor.implementation_version_name = self.ae.implementation_version_name
        assoc.requestor.address_info = self.remote
        return assoc

    def _connection(self, assoc: EventAssociation) -> Transport:
        limits, context = self.server.limits, self.server.tls
        if context is None:
            return Transport(assoc, limits=limits, client_socket=self.request)
        return TLSTransport(assoc, limits=limits, client_socket=self.request, context=context)

    def handle(self) -> None:
        """Pass the association to `on_connection`, which starts it."""
        self.server.on_connection(self._create_association())


class Listener(AssociationServer):
    """One listening socket and its accept loop; `tls` gives the context where it speaks TLS.

    trusted_proxies: where PROXY headers come from. on_shortage:
    called where no descriptor is free; returns whether one is free now.
    """

    socket: Socket

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        *,
        limits: Limits,
        handlers: AssociationHandlers,
        on_connection: Callable[[EventAssociation], None],
        on_shortage: Callable[[], bool],
        tls: Callable[[], ssl.SSLContext] | None = None,
        trusted_proxies: Sequence[AddressRange] = (),
    ) -> None:
        self._trusted_proxies = trusted_proxies
        self.limits, self.handlers, self.tls = limits, handlers, tls
        self.on_connection, self.on_shortage = on_connection, on_shortage
        self._tally = Tally(limits.rejection_log_s)
        self.request_queue_size = limits.backlog
        self._stop = EventFd()
        self._stop.open()
        super().__init__(ae, address, ae.ae_title, [], request_handler=ConnectionHandler)
        self._thread = threading.Thread(
            target=self.serve_forever, name=f"dimse listener {address[0]}:{self.port}"
        )

    @property
    def port(self) -> int:
        """The port of the socket, also where 0 was configured."""
        return int(self.server_address[1])

    def is_proxy(self, address: str) -> bool:
        """Whether a connection from there begins with the address of another caller."""
        if not self._trusted_proxies:
            return False
        caller = ipaddress.ip_address(address.partition("%")[0])
        caller = getattr(caller, "ipv4_mapped", None) or caller
        return any(caller in each for each in self._trusted_proxies)

    def start(self) -> None:
        self._thread.start()

    def server_bind(self) -> None:
        """As the original, without the time-out that accepted sockets would inherit."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.setblocking(False)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def serve_forever(self, poll_interval: float = 0.0) -> None:
        """Accept until `stop`; `poll_interval` is the original's and unused."""
        while True:
            try:
                return self._accept_until_stop()
            except MemoryError:
                time.sleep(_PAUSE_MS / 1000)  # it may pass, as a lack of descriptors may

    def _accept_until_stop(self) -> None:
        poller = select.poll()
        poller.register(self.socket, select.POLLIN)
        poller.register(self._stop, select.POLLIN)
        stopping = select.poll()
        stopping.register(self._stop, select.POLLIN)
        while all(descriptor != self._stop.fileno() for descriptor, _ in poller.poll()):
            try:
                connection, address = self.get_request()
            except (BlockingIOError, ConnectionAbortedError):
                continue  # the caller closed it before accept
            except OSError as error:
                self._log_failed("the system gave no connection", error)
                if error.errno not in _SHORT_OF or not self.on_shortage():
                    stopping.poll(_PAUSE_MS)
            else:
                self._hand_over(connection, address)

    def _hand_over(self, connection: Socket, address: Any) -> None:
        """Give a connection its association; one that fails (no thread left) is closed."""
        try:
            self.process_request(connection, address)
        except Exception as error:  # noqa: BLE001  a thread's top: it outlives any connection
            connection.close()
            self._log_failed("the connection was closed", error)
            if isinstance(error, OSError) and error.errno in _SHORT_OF:
                self.on_shortage()

    def _log_failed(self, outcome: str, error: Exception) -> None:
        """Log with a count: a lack of descriptors or threads affects every caller."""
        number = error.errno if isinstance(error, OSError) else None
        kind = errno.errorcode.get(number or 0, type(error).__name__)
        count = self._tally.note(outcome, kind, now=time.monotonic())
        if count is not None:
            log.error(
                "accept_failed",
                error=kind,
                outcome=outcome,
                count=count,
                remedy="Raise the limits of open files and of threads or memory of this process.",
            )

    def get_request(self) -> tuple[Socket, Any]:
        """The next connection; its own thread does the TLS handshake, if any."""
        return self.socket.accept()

    def stop(self) -> None:
        """Accept no more; returns when the loop has ended."""
        self._stop.set()
        self._thread.join()
        self.server_close()

    def server_close(self) -> None:
        """Close the descriptors; also where the loop never ran."""
        super().server_close()
        self._stop.close()
