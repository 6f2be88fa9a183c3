"""Sends the trail's records to the receiver, in order, on a thread of its own.

Rules
- Which record the receiver has is durable in the trail. Without a receiver the records wait there,
  days if need be, and nothing else waits for them.
- A record counts as received SETTLE_S after TCP acknowledged it, if the connection still stands. A
  receiver that ends earlier gets it again: twice is possible (it has the number), never is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from echonode.audit.status import ForwardingStatus
from echonode.audit.syslog.connection import Connection
from echonode.audit.syslog.message import Head, syslog_message
from echonode.audit.trail.chain import Record
from echonode.audit.trail.search import event_of
from echonode.audit.trail.trail import Trail
from echonode.audit.xml import Source, audit_message
from echonode.dimse.upper_layer.tls_faults import ended_by
from echonode.errors import StoreError
from echonode.log import get_logger
from echonode.threads import RecurringThread

log = get_logger(__name__)

SETTLE_S = 2.0
MOST_AT_ONCE = 100
PAUSES_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
_SENT = "sent"
_IDLE_S = 30.0


class Forwarder:
    """The thread that sends. connect: opens a connection, raises OSError."""

    def __init__(
        self,
        trail: Trail,
        connect: Callable[[], Connection],
        *,
        head: Head,
        source: Source,
        monotonic: Callable[[], float],
    ) -> None:
        self._trail, self._connect = trail, connect
        self._head, self._source, self._monotonic = head, source, monotonic
        self._confirmed = self._position = int(trail.state(_SENT) or 0)
        self._marks: deque[tuple[int, float]] = deque()
        self._connection: Connection | None = None
        self._failures = 0
        self._problem = ""
        self._thread = RecurringThread(
            "audit-send",
            self._step,
            on_stalled=lambda error: log.error("audit_sending_stalled", reason=str(error)),
            stalled_s=PAUSES_S[-1],
        )

    @property
    def confirmed(self) -> int:
        """Up to which record the receiver has them."""
        return self._confirmed

    @property
    def status(self) -> ForwardingStatus:
        """As it is now. Raises StoreError."""
        unsent = max(0, self._trail.head.seq - self._confirmed)
        since = self._trail.oldest_after(self._confirmed) if unsent else None
        return ForwardingStatus(unsent=unsent, since=since, problem=self._problem)

    def start(self) -> None:
        """Begin with what waits."""
        self._thread.start()

    def wake(self) -> None:
        """There are new records."""
        self._thread.wake()

    def stop(self, deadline_s: float) -> bool:
        """Send what there is, within the deadline; what stays is sent by the next start."""
        self._thread.ask_stop()
        if not self._thread.join(deadline_s):
            return False
        try:
            if self._thread.was_started and not self._problem:
                self._end_in_order()
        except (OSError, StoreError) as error:
            log.warning("audit_receiver_unreachable", reason=type(error).__name__)
        self._close()
        return True

    def _end_in_order(self) -> None:
        """Send the last records, and close: all that was acknowledged has arrived then."""
        while self._send_next():
            pass
        if self._position > self._confirmed and self._connection is not None:
            self._connection.check()
            self._confirm_up_to(self._position)

    def _step(self) -> float:
        """Seconds until the next step."""
        try:
            while self._send_next() and not self._thread.is_stopping:
                self._confirm()
            self._confirm()
        except OSError as error:
            return self._failed(error)
        if self._problem:
            log.info("audit_receiver_reached")
        self._failures, self._problem = 0, ""
        return SETTLE_S / 2 if self._marks else _IDLE_S

    def _failed(self, error: OSError) -> float:
        reason = ended_by(error)
        if not self._problem:
            log.warning("audit_receiver_unreachable", reason=reason)
        self._problem = reason
        self._close()
        self._position = self._confirmed
        self._marks.clear()
        pause = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        return pause

    def _send_next(self) -> bool:
        """Whether there was something to send. Raises OSError, StoreError."""
        if self._connection is not None:
            self._connection.check()
        records = self._trail.after(self._position, MOST_AT_ONCE)
        if not records:
            return False
        if self._connection is None:
            self._connection = self._connect()
        self._connection.send(self._messages(records))
        self._position = records[-1].seq
        self._marks.append((self._position, self._monotonic()))
        return True

    def _messages(self, records: Sequence[Record]) -> list[bytes]:
        return [
            syslog_message(
                audit_message(event_of(each), self._source, erased=each.is_erased),
                self._head,
                at=each.at,
                sequence=each.seq,
                failed=each.outcome != 0,
            )
            for each in records
        ]

    def _confirm(self) -> None:
        """What was sent long enough ago, on a connection that still stands."""
        settled, now = self._confirmed, self._monotonic()
        while self._marks and now - self._marks[0][1] >= SETTLE_S:
            settled = self._marks.popleft()[0]
        if settled > self._confirmed:
            self._confirm_up_to(settled)

    def _confirm_up_to(self, number: int) -> None:
        self._trail.set_state(_SENT, str(number))
        self._confirmed = number

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
