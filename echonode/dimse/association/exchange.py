"""The messages of an association: out whole, and their answers in.

Rules
- A message is sent whole under `dul.sending`, so that the PDUs of two never mix.
- Each request of ours has a Message ID of its own and a place where its answers arrive.
- Other threads wait at that place, or read until it is filled (read_lease.py). The association's
  own thread (inside a handler) goes on reading while it waits; requests that come meanwhile wait
  in the inbox.
"""

from __future__ import annotations

import errno
import threading
import time
from functools import cached_property
from queue import Empty
from typing import Protocol, cast

from pynetdicom.association import ServiceUser
from pynetdicom.presentation import PresentationContext

from echonode.dimse.association.reactor import EventDUL
from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import CommandSet, encode
from echonode.dimse.messages.dataset_pdus import DatasetPdus
from echonode.dimse.messages.provider import Answers, Message, StreamDIMSE
from echonode.dimse.upper_layer.pdu_stream import fragment_bytes, message_pdus
from echonode.dimse.upper_layer.transport import Buffer, EventSocket, SendFailed
from echonode.errors import AssociationLost, ContextNotAccepted

_CLOSED_BY_PEER = (errno.ECONNRESET, errno.EPIPE)


class Spoken(Protocol):
    """What a conversation needs of its association (association.py)."""

    is_established: bool
    limits: Limits
    dul: EventDUL
    dimse: StreamDIMSE

    @property
    def is_requestor(self) -> bool: ...
    @property
    def ident(self) -> int | None: ...
    @property
    def requestor(self) -> ServiceUser: ...
    @property
    def acceptor(self) -> ServiceUser: ...
    @property
    def connection(self) -> EventSocket: ...
    @property
    def accepted_by_id(self) -> dict[int, PresentationContext]: ...
    @property
    def was_ended_by_peer(self) -> bool: ...
    def ask_abort(self) -> None: ...
    def heed(self, *, release: bool = True) -> bool: ...


class Conversation:
    """What may be said on one association; `send` and `exchange` from any thread."""

    def __init__(self, assoc: Spoken) -> None:
        self._assoc = assoc
        self._message_id = 0
        self._numbering = threading.Lock()
        self._context_ids: dict[tuple[str, str], int] = {}

    @cached_property
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
            self.write(pdus)

    def write(self, *pieces: Buffer) -> None:
        """Send PDUs, in one write; the caller holds `dul.sending`. Raises AssociationLost.

        P-DATA requests are for Sta6, and for Sta8 until we answer the release (DT-1, AR-7).
        """
        if not self._assoc.is_established:
            raise self._lost("the association is over")
        try:
            self._assoc.connection.send_all(*pieces)
        except SendFailed as error:
            self._assoc.connection.hang_up()
            # The kernel's reset names it; where the peer only stopped reading there is none.
            by_peer = getattr(error.__cause__, "errno", None) in _CLOSED_BY_PEER
            raise AssociationLost(f"sending failed: {error}", by_peer=by_peer) from error

    @cached_property
    def dataset_pdus(self) -> DatasetPdus:
        """Room for a dataset on its way; for the holder of `dul.sending`."""
        return DatasetPdus(self.fragment)

    def context_id_for(self, abstract_syntax: str, transfer_syntax: str = "") -> int:
        """The accepted context in which we may be SCU of this pair ('' is any syntax).

        Raises ContextNotAccepted.
        """
        wanted = (abstract_syntax, transfer_syntax)
        if wanted not in self._context_ids:
            self._context_ids[wanted] = self._look_up(*wanted)
        return self._context_ids[wanted]

    def _look_up(self, abstract_syntax: str, transfer_syntax: str) -> int:
        for context_id, context in self._assoc.accepted_by_id.items():
            fits = transfer_syntax in ("", context.transfer_syntax[0])
            if fits and context.abstract_syntax == abstract_syntax and context.as_scu:
                return context_id
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
        if threading.get_ident() == self._assoc.ident:  # on its own thread
            self._read_until(answers, deadline)
        elif self._assoc.dul.reading.borrow():
            self._read_borrowed(answers, deadline)
        if not self._assoc.is_established and answers.empty():
            raise self._lost("the association is over")
        try:
            message = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            # An answer that comes later would be taken for another's: nothing to save here.
            self._assoc.ask_abort()
            raise AssociationLost("the peer did not answer in time") from None
        if message is None:
            raise self._lost("the association ended before the answer")
        return message

    def _lost(self, message: str) -> AssociationLost:
        return AssociationLost(message, by_peer=self._assoc.was_ended_by_peer)

    def _read_until(self, answers: Answers, deadline: float) -> None:
        while answers.empty() and time.monotonic() < deadline:
            if not self._assoc.heed():
                raise self._lost("the association ended before the answer")
            self._assoc.dul.turn(deadline)

    def _read_borrowed(self, answers: Answers, deadline: float) -> None:
        """Until the answer is there, or something for which it takes the own thread."""
        dul = self._assoc.dul
        try:
            # The own thread may have read it, and lent the reading, since the request went out.
            if answers.empty():
                dul.await_bytes(deadline)
            while answers.empty() and time.monotonic() < deadline:
                if not dul.reading.is_lent or self._is_for_own_thread():
                    break
                dul.turn(deadline)
        finally:
            dul.reading.give_back(wanted=self.needs_reading)

    def _is_for_own_thread(self) -> bool:
        dul, dimse = self._assoc.dul, self._assoc.dimse
        return dul.is_over or bool(dimse.inbox) or dul.peek_next_pdu() is not None

    def needs_reading(self) -> bool:
        """Whether reading cannot wait for our next request: for what was read, or for a caller."""
        return (
            self._is_for_own_thread()
            or self._assoc.dul.is_mid_stream
            or any(answers.empty() for answers in [*self._assoc.dimse.waiting.values()])
        )

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
            raise self._lost("the association ended")
