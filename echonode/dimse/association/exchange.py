"""The messages of an association: requests sent whole, and their answers received.

Rules
- A message is sent whole under `dul.sending`, so that the PDUs of two never mix.
- Each request of ours has a Message ID of its own and a queue for its answers.
- Another thread waits on that queue, or reads the association until it has an answer
  (read_lease.py). The association's own thread (inside a handler) reads while it waits; requests
  that arrive meanwhile wait in the inbox.
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

from echonode.dimse.association.reactor import Reactor
from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import CommandSet, encode
from echonode.dimse.messages.dataset_pdus import DatasetPdus
from echonode.dimse.messages.provider import Answers, DimseProvider, Message
from echonode.dimse.upper_layer.pdu_stream import fragment_bytes, message_pdus
from echonode.dimse.upper_layer.transport import Buffer, SendFailed, Transport
from echonode.errors import AssociationLost, ContextNotAccepted

_CLOSED_BY_PEER = (errno.ECONNRESET, errno.EPIPE)


class ExchangeAssociation(Protocol):
    """What an exchange needs of its association (association.py)."""

    is_established: bool
    limits: Limits
    dul: Reactor
    dimse: DimseProvider

    @property
    def is_requestor(self) -> bool: ...
    @property
    def ident(self) -> int | None: ...
    @property
    def requestor(self) -> ServiceUser: ...
    @property
    def acceptor(self) -> ServiceUser: ...
    @property
    def connection(self) -> Transport: ...
    @property
    def accepted_by_id(self) -> dict[int, PresentationContext]: ...
    @property
    def was_ended_by_peer(self) -> bool: ...
    def request_abort(self) -> None: ...
    def process_indications(self, *, release: bool = True) -> bool: ...


class Exchange:
    """Sends messages on one association and receives the answers; from any thread."""

    def __init__(self, assoc: ExchangeAssociation) -> None:
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
        """1 to 65535, then 1 again; no two requests under way share one."""
        with self._numbering:
            self._message_id = self._message_id % 0xFFFF + 1
            return self._message_id

    def send(self, context_id: int, command: CommandSet, dataset: bytes = b"") -> None:
        """Send a whole message in one write. Raises AssociationLost."""
        self.send_pdus(message_pdus(context_id, encode(command), dataset, self.fragment))

    def send_pdus(self, pdus: bytes | bytearray) -> None:
        """Send whole encoded messages in one write. Raises AssociationLost."""
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
            # A reset has an errno; a peer that only stopped reading causes none.
            by_peer = getattr(error.__cause__, "errno", None) in _CLOSED_BY_PEER
            raise AssociationLost(f"sending failed: {error}", by_peer=by_peer) from error

    @cached_property
    def dataset_pdus(self) -> DatasetPdus:
        """The buffer of a dataset that is sent; for the holder of `dul.sending`."""
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
        """A queue for the answers to a request that will be sent; `forget` it afterwards."""
        answers = self._assoc.dimse.waiting[message_id] = Answers()
        return answers

    def forget(self, message_id: int) -> None:
        self._assoc.dimse.waiting.pop(message_id, None)

    def answer(self, answers: Answers) -> Message:
        """The next answer. Raises AssociationLost when none comes within `dimse_s`."""
        deadline = time.monotonic() + self._assoc.limits.dimse_s
        if threading.get_ident() == self._assoc.ident:  # on its own thread
            self._read_until(answers, deadline)
        elif self._assoc.dul.read_lease.acquire():
            self._read_with_lease(answers, deadline)
        if not self._assoc.is_established and answers.empty():
            raise self._lost("the association is over")
        try:
            message = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            # An answer that comes later could be taken for that of another request: abort.
            self._assoc.request_abort()
            raise AssociationLost("the peer did not answer in time") from None
        if message is None:
            raise self._lost("the association ended before the answer")
        return message

    def _lost(self, message: str) -> AssociationLost:
        return AssociationLost(message, by_peer=self._assoc.was_ended_by_peer)

    def _read_until(self, answers: Answers, deadline: float) -> None:
        while answers.empty() and time.monotonic() < deadline:
            if not self._assoc.process_indications():
                raise self._lost("the association ended before the answer")
            self._assoc.dul.run_once(deadline)

    def _read_with_lease(self, answers: Answers, deadline: float) -> None:
        """Read until the answer is there, or something that the own thread has to handle."""
        dul = self._assoc.dul
        try:
            # The own thread may have read the answer, and offered the lease, since the request.
            if answers.empty():
                dul.await_bytes(deadline)
            while answers.empty() and time.monotonic() < deadline:
                if not dul.read_lease.is_offered or self._is_for_own_thread():
                    break
                dul.run_once(deadline)
        finally:
            dul.read_lease.release(wanted=self.needs_reader)

    def _is_for_own_thread(self) -> bool:
        dul, dimse = self._assoc.dul, self._assoc.dimse
        return dul.is_over or bool(dimse.inbox) or dul.peek_next_pdu() is not None

    def needs_reader(self) -> bool:
        """Whether the own thread must read now: for what was received, or for another caller."""
        return (
            self._is_for_own_thread()
            or self._assoc.dul.is_mid_stream
            or any(answers.empty() for answers in [*self._assoc.dimse.waiting.values()])
        )

    def send_request(self, context_id: int, command: CommandSet, dataset: bytes = b"") -> Message:
        """Send a request that has one answer, and return that. Raises AssociationLost."""
        message_id = cast(int, command.message_id)
        answers = self.expect(message_id)
        try:
            self.send(context_id, command, dataset)
            return self.answer(answers)
        finally:
            self.forget(message_id)

    def poll(self) -> None:
        """On the own thread: receive what is there, without waiting (C-CANCEL, A-ABORT).

        Raises AssociationLost when the peer is gone.
        """
        while self._assoc.dul.run_once(0.0):
            pass
        if not self._assoc.process_indications(release=False):
            raise self._lost("the association ended")
