"""An association that we request: what its request needs, and why it failed."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence

from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.transport import AddressInformation

from echonode.dimse.association.association import (
    NO_HANDLERS,
    AssociationHandlers,
    EventAssociation,
)
from echonode.dimse.contexts import ProposedContext, proposal, roles
from echonode.dimse.limits import Limits
from echonode.dimse.upper_layer.tls_faults import PEER_WANTS_TLS
from echonode.dimse.upper_layer.tls_transport import TLSTransport
from echonode.dimse.upper_layer.transport import Transport
from echonode.errors import (
    AssociationLost,
    AssociationRejected,
    ContextNotAccepted,
    NetworkError,
    PeerUnreachable,
)
from echonode.model.identity import Peer
from echonode.system_faults import said_of


def prepared(
    ae: ApplicationEntity,
    peer: Peer,
    contexts: Sequence[ProposedContext],
    limits: Limits,
    *,
    handlers: AssociationHandlers = NO_HANDLERS,
    tls: Callable[[], ssl.SSLContext] | None = None,
) -> EventAssociation:
    """An association with everything its A-ASSOCIATE-RQ needs; `tls` where the peer has it."""
    proposed = proposal(contexts)
    try:
        address = AddressInformation(peer.host, peer.port)
    except OSError as error:
        raise PeerUnreachable(f"{peer.host} is not a known host: {said_of(error)}") from error
    assoc = EventAssociation(ae, "requestor", limits=limits, handlers=handlers)
    assoc.name = f"dimse requestor {peer.name}"
    assoc.set_socket(
        Transport(assoc, limits=limits, address=address)
        if tls is None
        else TLSTransport(
            assoc,
            limits=limits,
            address=address,
            context=tls,
            host=peer.host,
            bound=peer.certificates,
        )
    )
    assoc.acceptor.ae_title = peer.ae_title
    assoc.acceptor.address_info = address
    assoc.requestor.address_info = AddressInformation("", 0)
    assoc.requestor.ae_title = ae.ae_title
    assoc.requestor.maximum_length = limits.pdu_bytes
    assoc.requestor.implementation_class_uid = ae.implementation_class_uid
    assoc.requestor.implementation_version_name = ae.implementation_version_name
    assoc.requestor.requested_contexts = proposed
    for abstract_syntax, (scu_role, scp_role) in roles(contexts).items():
        item = SCP_SCU_RoleSelectionNegotiation()
        item.sop_class_uid = UID(abstract_syntax)
        item.scu_role, item.scp_role = scu_role, scp_role
        assoc.requestor.add_negotiation_item(item)
    return assoc


def begin(assoc: EventAssociation, peer: Peer) -> None:
    """Start the thread of an established association.

    Raises AssociationLost, and then everything is closed.
    """
    try:
        assoc.start()
    except (RuntimeError, MemoryError) as error:
        assoc.hang_up()
        assoc.dispose()
        raise AssociationLost(
            f"{peer.ae_title} at {peer.host}:{peer.port}: this machine gives no more threads or "
            "memory, so the association was ended"
        ) from error


def failure_of(assoc: EventAssociation, peer: Peer) -> NetworkError:
    """Why there is no association."""
    where = f"{peer.ae_title} at {peer.host}:{peer.port}"
    refused = assoc.connection.connect_error
    if refused is not None:
        return PeerUnreachable(f"{where}: {said_of(refused)}")
    # In TLS 1.3 the other side judges our certificate after the handshake (RFC 8446 4.4.2.4).
    fault = assoc.connection.tls_error or (PEER_WANTS_TLS if assoc.dul.met_tls else None)
    if fault is not None:
        return PeerUnreachable(f"{where}: {fault}")
    answer = assoc.acceptor.primitive
    if isinstance(answer, A_ASSOCIATE):
        if assoc.is_rejected:
            return AssociationRejected(
                f"{where} rejected the association: {answer.reason_str}",
                result=answer.result or 0,
                source=answer.result_source or 0,
                reason=answer.diagnostic or 0,
            )
        return ContextNotAccepted(f"{where} accepted none of the presentation contexts")
    if assoc.dul.was_closed and peer.tls is None:
        return AssociationLost(
            f"{where} closed the connection before it answered the association request. "
            "Where it speaks TLS on this port, give the peer a `tls` section."
        )
    return AssociationLost(f"{where} did not answer the association request")
