"""The listening socket: accepts, hands over, and does nothing that can be slow.

Why a subclass of pynetdicom's AssociationServer: the original wakes twice a second, has a backlog
of 5, does the TLS handshake inside accept (one silent client stops all others), and copies every
supported presentation context for every connection.

Rules
- The accept loop waits on the socket and on `stop`; a connection gets its thread and is forgotten.
- Out of descriptors (EMFILE) the oldest silent connection makes room. Where there is none, and
  without memory, the loop pauses for a moment instead of spinning: the connection stays in the
  backlog. Without memory the loop begins anew wherever it was.
- What goes wrong is told once a while with a count, however often it happens.
"""

from __future__ import annotations

import errno
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pynetdicom.transport import AssociationServer, RequestHandler

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.limits import Limits
from echonode.dimse.upper_layer.log_throttle import Tally
from echonode.dimse.upper_layer.threads import WakeUp
from echonode.dimse.upper_layer.tls_transport import SecureSocket
from echonode.dimse.upper_layer.transport import EventSocket
from echonode.log import get_logger

if TYPE_CHECKING:
    from pynetdicom.ae import ApplicationEntity

log = get_logger(__name__)

# The class's own attribute hides the module's name.
Socket = socket.socket

_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_MS = 100


class EventRequestHandler(RequestHandler):
    """Makes an EventAssociation of an accepted connection."""

    server: EventServer

    def _create_association(self) -> EventAssociation:
        server = self.server
        assoc = EventAssociation(self.ae, "acceptor", limits=server.limits)
        assert isinstance(self.request, socket.socket)
        assoc.set_socket(self._connection(assoc))
        assoc.name = f"dimse acceptor {self.client_address[0]}:{self.client_address[1]}"
        assoc.acceptor.ae_title = server.ae_title
        assoc.acceptor.address_info = self.local
        assoc.acceptor.maximum_length = server.limits.pdu_bytes
        assoc.acceptor.implementation_class_uid = self.ae.implementation_class_uid
        assoc.acceptor.implementation_version_name = self.ae.implementation_version_name
        assoc.requestor.address_info = self.remote
        return assoc

    def _connection(self, assoc: EventAssociation) -> EventSocket:
        limits, context = self.server.limits, self.server.tls
        if context is None:
            return EventSocket(assoc, limits=limits, client_socket=self.request)
        return SecureSocket(assoc, limits=limits, client_socket=self.request, context=context)

    def handle(self) -> None:
        """Hand the association over, which starts it."""
        self.server.on_connection(self._create_association())


class EventServer(AssociationServer):
    """One listening socket and its accept loop; `tls` gives the context where it speaks TLS.

    on_shortage: called where descriptors are used up; whether one is free now.
    """

    socket: Socket

    def __init__(
        self,
        ae: ApplicationEntity,
        address: tuple[str, int],
        *,
        limits: Limits,
        on_connection: Callable[[EventAssociation], None],
        on_shortage: Callable[[], bool],
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        self.limits, self.tls = limits, tls
        self.on_connection, self.on_shortage = on_connection, on_shortage
        self._tally = Tally(limits.rejection_log_s)
        self.request_queue_size = limits.backlog
        self._stop = WakeUp()
        self._stop.open()
        super().__init__(ae, address, ae.ae_title, [], request_handler=EventRequestHandler)
        self._thread = threading.Thread(
            target=self.serve_forever, name=f"dimse listener {address[0]}:{self.port}"
        )

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for."""
        return int(self.server_address[1])

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
                time.sleep(_PAUSE_MS / 1000)  # as without descriptors: it may pass

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
                continue  # it was gone before we looked
            except OSError as error:
                self._tell_failed("the system gave no connection", error)
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
            self._tell_failed("the connection was closed", error)
            if isinstance(error, OSError) and error.errno in _SHORT_OF:
                self.on_shortage()

    def _tell_failed(self, outcome: str, error: Exception) -> None:
        """A tally: want of descriptors or threads meets every caller there is."""
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
        """The next connection; a TLS handshake, if any, is its own thread's affair."""
        return self.socket.accept()

    def stop(self) -> None:
        """Accept no more; returns when the loop has ended."""
        self._stop.set()
        self._thread.join()
        self.server_close()

    def server_close(self) -> None:
        """Close what the system gave us; also where the loop never ran."""
        super().server_close()
        self._stop.close()
