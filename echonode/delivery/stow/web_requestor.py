"""Opens connections with DICOMweb servers, and gives each peer the kind of association it has."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Sequence
from functools import partial

from echonode.delivery.ports import ReleasedAssociation
from echonode.delivery.stow.connection import ANSWER_S, HttpConnection
from echonode.delivery.stow.credentials import authorization
from echonode.delivery.stow.web_association import WebAssociation
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import RequestObserver
from echonode.dimse.upper_layer.tls_context import FollowedContext, client_context
from echonode.dimse.upper_layer.tls_faults import TLSFilesUnusable
from echonode.errors import PeerUnreachable
from echonode.model.certificate import TLSFiles
from echonode.model.identity import Peer


class WebRequestor:
    """Connects to DICOMweb servers. Thread-safe."""

    def __init__(
        self, *, answer_s: float = ANSWER_S, observer: RequestObserver | None = None
    ) -> None:
        """answer_s: how long a server may take to answer. observer: learns what was sent."""
        self._answer_s = answer_s
        self._observer = observer or RequestObserver()
        self._lock = threading.Lock()
        self._tls: dict[TLSFiles, FollowedContext] = {}

    def associate(self, peer: Peer, contexts: Sequence[ProposedContext]) -> WebAssociation:
        """A connection with `peer`, on which every context counts as accepted.

        Raises PeerUnreachable, and AssociationRejected where our token cannot be read.
        """
        access = peer.web
        assert access is not None  # AnyAssociate sends no other here
        value = authorization(access)
        connection = HttpConnection(
            peer.host,
            peer.port,
            tls=self._context(peer) if access.is_encrypted else None,
            answer_s=self._answer_s,
        )
        return WebAssociation(
            connection,
            path=access.path,
            authorization=value,
            on_sent=partial(self._observer.sent, peer),
            accepted=frozenset(
                (context.abstract_syntax, syntax)
                for context in contexts
                for syntax in context.transfer_syntaxes
            ),
        )

    def _context(self, peer: Peer) -> ssl.SSLContext:
        if peer.tls is None:
            return ssl.create_default_context()  # the authorities of this system
        with self._lock:
            followed = self._tls.setdefault(
                peer.tls, FollowedContext(peer.tls, partial(client_context, check_name=True))
            )
        try:
            return followed.current()
        except TLSFilesUnusable as error:
            raise PeerUnreachable(f"TLS failed: {error}") from error


class AnyAssociate:
    """Opens an association by DIMSE, or by DICOMweb, as the peer has it."""

    def __init__(
        self,
        *,
        dimse: Callable[[Peer, Sequence[ProposedContext]], ReleasedAssociation],
        web: Callable[[Peer, Sequence[ProposedContext]], ReleasedAssociation],
    ) -> None:
        self._dimse, self._web = dimse, web

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> ReleasedAssociation:
        """Raises NetworkError."""
        associate = self._dimse if peer.web is None else self._web
        return associate(peer, contexts)
