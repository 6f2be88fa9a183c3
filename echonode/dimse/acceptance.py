"""Each association request is accepted, rejected or aborted; each refusal is logged.

Rules
- The AE titles are checked first, as they are in the request (request_pdu.py). The presentation
  contexts are read only of an admitted caller.
- A valid request that is refused is answered with A-ASSOCIATE-RJ. Bytes that are no request, or
  break PS3.8 9.3.2, are answered with A-ABORT. Only a connection that sent nothing is closed
  without an answer.
- Each refusal is logged as `association_rejected`, with its cause and remedy: at once, then once in
  a while with a count. Text from the wire is escaped and short.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Protocol

from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.association_policy import (
    CONGESTED,
    OTHER_CONTEXT_NAME,
    OTHER_VERSION,
    TOO_MANY,
    AssociationPolicy,
    Rejection,
)
from echonode.dimse.association.open_connections import ConnectionState, OpenConnections
from echonode.dimse.contexts import (
    FIND_CLASSES,
    GET_CLASSES,
    KNOWN_SYNTAXES,
    MOVE_CLASSES,
    WORKLIST_CLASS,
    supported,
)
from echonode.dimse.limits import Limits
from echonode.dimse.scp.cancellable import FindOption
from echonode.dimse.upper_layer.log_throttle import Tally
from echonode.dimse.upper_layer.pdu_stream import ASSOCIATE_RQ, PduError
from echonode.dimse.upper_layer.request_pdu import (
    OtherContextName,
    RequestHead,
    head_of,
    printable,
    recognised_request,
)
from echonode.dimse.upper_layer.tls_faults import TLSFault
from echonode.log import get_logger
from echonode.model.identity import Peer
from echonode.model.parse_faults import PARSE_FAULTS

log = get_logger(__name__)

NO_ROOM = "connections are used up, and this one sent nothing yet"
NO_ROOM_REMEDY = (
    "Find out what connects from there and sends nothing; raise the limit of open files "
    "(LimitNOFILE, ulimit -n) where it is low."
)


class OnRefused(Protocol):
    """Takes a caller that was refused, as often as the log does."""

    def __call__(self, *, address: str, ae_title: str, reason: str, count: int) -> None:
        """Must be quick and must not raise."""


def no_one_learns(*, address: str, ae_title: str, reason: str, count: int) -> None:
    """Of an acceptor without an audit trail."""


class Acceptance:
    """Negotiates as acceptor, on each association's own thread."""

    def __init__(
        self,
        *,
        policy: AssociationPolicy,
        connections: OpenConnections,
        limits: Limits,
        on_refused: OnRefused = no_one_learns,
    ) -> None:
        self._on_refused = on_refused
        self._policy = policy
        self._connections = connections
        self._limits = limits
        self._tally = Tally(limits.rejection_log_s)

    def negotiate(self, assoc: EventAssociation) -> bool:
        """Admit the caller of a received request and negotiate, or refuse; False where refused."""
        try:
            head = head_of(assoc.dul.request)
        except PduError as error:
            return self._abort(assoc, error)
        verdict = self._verdict(assoc, head)
        if isinstance(verdict, Rejection):
            return self._reject(assoc, verdict, head)
        assoc.peer = verdict  # from here on it has a slot, which `leave` gives back
        if not self._opens_wake_up(assoc):
            return self._reject(assoc, CONGESTED, head)
        try:
            request = _decoded(assoc.dul.request)
        except OtherContextName:
            return self._reject(assoc, OTHER_CONTEXT_NAME, head)
        except PduError as error:
            return self._abort(assoc, error)
        except PARSE_FAULTS:
            return self._abort(assoc, PduError("an association request that cannot be read"))
        if not self._connections.admit(assoc):
            return False  # it was evicted meanwhile
        return self._accept(assoc, verdict, request)

    def leave(self, assoc: EventAssociation) -> None:
        """The association is over: give its slot back, if it had one."""
        if assoc.peer is not None:
            self._policy.leave(assoc.peer, assoc.requestor.address)

    def _verdict(self, assoc: EventAssociation, head: RequestHead) -> Peer | Rejection:
        if not head.speaks_version_1:
            return OTHER_VERSION
        connection = assoc.connection
        verdict = self._policy.admit(
            called=head.called,
            calling=head.calling,
            address=assoc.requestor.address,
            now=time.monotonic(),
            certificate=connection.certificate,
            in_clear=connection.speaks_tls and not connection.is_encrypted,
        )
        if verdict is TOO_MANY:
            self._make_room(head.calling)
        return verdict

    def _opens_wake_up(self, assoc: EventAssociation) -> bool:
        """Open the wake-up of its thread; evict a silent connection if no descriptor is free."""
        for _ in range(2):
            try:
                assoc.dul.open_wake_up()
            except OSError:
                if not self._connections.evict(keep=assoc):
                    return False
            else:
                return True
        return False

    def _accept(self, assoc: EventAssociation, peer: Peer, request: A_ASSOCIATE) -> bool:
        assoc.requestor.primitive = request
        contexts = supported(
            request.presentation_context_definition_list,
            peer.may,
            private_classes=peer.private_classes,
        )
        assoc.acceptor.supported_contexts = contexts
        classes = frozenset(str(context.abstract_syntax) for context in contexts)
        assoc.bind(evt.EVT_SOP_EXTENDED, lambda event: _granted(event, classes))
        assoc.acse.negotiate_association()
        return assoc.is_established

    def _make_room(self, calling: str) -> None:
        """Where slots are used up, end the stranger's association that is idle for longest.

        Preferably one under the same AE title: a caller that claims to be one peer must not end the
        associations of another. The slot is free for the next call; a transient rejection tells the
        caller to try again.
        """
        idle = [
            ((calling.strip() in peer.titles, assoc.idle_seconds), assoc)
            for assoc, peer in self._strangers()
        ]
        (_, longest), assoc = max(idle, key=lambda each: each[0], default=((False, 0.0), None))
        if assoc is not None and longest >= self._limits.crowded_idle_s:
            log.warning(
                "association_evicted",
                address=assoc.requestor.address,
                peer=assoc.peer.name if assoc.peer else "",
                idle_s=round(longest),
                remedy="Where it is the peer itself, enter its address as `host` or `addresses`.",
            )
            assoc.request_abort()

    def _strangers(self) -> Iterator[tuple[EventAssociation, Peer]]:
        for assoc, state in self._connections.states().items():
            peer, address = assoc.peer, assoc.requestor.address
            if state is not ConnectionState.ADMITTED or peer is None:
                continue
            if self._policy.is_stranger(peer, address):
                yield assoc, peer

    # the log --------------------------------------------------------------------------

    def _reject(self, assoc: EventAssociation, rejection: Rejection, head: RequestHead) -> bool:
        """A-ASSOCIATE-RJ; always False."""
        assoc.acse.send_reject(rejection.result, rejection.source, rejection.reason)
        self._log_rejected(
            assoc,
            rejection.meaning,
            rejection.remedy,
            head,
            result=rejection.result,
            source=rejection.source,
            diagnostic=rejection.reason,
        )
        return False

    def _abort(self, assoc: EventAssociation, fault: PduError) -> bool:
        """A-ABORT; always False."""
        assoc.dul.refuse(fault)
        self.log_fault(assoc, fault)
        return False

    def log_fault(self, assoc: EventAssociation, fault: PduError) -> None:
        """It was aborted or closed before it was an association."""
        head = RequestHead(called="", calling="")
        request = assoc.dul.request
        if request[:1] == bytes([ASSOCIATE_RQ]):
            with contextlib.suppress(PduError):  # it was cut off before its titles
                head = head_of(request)
        self._log_rejected(assoc, str(fault), fault.remedy, head)

    def log_no_room(self, assoc: EventAssociation) -> None:
        """It was evicted for another connection, or found no place."""
        self._log_rejected(assoc, NO_ROOM, NO_ROOM_REMEDY, RequestHead(called="", calling=""))

    def _log_rejected(
        self,
        assoc: EventAssociation,
        reason: str,
        remedy: str,
        head: RequestHead,
        **numbers: int,
    ) -> None:
        address = assoc.requestor.address
        count = self._tally.note(address, reason, now=time.monotonic())
        if count is not None:
            log.warning(
                "association_rejected",
                address=address,
                ae_title=printable(head.calling),
                called_ae_title=printable(head.called),
                reason=reason,
                remedy=remedy,
                count=count,
                **numbers,
            )
            self._on_refused(
                address=address, ae_title=printable(head.calling), reason=reason, count=count
            )

    def log_tls_failed(self, assoc: EventAssociation, fault: TLSFault) -> None:
        """The TLS handshake with the caller failed."""
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
            self._on_refused(address=address, ae_title="", reason=fault.problem, count=count)


def _decoded(request: bytes) -> A_ASSOCIATE:
    """An admitted caller's whole request. Raises OtherContextName, and what PARSE_FAULTS lists."""
    pdu = A_ASSOCIATE_RQ()
    pdu.decode(recognised_request(request, KNOWN_SYNTAXES))
    return pdu.to_primitive()


# How many bytes of extended negotiation we know, of which each is granted when it is 1. Queries:
# relational, combined date-time matching, fuzzy names (PS3.4 C.5.1.1.1, and K.5.1.1 of the
# worklist, which is one level and always matches date and time together); the bytes after these are
# time zone adjustment and conversion of enhanced images. Retrievals: relational (C.5.2.1.1).
_OPTIONS = {
    **dict.fromkeys([*FIND_CLASSES.values(), WORKLIST_CLASS], len(FindOption)),
    **dict.fromkeys([*MOVE_CLASSES.values(), *GET_CLASSES.values()], 1),
}


def _granted(event: evt.Event, classes: frozenset[str]) -> dict[UID, bytes]:
    """The options that are asked for and that we know; of others none (PS3.4 C.5.1.1).

    classes: those that were proposed and are served; others get no answer (PS3.7 D.3.3.5).
    """
    return {
        uid: information[: _OPTIONS[uid]] + b"\0" * (len(information) - _OPTIONS[uid])
        for uid, information in event.app_info.items()  # type: ignore[attr-defined]  # set by name
        if uid in _OPTIONS and uid in classes
    }
