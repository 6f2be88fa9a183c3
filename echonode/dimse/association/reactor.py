"""The upper layer service provider (PS3.8 clause 7) as a reactor that waits instead of polling.

Why a subclass of pynetdicom's DULServiceProvider: the original is a second thread per association
that sleeps 1 ms between polls (2% of a core when idle), buffers whatever length a PDU claims,
waits without end for the rest of a PDU, and measures time by the wall clock.

Rules
- It has no thread of its own: the association's thread calls `run_once`, which receives one PDU or
  waits for one. Before that thread runs (negotiation as requestor) the caller's thread does. Later
  a caller that has the read lease may (read_lease.py). One thread at a time.
- The state machine is pynetdicom's, PS3.8 table 9-10 without changes. Only P-DATA-TF in Sta6 and
  Sta7 bypasses its queues (actions DT-2 and AR-6 do nothing but pass it on).
- The events of a primitive or PDU are handled at once (`drain_events`), before anything else.
- Deadlines are absolute and monotonic. A PDU that is late, too long or invalid is Evt19: A-ABORT.
- A connection costs one descriptor until its caller is admitted; then the wake-up is opened. Until
  then other threads may only call `hang_up`, which makes the socket readable.
- In Sta13 the association no longer exists: bytes that still arrive are discarded unparsed (AA-6),
  until the peer closes or ARTIM expires.
"""

from __future__ import annotations

import queue
import select
import threading
import time
from typing import TYPE_CHECKING

from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ABORT, A_ASSOCIATE, A_P_ABORT, A_RELEASE

from echonode.dimse.limits import Limits
from echonode.dimse.messages.provider import DimseProvider, ProtocolViolation
from echonode.dimse.upper_layer.pdu_stream import (
    ABORT,
    ASSOCIATE_AC,
    ASSOCIATE_RQ,
    P_DATA,
    PduError,
    PduReader,
    RequestOverdue,
    TLSInstead,
)
from echonode.dimse.upper_layer.read_lease import ReadLease
from echonode.dimse.upper_layer.request_pdu import REQUEST_HEAD_BYTES, recognised_answer
from echonode.dimse.upper_layer.threads import EventFd, MonotonicTimer
from echonode.dimse.upper_layer.transport import Transport
from echonode.model.parse_faults import PARSE_FAULTS

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.pdu import _PDUType
    from pynetdicom.pdu_primitives import _PDUPrimitiveType

IDLE, AWAITING_REQUEST, ESTABLISHED, RELEASING, CLOSING = "Sta1", "Sta2", "Sta6", "Sta7", "Sta13"
CLOSED, INVALID = "Evt17", "Evt19"  # of PS3.8 table 9-10

# What the upper layer indicates to its user.
Indication = A_ASSOCIATE | A_RELEASE | A_ABORT | A_P_ABORT


class Reactor(DULServiceProvider):
    """The reactor of one association."""

    def __init__(self, assoc: Association, dimse: DimseProvider, *, limits: Limits) -> None:
        super().__init__(assoc)
        self._limits = limits
        self._dimse = dimse
        self._idle_timer = MonotonicTimer(limits.idle_s)
        self.artim_timer = MonotonicTimer(limits.request_s)
        self._reader = PduReader(limits.pdu_bytes, request_limit=limits.request_bytes)
        self._pdu_timer = MonotonicTimer(limits.pdu_s)
        self._poller: select.poll | None = None
        self.met_tls = False  # a TLS handshake came on a port without TLS
        self.was_closed = False  # by the peer or by the network
        self.request = b""  # the A-ASSOCIATE-RQ, or the first bytes of one that was refused
        self.fault: PduError | None = None  # why we ended the association
        self.wake_up = EventFd()
        self.read_lease = ReadLease(self.wake_up)
        # Held for each message and each control PDU: their bytes must not mix on the wire.
        self.sending = threading.RLock()

    @property
    def state(self) -> str:
        """Sta1 to Sta13 (PS3.8 9.2.1)."""
        return self.state_machine.current_state

    @property
    def connection(self) -> Transport:
        assert isinstance(self.socket, Transport)
        return self.socket

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self._kill_thread

    @property
    def is_mid_stream(self) -> bool:
        """Whether bytes were received that are not yet a whole PDU."""
        return self._reader.mid_pdu

    # overrides of pynetdicom ------------------------------------------------------------

    def send_pdu(self, primitive: _PDUPrimitiveType) -> None:
        """Carry out a service primitive of the local user, at once."""
        self.to_provider_queue.put(primitive)
        self.drain_events()

    def receive_pdu(self, wait: bool = False, timeout: float | None = None) -> Indication | None:
        """The next primitive for the local user; receives PDUs until there is one."""
        deadline = time.monotonic() + (timeout or 0.0) if timeout is not None else None
        while wait and self.to_user_queue.empty() and not self.is_over:
            if deadline is not None and time.monotonic() >= deadline:
                break
            self.run_once(deadline)
        try:
            return self.to_user_queue.get_nowait()
        except queue.Empty:
            return None

    def peek_next_pdu(self) -> Indication | None:
        """The next primitive for the local user, left in the queue."""
        waiting = self.to_user_queue.queue
        return waiting[0] if waiting else None

    def stop_dul(self) -> bool:
        """Nothing to stop: there is no thread."""
        return True

    def _send(self, pdu: _PDUType) -> None:
        """Send a control PDU, after a message under way; does not wait without end."""
        if not self.sending.acquire(timeout=self._limits.linger_s):
            # The peer does not read, so it would not read this either.
            self.connection.hang_up()
            return
        try:
            self.connection.send(pdu.encode())
        finally:
            self.sending.release()

    def dispose(self) -> None:
        """Close the wake-up and free the buffer, which a reference cycle would keep for a while."""
        self.wake_up.close()
        self._reader = PduReader(self._limits.pdu_bytes, read_ahead=0)

    def open_wake_up(self) -> None:
        """From now on other threads can wake this one. Raises OSError without a free descriptor."""
        self.wake_up.open()
        self._poller = None  # the next wait includes it

    # the reactor ---------------------------------------------------------------------------

    def drain_events(self) -> None:
        """Run the state machine until no event and no primitive is left."""
        while not self._kill_thread:
            try:
                event = self.event_queue.get_nowait()
            except queue.Empty:
                if not self._process_recv_primitive():
                    return
                continue
            self._act(event)

    def _act(self, event: str) -> None:
        try:
            self.state_machine.do_action(event)
        except (*PARSE_FAULTS, queue.Empty, InvalidEventError):
            # A PDU that decodes into no primitive is invalid: A-ABORT.
            if event not in (INVALID, CLOSED):
                self._act(INVALID)
                return
            # The table has no row for that either, so there is no state to continue in.
            self._break()
        if self.state == CLOSING:
            self.connection.end_writing()
        # ARTIM has two uses (PS3.8 9.1.5): the wait for the request and the wait for the close.
        waits_for_request = self.state == AWAITING_REQUEST
        self.artim_timer.timeout = (
            self._limits.request_s if waits_for_request else self._limits.linger_s
        )

    def _break(self) -> None:
        """End the association without the state machine."""
        self.connection.hang_up()
        self.connection.close()
        self.to_user_queue.put(A_P_ABORT())
        self.state_machine.current_state = IDLE
        self._kill_thread = True

    def lose(self) -> None:
        """The connection broke while sending: Evt17."""
        self.event_queue.put(CLOSED)
        self.drain_events()

    def await_bytes(self, deadline: float) -> None:
        """Wait before `run_once` where no bytes can have arrived yet; saves a read."""
        # OpenSSL may hold bytes that the descriptor does not show.
        if not (self.is_mid_stream or self.connection.is_encrypted):
            self._wait(deadline)

    def run_once(self, deadline: float | None) -> bool:
        """Receive one PDU, or wait until `deadline` for bytes, a wake-up or a timer.

        Where `deadline` has passed it does not wait. True when something was received: a PDU,
        bytes, or the end of the connection.
        """
        if self._kill_thread:
            return False
        if self.artim_timer.expired:
            if self.state == AWAITING_REQUEST:
                self._note(RequestOverdue("no whole association request in time"))
            self.event_queue.put("Evt18")
            self.drain_events()
            return True
        if self.state == CLOSING:
            return self._discard(deadline)
        try:
            pdu = self._reader.next_pdu()
        except PduError as error:
            self.met_tls = isinstance(error, TLSInstead)
            return self.refuse(error)
        if pdu is not None:
            self._pdu_timer.stop()
            self._take(pdu)
            return True
        return self._fill(deadline)

    def _fill(self, deadline: float | None) -> bool:
        """Read what is there; else wait, unless the PDU or message under way is late.

        It can be late only when nothing is there: the time that we spent on answering another
        message does not count against the peer.
        """
        count = self.connection.recv_into(self._reader.space())
        if count is None:
            if self._pdu_timer.expired or self._dimse.remaining <= 0:
                return self.refuse(PduError("a PDU or a message that did not end in time"))
            self._wait(deadline)
            return False
        if count == 0:
            self.was_closed = True
            self.lose()
            return True
        self._reader.received(count)
        if not self._pdu_timer.is_running:
            self._pdu_timer.start()
        return True

    def _take(self, pdu: memoryview) -> None:
        self._idle_timer.start()
        if self._reader.mid_pdu:
            self._pdu_timer.start()
        if pdu[0] == P_DATA and self.state in (ESTABLISHED, RELEASING):
            try:
                self._dimse.take_pdata(pdu)  # DT-2, AR-6
            except (PduError, ProtocolViolation):
                self.refuse(PduError("a message that breaks the protocol"))
            return
        try:
            decoded, event = self._read(pdu)
        except PARSE_FAULTS:  # PduError is one of them
            self.refuse(PduError("a PDU whose content cannot be read"))
            return
        self._recv_pdu.put(decoded)
        self.event_queue.put(event)
        self.drain_events()

    def _read(self, pdu: memoryview) -> tuple[_PDUType, str]:
        """A control PDU and the event that it is. Raises what PARSE_FAULTS lists."""
        if self.state == AWAITING_REQUEST and pdu[0] not in (ASSOCIATE_RQ, ABORT):
            self._note(PduError("something else came in place of an association request"))
        if pdu[0] == ASSOCIATE_RQ:
            # Parsed when the caller is admitted: until then it costs no more than its bytes.
            self.request = bytes(pdu) if self.state == AWAITING_REQUEST else b""
            return A_ASSOCIATE_RQ(), "Evt6"
        if pdu[0] == ASSOCIATE_AC:
            return self._decode_pdu(bytearray(recognised_answer(pdu)))
        return self._decode_pdu(bytearray(pdu))

    def _note(self, fault: PduError) -> None:
        self.fault = self.fault or fault
        self.request = self.request or self._reader.head(REQUEST_HEAD_BYTES)

    def refuse(self, fault: PduError) -> bool:
        """Evt19: an invalid PDU, or a late one (AA-1, AA-8: A-ABORT)."""
        self._note(fault)
        self._pdu_timer.stop()
        self.event_queue.put(INVALID)
        self.drain_events()
        return True

    def _discard(self, deadline: float | None) -> bool:
        """Sta13: wait for the peer to close."""
        count = self.connection.recv_into(self._reader.space())
        if count == 0:
            self.lose()
            return True
        if count is None:
            self._wait(deadline)
        return count is not None

    def _wait(self, deadline: float | None) -> None:
        """Until the socket or the wake-up is readable, or the first deadline passes."""
        if self._poller is None:
            self._poller = select.poll()
            self._poller.register(self.connection.fileno(), select.POLLIN)
            if self.wake_up.is_open:
                self._poller.register(self.wake_up.fileno(), select.POLLIN)
        seconds = min(self.artim_timer.remaining, self._pdu_timer.remaining, self._dimse.remaining)
        if deadline is not None:
            seconds = min(seconds, deadline - time.monotonic())
        if seconds <= 0:
            return
        self.connection.quick_ack()
        # Rounded up: waking a fraction of a millisecond early would be a busy loop.
        milliseconds = None if seconds == float("inf") else int(seconds * 1000) + 1
        for descriptor, _ in self._poller.poll(milliseconds):
            if descriptor != self.wake_up.fileno():
                continue
            if self.read_lease.is_acquired:
                self.read_lease.revoke()  # the wake-up is for the own thread, which clears it
            else:
                self.wake_up.clear()
