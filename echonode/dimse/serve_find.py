"""C-FIND as SCP (PS3.4 C.4.1): answers stream out as the handler yields them.

The handler logs `query_answered`: it knows the level and what it looked at.
"""

from __future__ import annotations

from echonode.dimse.answering import dataset_of, encoded, respond
from echonode.dimse.assembly import Message
from echonode.dimse.association import EventAssociation
from echonode.dimse.contexts import FIND_CLASSES
from echonode.dimse.handler_boundary import (
    CANCELLED,
    PENDING,
    PENDING_UNSUPPORTED_KEYS,
    SUCCESS,
    run_handler,
)
from echonode.dimse.operation import Operation, is_relational, root_of
from echonode.dimse.services import FindAnswer, FindRequest, Services
from echonode.model.identity import Peer


def serve(assoc: EventAssociation, caller: Peer, services: Services, message: Message) -> None:
    """Answer a C-FIND-RQ. Raises DimseFailure, AssociationLost."""
    abstract_syntax = str(assoc.accepted_by_id[message.context_id].abstract_syntax)
    with Operation(assoc, message, "find") as operation:
        request = FindRequest(
            caller=caller,
            root=root_of(abstract_syntax, FIND_CLASSES),
            identifier=dataset_of(assoc, message),
            relational=is_relational(assoc, abstract_syntax),
            cancelled=operation.cancelled,
        )
        for answer in operation.results(lambda: services.find(request)):
            _send_pending(assoc, message, answer)
        status = CANCELLED if operation.cancelled() else SUCCESS
        respond(assoc, message, status)


def _send_pending(assoc: EventAssociation, message: Message, answer: FindAnswer) -> None:
    data = run_handler(assoc, "find", lambda: encoded(assoc, message.context_id, answer.identifier))
    status = PENDING_UNSUPPORTED_KEYS if answer.unsupported_keys else PENDING
    respond(assoc, message, status, dataset=data)
