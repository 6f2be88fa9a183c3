"""One association: its thread, from its connection to its end.

Why a subclass of pynetdicom's Association: the original's thread sleeps 1 ms between polls, takes
any message off one queue whichever caller it is for, answers any exception of a handler with C211,
keeps every dataset in memory, and sleeps 100 ms in abort().

Rules
- The association's own thread reads and runs the state machine. A caller that waits for its answer
  may take over both (read_lease.py). Only the own thread serves requests, in the order they came.
- Any thread may send, through `exchange`.
- Other threads end it by `request_release`, `request_abort` or `request_drain`; by `hang_up` where
  that did not help.
- A thread that starts it waits `thread_s` for the new thread to run. Thread.start() alone would
  wait without end for a thread that died before, for lack of memory (CPython gh-140746).
- When the association ends, every waiting caller is woken and every half-received dataset is
  discarded.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ABORT, A_P_ABORT, A_RELEASE
from pynetdicom.transport import AddressInformation

from echonode.dimse.association.exchange import Exchange
from echonode.dimse.association.reactor import CLOSING, Reactor
from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import CommandSet
from echonode.dimse.messages.provider import DatasetSink, DimseProvider, MemorySink, Message
from echonode.dimse.upper_layer.pdu_stream import PduError
from echonode.dimse.upper_layer.proxy_protocol import ProxyHeaderWrong
from echonode.dimse.upper_layer.threads import AlreadySetEvent, ThreadStart
from echonode.dimse.upper_layer.tls_faults import TLS_ON_PLAIN_PORT, TLSFailed, TLSFault
from echonode.dimse.upper_layer.transport import Transport
from echonode.errors import AssociationLost
from echonode.log import get_logger
from echonode.model.identity import Peer

if TYPE_CHECKING:
    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.presentation import PresentationContext

log = get_logger(__name__)


def sink_in_memory(assoc: EventAssociation, context_id: int, command: CommandSet) -> DatasetSink:
    """Keeps the dataset of a message in memory, up to the limit of an identifier."""
    return MemorySink(assoc.limits.identifier_bytes)


def _nothing(*_: object) -> None:
    """The default: does nothing."""


@dataclass(frozen=True, kw_only=True)
class AssociationHandlers:
    """The callables of an association, each called with it on its own thread.

    negotiate: the acceptor's negotiation; False where there is no association. serve: answers one
    request. sink_for: where the dataset of a message goes. on_refused: something other than an
    association request came, and the connection was ended. on_tls_failed: the TLS handshake failed.
    on_over: the association no longer counts. on_closed: its thread and descriptors are gone.
    """

    negotiate: Callable[[EventAssociation], bool] = lambda assoc: True
    serve: Callable[[EventAssociation, Message], None] = _nothing
    sink_for: Callable[[EventAssociation, int, CommandSet], DatasetSink] = sink_in_memory
    on_refused: Callable[[EventAssociation, PduError], None] = _nothing
    on_tls_failed: Callable[[EventAssociation, TLSFault], None] = _nothing
    on_over: Callable[[EventAssociation], None] = _nothing
    on_closed: Callable[[EventAssociation], None] = _nothing


NO_HANDLERS = AssociationHandlers()


class TerminationRequest(Enum):
    """How another thread wants the association to end."""

    RELEASE = "release"
    ABORT = "abort"
    DRAIN = "drain"  # abort once no message is under way


class EventAssociation(Association):
    """An association in either role; `handlers` is what it calls."""

    dul: Reactor
    dimse: DimseProvider

    def __init__(
        self,
        ae: ApplicationEntity,
        mode: str,
        *,
        limits: Limits,
        handlers: AssociationHandlers = NO_HANDLERS,
    ) -> None:
        super().__init__(ae, mode)
        self.limits = limits
        self.handlers = handlers
        self._thread_start = ThreadStart()
        # Thread.start() waits for this event, which is never set where the thread dies first.
        self._started = AlreadySetEvent()
        self.dimse = DimseProvider(
            self,
            limits=limits,
            is_accepted=lambda context_id: context_id in self._accepted_cx,
            sink_for=lambda context_id, command: handlers.sink_for(self, context_id, command),
        )
        self.dul = Reactor(self, self.dimse, limits=limits)
        if self.is_requestor:
            self.dul.open_wake_up()
        self.peer: Peer | None = None  # the admitted peer, as acceptor
        self._is_serving = False
        self._termination: TerminationRequest | None = None
        self.exchange = Exchange(self)
        self._end = self._made_end()

    # overrides of pynetdicom ----------------------------------------------------

    def _bind_defaults(self) -> None:
        """Bind only the negotiation's handlers; pynetdicom's others log every PDU."""
        for event in evt._INTERVENTION_EVENTS:
            self.bind(event, evt.get_default_handler(event))

    def request(self) -> None:
        """Negotiate as requestor, on the calling thread."""
        self.acse.negotiate_association()

    def kill(self) -> None:
        """Mark the association as over; there is no other thread to wait for."""
        self._kill = True
        self.is_established = False

    def _abort_blocking(self, block: bool = True) -> None:
        """A-ABORT, without the original's pause of 100 ms."""
        if self._sent_abort or self.is_released or self.dul.is_over:
            return
        self._sent_abort = True
        self.acse.send_abort(0x00)
        self.kill()

    @property
    def connection(self) -> Transport:
        return self.dul.connection

    @property
    def is_usable(self) -> bool:
        """Whether it is established and no end was requested."""
        return self.is_established and self._termination is None

    @property
    def was_ended_by_peer(self) -> bool:
        """Whether the peer sent A-ABORT or closed the connection before we requested an end."""
        return self._termination is None and (self.is_aborted or self.dul.was_closed)

    @property
    def is_draining(self) -> bool:
        """Whether it ends after the message under way, because the node stops."""
        return self._termination is TerminationRequest.DRAIN

    @property
    def idle_seconds(self) -> float:
        """Seconds since the peer sent anything; 0 while it waits for us."""
        if self._is_serving or self.dimse.mid_message or self.dimse.inbox:
            return 0.0
        return max(0.0, self.limits.idle_s - self.dul._idle_timer.remaining)

    @property
    def accepted_by_id(self) -> dict[int, PresentationContext]:
        """The accepted presentation contexts by their IDs."""
        return self._accepted_cx

    # the end -------------------------------------------------------------------------------

    def request_release(self) -> None:
        """Have its thread release it, once nothing is being served."""
        self._request_end(TerminationRequest.RELEASE)

    def request_abort(self) -> None:
        """Have its thread abort it."""
        self._request_end(TerminationRequest.ABORT)

    def request_drain(self) -> None:
        """Have its thread abort it, once no message is under way."""
        self._request_end(TerminationRequest.DRAIN)

    def _request_end(self, request: TerminationRequest) -> None:
        self._termination = request
        self.dul.wake_up.set()

    def hang_up(self) -> None:
        """End the connection at once, from any thread."""
        self.connection.hang_up()
        self.dul.wake_up.set()

    def dispose(self) -> None:
        """Close the descriptors; the thread must have ended or never have run."""
        self.connection.dispose()
        self.dul.dispose()

    # the thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start its thread; returns when that runs.

        Raises RuntimeError or MemoryError where it does not run; then it never will.
        """
        super().start()
        if not self._thread_start.wait_started(self.limits.thread_s):
            raise RuntimeError("a new thread died before its first step")

    def run_reactor(self) -> None:
        """What the association's thread runs, from its connection to its end."""
        if not self._thread_start.entered():
            return
        with self._end:
            try:
                if self.is_requestor or self._begin():
                    self._converse()
            except AssociationLost:
                self.abort()
            except Exception as error:
                log.error("association_failed", error=type(error).__name__, exc_info=True)
                self.hang_up()

    def _begin(self) -> bool:
        """Receive the request and negotiate; False where there is no association."""
        self.dul.drain_events()  # Evt5: starts ARTIM, which bounds all that follows
        deadline = time.monotonic() + self.dul.artim_timer.remaining
        try:
            if self.connection.is_proxied:
                self._learn_caller(deadline)
            self.connection.handshake(deadline)
        except ProxyHeaderWrong as fault:
            self.handlers.on_refused(self, fault)
            return False
        except TLSFailed as failure:
            self.handlers.on_tls_failed(self, failure.fault)
            return False
        primitive = self.dul.receive_pdu(wait=True)
        if primitive is None or isinstance(primitive, (A_ABORT, A_P_ABORT, A_RELEASE)):
            if self.dul.met_tls:
                self.handlers.on_tls_failed(self, TLS_ON_PLAIN_PORT)
            elif self.dul.fault is not None:
                self.handlers.on_refused(self, self.dul.fault)
            return False
        self.requestor.primitive = primitive
        return self.handlers.negotiate(self) and self.is_established

    def _learn_caller(self, deadline: float) -> None:
        """From here on the address is the caller's, and no longer the proxy's."""
        caller = self.connection.proxied_caller(deadline)
        if caller is not None:
            self.requestor.address_info = AddressInformation.from_tuple(caller)

    def _converse(self) -> None:
        while self._has_reclaimed() and self.process_indications():
            if self.dimse.inbox:
                self._is_serving = True
                self.handlers.serve(self, self.dimse.inbox.popleft())
                self._is_serving = False
            elif self._termination is not None and self._terminate(self._termination):
                return
            elif self.dul.idle_timer_expired():
                self.abort()
            else:
                self.dul.run_once(time.monotonic() + self.dul._idle_timer.remaining)
                self._offer_lease()

    def _has_reclaimed(self) -> bool:
        """True; where callers may read, only after this thread has taken that back."""
        if self.dul.read_lease.is_offered:
            self.dul.read_lease.wait_until_reclaimed(self.connection.fileno())
            self.dimse.has_answered = False
        return True

    def _offer_lease(self) -> None:
        """Let a caller read its next answer itself: it has just got one."""
        # Else an end whose wake-up was just cleared would wait until the lease is over.
        if self._termination is not None or not self.is_requestor or not self.dimse.has_answered:
            return
        if not self.exchange.needs_reader():
            self.dimse.has_answered = False
            self.dul.read_lease.offer()

    def process_indications(self, *, release: bool = True) -> bool:
        """Act on A-ABORT and A-RELEASE of the peer; False where it is over.

        release: whether a release request may be answered now. Not while a message of ours is
        under way: P-DATA may still be sent in Sta8, not after that.
        """
        primitive = self.dul.peek_next_pdu()
        if isinstance(primitive, (A_ABORT, A_P_ABORT)):
            self.is_aborted, self.is_established = True, False
        elif isinstance(primitive, A_RELEASE) and primitive.result is None and release:
            self.dul.receive_pdu()
            self.acse.send_release(is_response=True)
            self.is_released, self.is_established = True, False
        return self.is_established and not self.dul.is_over

    def _terminate(self, request: TerminationRequest) -> bool:
        """End the association as requested; False where that has to wait."""
        if request is TerminationRequest.DRAIN and self.dimse.mid_message:
            return False  # called again after the next PDU
        if request is TerminationRequest.RELEASE:
            self._release()
        else:
            self.abort()
        return True

    def _release(self) -> None:
        """A-RELEASE; a report that arrives meanwhile is still served, but cannot be answered."""
        self.acse.negotiate_release()
        while self.dimse.inbox:
            with contextlib.suppress(AssociationLost):
                self.handlers.serve(self, self.dimse.inbox.popleft())

    def _made_end(self) -> contextlib.ExitStack:
        """The steps of the end, made in advance: each is done, also where another one fails.

        An end for lack of memory could not make them.
        """
        end = contextlib.ExitStack()
        end.callback(lambda: self.handlers.on_closed(self))
        end.callback(self.dispose)
        end.callback(self._close_connection)
        end.callback(lambda: self.handlers.on_over(self))
        end.callback(self._tell_waiters)
        return end

    def _tell_waiters(self) -> None:
        self.is_established = False
        self.dimse.break_off()

    def _close_connection(self) -> None:
        """Wait for the peer to close, then close."""
        while self.dul.state == CLOSING and not self.dul.is_over:
            self.dul.run_once(None)
        self.connection.hang_up()
        if not self.dul.is_over:
            self.dul.lose()
