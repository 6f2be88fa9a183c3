"""The messages of an association: out whole, and their answers in.

Rules
- A message is sent whole under `dul.sending`, so that the PDUs of two never mix.
- Each request of ours has a Message ID of its own and a place where its answers arrive.
- Other threads wait at that place. The association's own thread (inside a handler) goes on reading
  while it waits; requests that come meanwhile wait in the inbox.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from queue import Empty
from typing import TYPE_CHECKING, cast

from echonode.dimse.assembly import Answers, Message
from echonode.dimse.command_set import CommandSet, encode
from echonode.dimse.pdu_stream import PDATA_HEADER_BYTES, fragment_bytes, message_pdus
from echonode.dimse.transport import SendFailed
from echonode.errors import AssociationLost, ContextNotAccepted

if TYPE_CHECKING:
    from pynetdicom.presentation import PresentationContext

    from echonode.dimse.association import EventAssociation


class Conversation:
    """What may be said on one association; `send` and `exchange` from any thread."""

    def __init__(self, assoc: EventAssociation) -> None:
        self._assoc = assoc
        self._message_id = 0
        self._numbering = threading.Lock()
        self._send_buffer: bytearray | None = None

    @property
    def fragment(self) -> int:
        """How many bytes of a message go into one PDU to this peer."""
        remote = self._assoc.acceptor if self._assoc.is_requestor else self._assoc.requestor
        return fragment_bytes(remote.maximum_length or 0, self._assoc.limits.pdu_bytes)

    def next_message_id(self) -> int:
        """1 to 65535 and round again; no two requests under way share one."""
        with self._numbering:
            self._message_id = self._message_id % 0xFFFF + 1
            return self._message_id

    def send(self, context_id: int, command: CommandSet, dataset: bytes = b"") -> None:
        """Send a whole message in one write. Raises AssociationLost."""
        self.send_pdus(message_pdus(context_id, encode(command), dataset, self.fragment))

    def send_pdus(self, pdus: bytes | bytearray) -> None:
        """Send whole messages, packed already, in one write. Raises AssociationLost."""
        with self._assoc.dul.sending:
            self.send_pieces([pdus])

    def send_pieces(self, pieces: Iterable[bytes | bytearray | memoryview]) -> None:
        """Send PDUs; the caller holds `dul.sending`. Raises AssociationLost.

        P-DATA requests are for Sta6, and for Sta8 until we answer the release (DT-1, AR-7).
        """
        for piece in pieces:
            if not self._assoc.is_established:
                raise AssociationLost("the association is over")
            try:
                self._assoc.connection.send_all(piece)
            except SendFailed as error:
                self._assoc.connection.hang_up()
                raise AssociationLost(f"sending failed: {error}") from error

    @property
    def send_buffer(self) -> bytearray:
        """Room for at least one whole PDU of a dataset; for the holder of `dul.sending`."""
        if self._send_buffer is None:
            room = max(self.fragment, self._assoc.limits.pdu_bytes) + PDATA_HEADER_BYTES
            self._send_buffer = bytearray(room + self._assoc.limits.pdu_bytes // 64)
        return self._send_buffer

    def context_for(self, abstract_syntax: str, transfer_syntax: str = "") -> PresentationContext:
        """The accepted context in which we may be SCU of this pair ('' is any syntax).

        Raises ContextNotAccepted.
        """
        for context in self._assoc.accepted_by_id.values():
            fits = transfer_syntax in ("", context.transfer_syntax[0])
            if fits and context.abstract_syntax == abstract_syntax and context.as_scu:
                return context
        raise ContextNotAccepted(
            f"no presentation context for {abstract_syntax} {transfer_syntax}".strip()
        )

    def expect(self, message_id: int) -> Answers:
        """Where the answers to a request that is about to be sent will be; `forget` it after."""
        answers = self._assoc.dimse.waiting[message_id] = Answers()
        return answers

    def forget(self, message_id: int) -> None:
        self._assoc.dimse.waiting.pop(message_id, None)

    def answer(self, answers: Answers) -> Message:
        """The next answer. Raises AssociationLost when none comes within `dimse_s`."""
        deadline = time.monotonic() + self._assoc.limits.dimse_s
        if threading.current_thread() is self._assoc:
            self._read_until(answers, deadline)
        elif not self._assoc.is_established and answers.empty():
            raise AssociationLost("the association is over")
        try:
            message = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            # An answer that comes later would be taken for another's: nothing to save here.
            self._assoc.ask_abort()
            raise AssociationLost("the peer did not answer in time") from None
        if message is None:
            raise AssociationLost("the association ended before the answer")
        return message

    def _read_until(self, answers: Answers, deadline: float) -> None:
        while answers.empty() and time.monotonic() < deadline:
            if not self._assoc.heed():
                raise AssociationLost("the association ended before the answer")
            self._assoc.dul.turn(deadline)

    def exchange(self, context_id: int, command: CommandSet, dataset: bytes = b"") -> Message:
        """Send a request that has one answer, and return that. Raises AssociationLost."""
        message_id = cast(int, command.message_id)
        answers = self.expect(message_id)
        try:
            self.send(context_id, command, dataset)
            return self.answer(answers)
        finally:
            self.forget(message_id)

    def look(self) -> None:
        """On the own thread: take in what has come, without waiting (C-CANCEL, A-ABORT).

        Raises AssociationLost when the peer is gone.
        """
        while self._assoc.dul.turn(0.0):
            pass
        if not self._assoc.heed(release=False):
            raise AssociationLost("the association ended")
