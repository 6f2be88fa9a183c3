"""Our SCP: listens, admits peers and serves them.

acceptor = Acceptor(ae_title="ECHONODE", listeners=[...], peers=[...], services=Services(...))
acceptor.start()
...
acceptor.stop(30.0)
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from echonode.dimse.acceptance import Acceptance, OnRefused, no_one_learns
from echonode.dimse.association.association import AssociationHandlers, EventAssociation
from echonode.dimse.association.association_policy import AssociationPolicy
from echonode.dimse.association.listener import AddressRange, Listener
from echonode.dimse.association.open_connections import ConnectionState, OpenConnections
from echonode.dimse.limits import Limits
from echonode.dimse.local_ae import local_ae
from echonode.dimse.scp.dispatch import Dispatcher
from echonode.dimse.services import Services
from echonode.dimse.upper_layer.host_addresses import HostAddresses
from echonode.dimse.upper_layer.tls_context import FollowedContext, server_context
from echonode.model.certificate import TLSFiles
from echonode.model.identity import Peer

# From the end of the connections to the end of their threads, for all of them together. A thread
# whose handler still works is not waited for any longer.
HANG_UP_S = 1.0


@dataclass(frozen=True, kw_only=True)
class ListenerAddress:
    """Where to listen; port 0 is any free one.

    tls: speak TLS and nothing else there. require_client_cert: every caller must show a
    certificate. trusted_proxies: balancers that name the caller (upper_layer/proxy_protocol.py).
    """

    host: str
    port: int
    tls: TLSFiles | None = None
    require_client_cert: bool = True
    trusted_proxies: tuple[AddressRange, ...] = ()

    def context(self) -> Callable[[], ssl.SSLContext] | None:
        """Gives each connection its TLS settings. Raises TLSFilesUnusable."""
        if self.tls is None:
            return None
        make = partial(server_context, require_client_cert=self.require_client_cert)
        followed = FollowedContext(self.tls, make)
        followed.current()  # now, so that a start fails on files that cannot be used
        return followed.current


class Acceptor:
    """Every listener of this node, and the associations that they accepted."""

    def __init__(
        self,
        *,
        ae_title: str,
        listeners: Sequence[ListenerAddress],
        peers: Sequence[Peer],
        services: Services,
        limits: Limits | None = None,
        say_which_title: bool = True,
        on_refused: OnRefused = no_one_learns,
    ) -> None:
        """say_which_title: whether a rejected caller learns which AE title was wrong. on_refused:
        called with each refusal that is logged.
        """
        self._limits = limits or Limits()
        self._ae = local_ae(ae_title, self._limits)
        self._listeners = tuple(listeners)
        self._hosts = HostAddresses(peers)
        self._policy = AssociationPolicy(
            ae_title=ae_title,
            peers=peers,
            limits=self._limits,
            hosts=self._hosts.of,
            say_which_title=say_which_title,
        )
        self._connections = OpenConnections(
            self._limits.connections, on_evicted=lambda assoc: self._acceptance.log_no_room(assoc)
        )
        self._acceptance = Acceptance(
            policy=self._policy,
            connections=self._connections,
            limits=self._limits,
            on_refused=on_refused,
        )
        dispatcher = Dispatcher(services)
        self._handlers = AssociationHandlers(
            negotiate=self._acceptance.negotiate,
            serve=dispatcher.serve,
            sink_for=dispatcher.sink_for,
            on_refused=self._acceptance.log_fault,
            on_tls_failed=self._acceptance.log_tls_failed,
            on_over=self._acceptance.leave,
            on_closed=self._connections.leave,
        )
        self._servers: list[Listener] = []

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
        return self._policy.taken

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
        self._hosts.start()
        for server in self._servers:
            server.start()

    def _listen(self, listener: ListenerAddress) -> Listener:
        tls = listener.context()
        try:
            return Listener(
                self._ae,
                (listener.host, listener.port),
                limits=self._limits,
                handlers=self._handlers,
                on_connection=self._take_connection,
                on_shortage=self._connections.evict,
                tls=tls,
                trusted_proxies=listener.trusted_proxies,
            )
        except OSError as error:
            where = f"{listener.host}:{listener.port}"
            raise OSError(error.errno, f"{where}: {error.strerror}") from error

    def stop(self, deadline_s: float) -> None:
        """Accept no more, let messages under way finish within `deadline_s`, then end all."""
        end = time.monotonic() + deadline_s
        for server in self._servers:
            server.stop()
        self._hosts.stop()
        remaining = self._connections.states()
        for assoc, state in remaining.items():
            if state is ConnectionState.ADMITTED:
                assoc.request_drain()
            else:
                assoc.hang_up()
        for assoc in remaining:
            assoc.join(max(0.0, end - time.monotonic()))
        for assoc in remaining:
            if assoc.is_alive():
                assoc.hang_up()
        end = time.monotonic() + HANG_UP_S
        for assoc in remaining:
            assoc.join(max(0.0, end - time.monotonic()))
        self._servers.clear()

    # one connection ------------------------------------------------------------------------

    def _take_connection(self, assoc: EventAssociation) -> None:
        """On the listener's thread: make room if necessary, and start the association."""
        if not self._connections.enter(assoc):
            self._acceptance.log_no_room(assoc)
            assoc.dispose()
            return
        try:
            assoc.start()
        except (RuntimeError, MemoryError):  # the system gives no more threads
            self._connections.leave(assoc)
            assoc.dispose()
            raise
