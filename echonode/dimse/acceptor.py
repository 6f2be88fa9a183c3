"""Our SCP: listens, admits peers and serves them.

acceptor = Acceptor(ae_title="ECHONODE", listeners=[...], peers=[...], services=Services(...))
acceptor.start()
...
acceptor.stop(30.0)
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.pdu_primitives import A_ASSOCIATE

from echonode.dimse.admission import Admission, Rejection, RejectionTally
from echonode.dimse.association import EventAssociation
from echonode.dimse.contexts import FIND_CLASSES, GET_CLASSES, MOVE_CLASSES, supported
from echonode.dimse.limits import Limits
from echonode.dimse.local_ae import local_ae
from echonode.dimse.serve import Serving
from echonode.dimse.server import EventServer
from echonode.dimse.services import Services
from echonode.dimse.tls import FollowedContext, server_context
from echonode.dimse.tls_faults import TLSFault
from echonode.log import get_logger
from echonode.model.certificate import TLSFiles
from echonode.model.identity import Peer, is_valid_ae_title

# For a thread to end whose connection was closed under it.
_HUNG_UP_S = 1.0

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ListenerAddress:
    """Where to listen; port 0 is any free one.

    tls: speak TLS and nothing else there. require_client_cert: whoever calls must show one.
    """

    host: str
    port: int
    tls: TLSFiles | None = None
    require_client_cert: bool = True

    def context(self) -> Callable[[], ssl.SSLContext] | None:
        """What gives each connection its TLS settings. Raises TLSFilesUnusable."""
        if self.tls is None:
            return None
        make = partial(server_context, require_client_cert=self.require_client_cert)
        followed = FollowedContext(self.tls, make)
        followed.current()  # now, while somebody looks whether we start
        return followed.current


class Acceptor:
    """Every listener of this node, and the associations that came in by them."""

    def __init__(
        self,
        *,
        ae_title: str,
        listeners: Sequence[ListenerAddress],
        peers: Sequence[Peer],
        services: Services,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._ae = local_ae(ae_title, self._limits)
        self._listeners = tuple(listeners)
        self._services = services
        self._admission = Admission(ae_title=ae_title, peers=peers, limits=self._limits)
        self._tally = RejectionTally(self._limits.rejection_log_s)
        self._servers: list[EventServer] = []
        self._lock = threading.Lock()
        # Every association whose thread runs, oldest first; True once it is admitted.
        self._open: dict[EventAssociation, bool] = {}

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """(host, port) of each listener as given, ports resolved; none before `start`."""
        return [
            (listener.host, server.port)
            for listener, server in zip(self._listeners, self._servers, strict=False)
        ]

    @property
    def active_associations(self) -> int:
        """Associations that are established now."""
        return self._admission.taken

    def start(self) -> None:
        """Listen on every address, or on none: raises OSError that says which failed and why."""
        try:
            for listener in self._listeners:
                self._servers.append(self._listen(listener))
        except OSError:
            for server in self._servers:
                server.server_close()
            self._servers.clear()
            raise
        for server in self._servers:
            server.start()

    def _listen(self, listener: ListenerAddress) -> EventServer:
        tls = listener.context()
        try:
            return EventServer(
                self._ae,
                (listener.host, listener.port),
                limits=self._limits,
                on_connection=self._take_connection,
                tls=tls,
            )
        except OSError as error:
            where = f"{listener.host}:{listener.port}"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror}") from error

    def stop(self, deadline_s: float) -> None:
        """Accept no more, let what is under way finish within `deadline_s`, then end it all."""
        end = time.monotonic() + deadline_s
        for server in self._servers:
            server.stop()
        with self._lock:
            remaining = dict(self._open)
        for assoc, admitted in remaining.items():
            if admitted:
                assoc.ask_drain()
            else:
                assoc.hang_up()
        for assoc in remaining:
            assoc.join(max(0.0, end - time.monotonic()))
        for assoc in remaining:
            if assoc.is_alive():
                assoc.hang_up()
        end = time.monotonic() + _HUNG_UP_S
        for assoc in remaining:
            assoc.join(max(0.0, end - time.monotonic()))
        self._servers.clear()

    # one connection ------------------------------------------------------------------------

    def _take_connection(self, assoc: EventAssociation) -> None:
        """On the listener's thread: make room if need be, and start the association."""
        assoc.prepare = lambda: self._negotiate(assoc)
        assoc.on_tls_failed = lambda fault: self._tell_tls_failed(assoc, fault)
        assoc.on_closed = lambda: self._forget(assoc)
        with self._lock:
            if len(self._open) >= self._limits.connections:
                # The oldest that has not said who it is: silence must not lock anybody out.
                silent = next(
                    (other for other, admitted in self._open.items() if not admitted), assoc
                )
                silent.hang_up()
            self._open[assoc] = False
        try:
            assoc.start()
        except (RuntimeError, MemoryError):  # the system gives no more threads
            self._forget(assoc)
            assoc.dispose()
            raise

    def _forget(self, assoc: EventAssociation) -> None:
        with self._lock:
            self._open.pop(assoc, None)

    def _negotiate(self, assoc: EventAssociation) -> bool:
        """On the association's thread, its request received: admit and negotiate, or reject."""
        request = assoc.requestor.primitive
        assert isinstance(request, A_ASSOCIATE)
        proposed = request.presentation_context_definition_list
        if not all(context.abstract_syntax and context.transfer_syntax for context in proposed):
            assoc.abort()  # PS3.8 9.3.2.2: a context has one of each at least
            return False
        address, connection = assoc.requestor.address, assoc.connection
        verdict = self._admission.admit(
            called=request.called_ae_title or "",
            calling=request.calling_ae_title or "",
            address=address,
            certificate=connection.certificate,
            in_clear=connection.speaks_tls and not connection.is_encrypted,
        )
        if isinstance(verdict, Rejection):
            self._reject(assoc, verdict, request.calling_ae_title or "")
            return False
        assoc.on_over = lambda: self._admission.leave(verdict)
        with self._lock:
            self._open[assoc] = True
        serving = Serving(assoc, verdict, self._services)
        assoc.serve, assoc.sink_for = serving.serve, serving.sink_for
        assoc.acceptor.supported_contexts = supported(
            proposed, verdict.may, private_classes=verdict.private_classes
        )
        assoc.bind(evt.EVT_SOP_EXTENDED, _grant_relational)
        assoc.acse.negotiate_association()
        return assoc.is_established

    def _reject(self, assoc: EventAssociation, rejection: Rejection, calling: str) -> None:
        assoc.acse.send_reject(rejection.result, rejection.source, rejection.reason)
        address = assoc.requestor.address
        count = self._tally.note(address, rejection.meaning, now=time.monotonic())
        if count is not None:
            log.warning(
                "association_rejected",
                address=address,
                ae_title=calling.strip() if is_valid_ae_title(calling) else "",
                reason=rejection.meaning,
                remedy=rejection.remedy,
                result=rejection.result,
                source=rejection.source,
                diagnostic=rejection.reason,
                count=count,
            )

    def _tell_tls_failed(self, assoc: EventAssociation, fault: TLSFault) -> None:
        address = assoc.requestor.address
        count = self._tally.note(address, fault.problem, now=time.monotonic())
        if count is not None:
            log.warning(
                "tls_failed",
                address=address,
                reason=fault.problem,
                remedy=fault.remedy,
                count=count,
            )


_RELATIONAL = frozenset([*FIND_CLASSES.values(), *MOVE_CLASSES.values(), *GET_CLASSES.values()])


def _grant_relational(event: evt.Event) -> dict[UID, bytes]:
    """Relational queries where they are asked for; of the other options none (PS3.4 C.5.1.1)."""
    return {
        uid: information[:1] + b"\0" * (len(information) - 1)
        for uid, information in event.app_info.items()  # type: ignore[attr-defined]  # set by name
        if uid in _RELATIONAL
    }
