"""One association: its thread, from its connection to its end.

Why a subclass of pynetdicom's Association: the original's thread sleeps 1 ms between looks, takes
messages off one queue whoever they are for, answers any handler's exception with C211, keeps every
dataset in memory, and sleeps 100 ms in abort().

Rules
- The association's own thread reads, and moves the state machine; a caller that waits for its
  answer may borrow both (read_lease.py). It alone serves requests, in the order they came.
- Any thread may speak, through `conversation`.
- Other threads ask for the end by `ask_release`, `ask_abort` and `ask_drain`; `hang_up` is for when
  asking was not enough.
- Whoever starts it waits `thread_s` for its first step. Thread.start() would wait for ever for a
  thread that died before it, for want of memory (CPython gh-140746).
- When the association ends, every waiter is told and every half-received dataset is broken off.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ABORT, A_P_ABORT, A_RELEASE

from echonode.dimse.association.exchange import Conversation
from echonode.dimse.association.reactor import CLOSING, EventDUL
from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import CommandSet
from echonode.dimse.messages.provider import DatasetSink, MemorySink, Message, StreamDIMSE
from echonode.dimse.upper_layer.pdu_stream import PduError
from echonode.dimse.upper_layer.threads import Birth, NoWait
from echonode.dimse.upper_layer.tls_faults import TLS_ON_PLAIN_PORT, TLSFailed, TLSFault
from echonode.dimse.upper_layer.transport import EventSocket
from echonode.errors import AssociationLost
from echonode.log import get_logger
from echonode.model.identity import Peer

if TYPE_CHECKING:
    from pynetdicom.ae import ApplicationEntity
    from pynetdicom.presentation import PresentationContext

log = get_logger(__name__)


class Wish(Enum):
    """What another thread asks of the association's thread."""

    RELEASE = "release"
    ABORT = "abort"
    DRAIN = "drain"  # abort once no message is under way


class EventAssociation(Association):
    """An association in either role.

    serve: called on the association's thread with each request.
    sink_for: where the dataset of a message goes; in memory by default.
    prepare: the acceptor's negotiation; False when the association was refused.
    on_refused: it was aborted or closed for what came in place of a request.
    on_tls_failed: the caller and we did not come to speak the same, and why.
    on_over: the association no longer counts. on_closed: its thread and descriptors are gone.
    """

    dul: EventDUL
    dimse: StreamDIMSE

    def __init__(self, ae: ApplicationEntity, mode: str, *, limits: Limits) -> None:
        super().__init__(ae, mode)
        self.limits = limits
        self._birth = Birth()
        self._started = NoWait()  # Thread.start() waits for it, where it would have no end
        self.dimse = StreamDIMSE(
            self,
            limits=limits,
            is_accepted=lambda context_id: context_id in self._accepted_cx,
            sink_for=lambda context_id, command: self.sink_for(context_id, command),
        )
        self.dul = EventDUL(self, self.dimse, limits=limits)
        if self.is_requestor:
            self.dul.open_wake()
        self.serve: Callable[[Message], None] = lambda message: None
        self.sink_for: Callable[[int, CommandSet], DatasetSink] = self._sink_in_memory
        self.prepare: Callable[[], bool] = lambda: True
        self.on_refused: Callable[[PduError], None] = lambda fault: None
        self.on_tls_failed: Callable[[TLSFault], None] = lambda fault: None
        self.on_over: Callable[[], None] = lambda: None
        self.on_closed: Callable[[], None] = lambda: None
        self.peer: Peer | None = None  # who was admitted, as acceptor
        self._is_serving = False
        self._wish: Wish | None = None
        self.conversation = Conversation(self)
        self._end = self._made_end()

    # what pynetdicom would do otherwise ----------------------------------------------------

    def _bind_defaults(self) -> None:
        """Only what negotiation asks; the standard handlers print every PDU into the log."""
        for event in evt._INTERVENTION_EVENTS:
            self.bind(event, evt.get_default_handler(event))

    def request(self) -> None:
        """Negotiate as requestor, on the calling thread."""
        self.acse.negotiate_association()

    def kill(self) -> None:
        """The association is over; there is no other thread to wait for."""
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
    def connection(self) -> EventSocket:
        return self.dul.connection

    @property
    def is_usable(self) -> bool:
        """Whether it is established and nobody has asked for its end."""
        return self.is_established and self._wish is None

    @property
    def was_ended_by_peer(self) -> bool:
        """Whether A-ABORT came, or the peer closed the connection, with no wish of ours for it."""
        return self._wish is None and (self.is_aborted or self.dul.was_closed)

    @property
    def is_draining(self) -> bool:
        """Whether it ends with what is under way, because the node stops."""
        return self._wish is Wish.DRAIN

    @property
    def idle_seconds(self) -> float:
        """How long the peer has sent nothing; 0 while it waits for us."""
        if self._is_serving or self.dimse.mid_message or self.dimse.inbox:
            return 0.0
        return max(0.0, self.limits.idle_s - self.dul._idle_timer.remaining)

    @property
    def accepted_by_id(self) -> dict[int, PresentationContext]:
        """The accepted presentation contexts by their IDs."""
        return self._accepted_cx

    # the end -------------------------------------------------------------------------------

    def ask_release(self) -> None:
        self._ask(Wish.RELEASE)

    def ask_abort(self) -> None:
        self._ask(Wish.ABORT)

    def ask_drain(self) -> None:
        self._ask(Wish.DRAIN)

    def _ask(self, wish: Wish) -> None:
        self._wish = wish
        self.dul.wake.set()

    def hang_up(self) -> None:
        """End the connection under whatever is going on."""
        self.connection.hang_up()
        self.dul.wake.set()

    def dispose(self) -> None:
        """Close what the system gave us; the thread must be over or never have run."""
        self.connection.dispose()
        self.dul.dispose()

    # the thread ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start its thread; returns when that runs.

        Raises RuntimeError, or MemoryError, where it does not and never will.
        """
        super().start()
        if not self._birth.is_seen(self.limits.thread_s):
            raise RuntimeError("a new thread died before its first step")

    def run_reactor(self) -> None:
        """The association's whole life after its connection."""
        if not self._birth.step():
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
        """Take the request in and negotiate; False when there is no association."""
        self.dul.settle()  # Evt5: starts ARTIM, which bounds all that follows
        try:
            self.connection.handshake(time.monotonic() + self.dul.artim_timer.remaining)
        except TLSFailed as failure:
            self.on_tls_failed(failure.fault)
            return False
        primitive = self.dul.receive_pdu(wait=True)
        if primitive is None or isinstance(primitive, (A_ABORT, A_P_ABORT, A_RELEASE)):
            if self.dul.met_tls:
                self.on_tls_failed(TLS_ON_PLAIN_PORT)
            elif self.dul.fault is not None:
                self.on_refused(self.dul.fault)
            return False
        self.requestor.primitive = primitive
        return self.prepare() and self.is_established

    def _converse(self) -> None:
        while self._has_reading() and self.heed():
            if self.dimse.inbox:
                self._is_serving = True
                self.serve(self.dimse.inbox.popleft())
                self._is_serving = False
            elif self._wish is not None and self._grant(self._wish):
                return
            elif self.dul.idle_timer_expired():
                self.abort()
            else:
                self.dul.turn(time.monotonic() + self.dul._idle_timer.remaining)
                self._lend_reading()

    def _has_reading(self) -> bool:
        """True; where the reading is lent, only once it was taken back."""
        if self.dul.reading.is_lent:
            self.dul.reading.mind(self.connection.fileno())
            self.dimse.has_answered = False
        return True

    def _lend_reading(self) -> None:
        """To a caller that is likely to send its next request now that it has its answer."""
        # A wish whose wake-up was just cleared would wait until the loan is over.
        if self._wish is not None or not self.is_requestor or not self.dimse.has_answered:
            return
        if not self.conversation.needs_reading():
            self.dimse.has_answered = False
            self.dul.reading.lend()

    def heed(self, *, release: bool = True) -> bool:
        """Act on what the peer wants of the association itself; False when it is over.

        release: whether a release request may be answered yet (not while a message of ours is
        under way: P-DATA may still be sent in Sta8, not after).
        """
        primitive = self.dul.peek_next_pdu()
        if isinstance(primitive, (A_ABORT, A_P_ABORT)):
            self.is_aborted, self.is_established = True, False
        elif isinstance(primitive, A_RELEASE) and primitive.result is None and release:
            self.dul.receive_pdu()
            self.acse.send_release(is_response=True)
            self.is_released, self.is_established = True, False
        return self.is_established and not self.dul.is_over

    def _grant(self, wish: Wish) -> bool:
        """Carry out a wish; False when it has to wait."""
        if wish is Wish.DRAIN and self.dimse.mid_message:
            return False  # asked again when the next PDU is in
        if wish is Wish.RELEASE:
            self._release()
        else:
            self.abort()
        return True

    def _release(self) -> None:
        """A-RELEASE; a report that comes meanwhile still counts, though it cannot be answered."""
        self.acse.negotiate_release()
        while self.dimse.inbox:
            with contextlib.suppress(AssociationLost):
                self.serve(self.dimse.inbox.popleft())

    def _made_end(self) -> contextlib.ExitStack:
        """All that ends it, made beforehand: each part is done, also where another one fails."""
        end = contextlib.ExitStack()
        end.callback(lambda: self.on_closed())
        end.callback(self.dispose)
        end.callback(self._part)
        end.callback(lambda: self.on_over())
        end.callback(self._tell_waiters)
        return end

    def _tell_waiters(self) -> None:
        self.is_established = False
        self.dimse.break_off()

    def _part(self) -> None:
        """Wait for the peer to close, and close."""
        while self.dul.state == CLOSING and not self.dul.is_over:
            self.dul.turn(None)
        self.connection.hang_up()
        if not self.dul.is_over:
            self.dul.lose()

    def _sink_in_memory(self, context_id: int, command: CommandSet) -> DatasetSink:
        return MemorySink(self.limits.identifier_bytes)
