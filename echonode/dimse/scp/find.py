"""C-FIND as SCP (PS3.4 C.4.1 and K.4.1): answers stream out as the handler yields them.

Rules
- The first answer is sent at once. Those that follow quickly are sent together, HELD_BYTES or
  HELD_S of them in one write. A small write for each would be most of the work of a long list.
- No answer waits while the handler searches: each call of `cancelled()` sends what is late.
- The handler logs `query_answered`: it knows the level and what it searched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.handler_errors import run_handler
from echonode.dimse.association.responses import (
    dataset_of,
    encoded,
    respond,
    response_to,
    syntax_of,
)
from echonode.dimse.contexts import FIND_CLASSES
from echonode.dimse.messages.command_set import HAS_DATASET, encode
from echonode.dimse.messages.provider import Message
from echonode.dimse.scp.cancellable import CancellableOperation, FindOption, is_negotiated, root_of
from echonode.dimse.services import FindAnswer, FindRequest, Services, WorklistRequest
from echonode.dimse.upper_layer.pdu_stream import message_pdus
from echonode.model.identity import Peer
from echonode.model.status import CANCELLED, PENDING, PENDING_UNSUPPORTED_KEYS, SUCCESS

HELD_BYTES = 32_768
HELD_S = 0.005


def serve(assoc: EventAssociation, caller: Peer, services: Services, message: Message) -> None:
    """Answer a C-FIND-RQ of query and retrieve. Raises DimseFailure, AssociationLost."""
    abstract_syntax = str(assoc.accepted_by_id[message.context_id].abstract_syntax)

    def handler(cancelled: Callable[[], bool]) -> Iterator[FindAnswer]:
        return services.find(
            FindRequest(
                caller=caller,
                root=root_of(abstract_syntax, FIND_CLASSES),
                identifier=identifier,
                relational=is_negotiated(assoc, abstract_syntax, FindOption.RELATIONAL),
                combined_date_time=is_negotiated(
                    assoc, abstract_syntax, FindOption.COMBINED_DATE_TIME
                ),
                fuzzy_names=is_negotiated(assoc, abstract_syntax, FindOption.FUZZY_NAMES),
                cancelled=cancelled,
                transfer_syntax_uid=syntax_of(assoc, message.context_id),
            )
        )

    identifier = dataset_of(assoc, message)
    _answer(assoc, message, handler)


def serve_worklist(
    assoc: EventAssociation, caller: Peer, services: Services, message: Message
) -> None:
    """Answer a C-FIND-RQ of the worklist (PS3.4 K.4.1). Raises DimseFailure, AssociationLost."""
    abstract_syntax = str(assoc.accepted_by_id[message.context_id].abstract_syntax)

    def handler(cancelled: Callable[[], bool]) -> Iterator[FindAnswer]:
        return services.worklist(
            WorklistRequest(
                caller=caller,
                identifier=identifier,
                cancelled=cancelled,
                transfer_syntax_uid=syntax_of(assoc, message.context_id),
                fuzzy_names=is_negotiated(assoc, abstract_syntax, FindOption.FUZZY_NAMES),
            )
        )

    identifier = dataset_of(assoc, message)
    _answer(assoc, message, handler)


def _answer(
    assoc: EventAssociation,
    message: Message,
    handler: Callable[[Callable[[], bool]], Iterator[FindAnswer]],
) -> None:
    """Send what the handler yields; it is given what tells whether the query is cancelled."""
    pending = _Pending(assoc, message)
    with CancellableOperation(assoc, message, "find") as operation:

        def cancelled() -> bool:
            pending.send_late()
            return operation.cancelled()

        for answer in operation.results(lambda: handler(cancelled)):
            pending.add(answer)
        pending.send()
        status = CANCELLED if operation.cancelled() else SUCCESS
        respond(assoc, message, status)


class _Pending:
    """The Pending answers of one query that are not yet sent."""

    def __init__(self, assoc: EventAssociation, message: Message) -> None:
        self._assoc = assoc
        self._context_id = message.context_id
        self._fragment = assoc.exchange.fragment
        self._held = bytearray()
        self._sent_at = float("-inf")
        # The command sets of all answers are the same but for the status.
        self._commands = {
            status: self._pdus(
                command=encode(
                    replace(response_to(message.command, status), dataset_type=HAS_DATASET)
                )
            )
            for status in (PENDING, PENDING_UNSUPPORTED_KEYS)
        }

    def add(self, answer: FindAnswer) -> None:
        """Send an answer, now or soon. Raises DimseFailure, AssociationLost."""
        status = PENDING_UNSUPPORTED_KEYS if answer.unsupported_keys else PENDING
        data = self._data(answer)
        self._held += self._commands[status]
        self._held += self._pdus(dataset=data)
        if len(self._held) >= HELD_BYTES:
            self.send()
        else:
            self.send_late()

    def _pdus(self, *, command: bytes = b"", dataset: bytes = b"") -> bytes:
        return message_pdus(self._context_id, command, dataset, self._fragment)

    def send_late(self) -> None:
        """Send what has been held long enough. Raises AssociationLost."""
        if self._held and time.monotonic() - self._sent_at >= HELD_S:
            self.send()

    def send(self) -> None:
        """Send what is held. Raises AssociationLost."""
        held, self._held = self._held, bytearray()
        if held:
            self._assoc.exchange.send_pdus(held)
            self._sent_at = time.monotonic()

    def _data(self, answer: FindAnswer) -> bytes:
        identifier = answer.identifier
        if isinstance(identifier, bytes):
            return identifier
        return run_handler(
            self._assoc, "find", lambda: encoded(self._assoc, self._context_id, identifier)
        )
