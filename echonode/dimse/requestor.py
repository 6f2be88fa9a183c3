"""Our SCU: opens associations to peers and sends requests on them.

    requestor = Requestor(ae_title="ECHONODE", commit_report=...)
    with requestor.associate(peer, [...]) as assoc:
        response = assoc.c_store(file)

A RequestedAssociation may be used from any thread. Its own thread reads: an answer reaches the
caller that waits for it, and a report (N-EVENT-REPORT) that comes at any time goes to
`commit_report` and is answered, also while a request of ours is under way.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from functools import partial

from echonode.dimse.association.association import AssociationHandlers, EventAssociation
from echonode.dimse.association.association_request import failure_of, prepared
from echonode.dimse.association.responses import respond
from echonode.dimse.contexts import (
    ProposedContext,
)
from echonode.dimse.limits import Limits
from echonode.dimse.local_ae import local_ae
from echonode.dimse.messages.command_set import (
    CommandField,
)
from echonode.dimse.messages.provider import Message
from echonode.dimse.requested_association import RequestedAssociation
from echonode.dimse.scp import commitment
from echonode.dimse.services import (
    RequestObserver,
)
from echonode.dimse.upper_layer.tls_context import FollowedContext, client_context
from echonode.errors import DimseFailure
from echonode.model.certificate import TLSFiles
from echonode.model.commitment import CommitmentReport
from echonode.model.identity import Peer
from echonode.model.status import UNRECOGNISED_OPERATION


class Requestor:
    """Opens associations in the name of `ae_title`. Thread-safe.

    commit_report: takes a report that arrives on an association of ours and returns the status to
    answer; called on that association's own thread. Without it, reports are answered 0211.
    observer: learns of instances sent and queries asked.
    """

    def __init__(
        self,
        *,
        ae_title: str,
        limits: Limits | None = None,
        commit_report: Callable[[Peer, CommitmentReport], int] | None = None,
        observer: RequestObserver | None = None,
    ) -> None:
        self._ae_title = ae_title
        self._observer = observer or RequestObserver()
        self._limits = limits or Limits()
        self._commit_report = commit_report
        self._tls: dict[tuple[TLSFiles, bool], FollowedContext] = {}

    def associate(
        self, peer: Peer, contexts: Sequence[ProposedContext], *, ae_title: str | None = None
    ) -> RequestedAssociation:
        """An association with `peer`; `ae_title` is used in place of our own.

        Raises PeerUnreachable, AssociationRejected, AssociationLost (aborted, or no answer in
        time), ContextNotAccepted when the peer accepted no context, and ValueError for more than
        128 (class, transfer syntax) pairs: the caller decides which to leave out.
        """
        ae = local_ae(ae_title or self._ae_title, self._limits)
        assoc = prepared(
            ae,
            peer,
            contexts,
            self._limits,
            handlers=AssociationHandlers(serve=partial(_serve, peer, self._commit_report)),
            tls=self._tls_for(peer),
        )
        assoc.request()
        if not assoc.is_established:
            try:
                raise failure_of(assoc, peer)
            finally:
                assoc.hang_up()
                assoc.dispose()
        return RequestedAssociation(assoc, peer, self._observer)

    def _tls_for(self, peer: Peer) -> Callable[[], ssl.SSLContext] | None:
        """How to encrypt calls to `peer`; None where it is called in clear."""
        if peer.tls is None:
            return None
        # Where the configuration names the certificate, checking the host name adds nothing.
        check_name = not peer.certificates
        followed = self._tls.setdefault(
            (peer.tls, check_name),
            FollowedContext(peer.tls, partial(client_context, check_name=check_name)),
        )
        return followed.current


def _serve(
    peer: Peer,
    commit_report: Callable[[Peer, CommitmentReport], int] | None,
    assoc: EventAssociation,
    message: Message,
) -> None:
    """Answer a request of the peer: it may only bring a commitment report."""
    try:
        field = message.command.command_field
        if field != CommandField.N_EVENT_REPORT or commit_report is None:
            raise DimseFailure(UNRECOGNISED_OPERATION, "Operation not supported")
        commitment.serve_report(assoc, peer, commit_report, message)
    except DimseFailure as failure:
        respond(assoc, message, failure.status, comment=failure.comment)
