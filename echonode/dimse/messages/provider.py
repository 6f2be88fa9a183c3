"""DIMSE messages from P-DATA as it arrives, and where each message goes then (PS3.7 6.3).

Why a subclass of pynetdicom's DIMSEServiceProvider: the original collects every dataset whole in
memory without a limit, builds a pydicom Dataset for each command set, and starts a thread for every
N-EVENT-REPORT.

Rules
- A dataset's fragments go to the sink that its command set chose, in the buffer they were received
  in: a sink copies what it keeps.
- One message at a time, command before dataset, both in one presentation context that was
  accepted; anything else is a ProtocolViolation and ends the association.
- A response goes to the caller that waits for its Message ID, a C-CANCEL into `cancelled`, a
  request into `inbox`, which the association's thread serves in order.
- The sink of a message that is broken off is informed, so that no temporary file is left.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from pynetdicom.dimse import DIMSEServiceProvider

from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import CommandField, CommandSet, MalformedCommand, decode
from echonode.dimse.upper_layer.pdu_stream import COMMAND, LAST, pdvs

if TYPE_CHECKING:
    from pynetdicom.association import Association
    from pynetdicom.pdu_primitives import P_DATA


class ProtocolViolation(Exception):
    """The peer broke PS3.7 or a limit in a way that only A-ABORT can answer."""


class DatasetSink(Protocol):
    """Where a message's dataset goes. Must not raise: an error is kept for the answer."""

    def write(self, fragment: memoryview) -> None:
        """Take a fragment; its memory is reused when this returns."""

    def break_off(self) -> None:
        """The message will not be completed, or not be served."""


class MemorySink:
    """A small dataset, kept whole."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self._limit = limit

    def write(self, fragment: memoryview) -> None:
        if len(self.data) + len(fragment) > self._limit:
            raise ProtocolViolation(f"a dataset in memory is longer than {self._limit} bytes")
        self.data += fragment

    def break_off(self) -> None:
        self.data.clear()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A whole DIMSE message; `dataset` holds what followed the command set, if anything did."""

    context_id: int
    command: CommandSet
    dataset: DatasetSink | None = None

    def data(self) -> bytearray:
        """The dataset's bytes where it was kept in memory; empty where there was none."""
        return self.dataset.data if isinstance(self.dataset, MemorySink) else bytearray()


# Answers to one request of ours; None says that the association is over.
Answers = SimpleQueue[Message | None]


class DimseProvider(DIMSEServiceProvider):
    """Makes messages of P-DATA-TF PDUs."""

    def __init__(
        self,
        assoc: Association,
        *,
        limits: Limits,
        is_accepted: Callable[[int], bool],
        sink_for: Callable[[int, CommandSet], DatasetSink],
    ) -> None:
        super().__init__(assoc)
        self._limits = limits
        self._is_accepted = is_accepted
        self._sink_for = sink_for
        self._fragments = bytearray()  # of the command set under way
        self._context_id: int | None = None
        self._command: CommandSet | None = None
        self._sink: DatasetSink | None = None
        self._size = 0
        self._began = 0.0
        self.inbox: deque[Message] = deque()
        self.cancelled: set[int] = set()
        self.cancellable: int | None = None  # Message ID of the operation being served
        self.waiting: dict[int, Answers] = {}
        self.has_answered = False  # an answer was delivered since this was last reset

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._context_id is not None

    @property
    def remaining(self) -> float:
        """Seconds that the peer has left for the rest of its message; no end between two."""
        if not self.mid_message:
            return float("inf")
        return self._began + self._limits.message_seconds(self._size) - time.monotonic()

    def take_pdata(self, pdu: memoryview) -> None:
        """A whole P-DATA-TF PDU. Raises PduError or ProtocolViolation."""
        for context_id, control, fragment in pdvs(pdu):
            if context_id != self._context_id:
                self._begin(context_id)
            if control & COMMAND:
                self._take_command(fragment, last=bool(control & LAST))
            else:
                self._take_dataset(fragment, last=bool(control & LAST))

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Not used: Reactor passes P-DATA PDUs on before they become primitives."""
        raise ProtocolViolation("P-DATA outside of an established association")

    def _begin(self, context_id: int) -> None:
        if self._context_id is not None:
            raise ProtocolViolation("a message changes its presentation context")
        if not self._is_accepted(context_id):
            raise ProtocolViolation("a message in a presentation context that was not accepted")
        self._context_id = context_id
        self._began, self._size = time.monotonic(), 0

    def _take_command(self, fragment: memoryview, *, last: bool) -> None:
        if self._command is not None:
            raise ProtocolViolation("a command set where a dataset must follow")
        if len(self._fragments) + len(fragment) > self._limits.command_bytes:
            raise ProtocolViolation("a command set longer than the limit")
        self._fragments += fragment
        if not last:
            return
        try:
            command = decode(self._fragments)
        except MalformedCommand as error:
            raise ProtocolViolation(str(error)) from error
        self._fragments.clear()
        if command.has_dataset:
            assert self._context_id is not None
            self._command = command
            self._sink = self._sink_for(self._context_id, command)
        else:
            self._deliver(command, None)

    def _take_dataset(self, fragment: memoryview, *, last: bool) -> None:
        if self._command is None or self._sink is None:
            raise ProtocolViolation("a dataset without a command set")
        self._size += len(fragment)
        if self._size > self._limits.message_bytes:
            raise ProtocolViolation("a dataset longer than the limit")
        self._sink.write(fragment)
        if last:
            self._deliver(self._command, self._sink)
            self._command = self._sink = (
                None  # only now: until it is delivered, break_off has to reach the sink
            )

    def _deliver(self, command: CommandSet, dataset: DatasetSink | None) -> None:
        assert self._context_id is not None
        message = Message(context_id=self._context_id, command=command, dataset=dataset)
        self._context_id = None
        responded_to = command.message_id_being_responded_to
        if command.command_field == CommandField.C_CANCEL:
            # Of one that is not under way: it came too late, and is ignored (PS3.7 9.3.2.3).
            if responded_to is not None and self._may_cancel(responded_to):
                self.cancelled.add(responded_to)
        elif command.is_response:
            answers = self.waiting.get(responded_to if responded_to is not None else -1)
            if answers is not None:  # else no caller waits any more
                answers.put(message)
                self.has_answered = True
        elif command.message_id is None:
            raise ProtocolViolation("a request without Message ID")
        elif len(self.inbox) >= self._limits.waiting_messages:
            raise ProtocolViolation("too many requests at once")
        else:
            self.inbox.append(message)

    def _may_cancel(self, message_id: int) -> bool:
        return message_id == self.cancellable or any(
            waiting.command.message_id == message_id for waiting in self.inbox
        )

    def break_off(self) -> None:
        """The association is over: nothing under way will be completed. Never raises."""
        if self._sink is not None:
            self._sink.break_off()
        self._command = self._sink = self._context_id = None
        while self.inbox:
            message = self.inbox.popleft()
            if message.dataset is not None:
                message.dataset.break_off()
        for answers in list(self.waiting.values()):
            answers.put(None)
