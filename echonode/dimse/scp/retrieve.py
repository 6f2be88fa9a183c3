"""C-MOVE and C-GET as SCP (PS3.4 C.4.2, C.4.3): what the handler yields, as Pending and final.

The handler logs `retrieve_finished`: it knows the selection and the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from echonode.dimse.association import file_stream
from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.responses import dataset_of, encoded, respond
from echonode.dimse.contexts import GET_CLASSES, MOVE_CLASSES
from echonode.dimse.messages.datasets import failed_list
from echonode.dimse.messages.provider import Message
from echonode.dimse.scp.cancellable import CancellableOperation, root_of
from echonode.dimse.services import (
    GetRequest,
    MoveRequest,
    Part10File,
    Services,
    StoreResponse,
    SubOperations,
)
from echonode.errors import DimseFailure
from echonode.model.identity import Peer
from echonode.model.status import (
    CANCELLED,
    CANNOT_PERFORM_SUB_OPERATIONS,
    MOVE_DESTINATION_UNKNOWN,
    PENDING,
    SUB_OPERATIONS_FAILED,
    SUCCESS,
)

_NOTHING = SubOperations(remaining=0, completed=0, failed=0, warning=0)


def serve_move(assoc: EventAssociation, caller: Peer, services: Services, message: Message) -> None:
    """Answer a C-MOVE-RQ. Raises DimseFailure, AssociationLost."""
    abstract_syntax = str(assoc.accepted_by_id[message.context_id].abstract_syntax)
    destination = message.command.move_destination
    if not destination:
        raise DimseFailure(MOVE_DESTINATION_UNKNOWN, "Move Destination is missing")
    with CancellableOperation(assoc, message, "move") as operation:
        request = MoveRequest(
            caller=caller,
            root=root_of(abstract_syntax, MOVE_CLASSES),
            identifier=dataset_of(assoc, message),
            move_destination=destination,
            message_id=message.command.message_id or 0,
            cancelled=operation.cancelled,
        )
        _answer(assoc, message, operation, lambda: services.move(request))


def serve_get(assoc: EventAssociation, caller: Peer, services: Services, message: Message) -> None:
    """Answer a C-GET-RQ. Raises DimseFailure, AssociationLost."""
    abstract_syntax = str(assoc.accepted_by_id[message.context_id].abstract_syntax)

    def store(file: Part10File) -> StoreResponse:
        return file_stream.store(assoc, file)

    with CancellableOperation(assoc, message, "get") as operation:
        request = GetRequest(
            caller=caller,
            root=root_of(abstract_syntax, GET_CLASSES),
            identifier=dataset_of(assoc, message),
            store=store,
            cancelled=operation.cancelled,
        )
        _answer(assoc, message, operation, lambda: services.get(request))


def final_status(last: SubOperations, *, cancelled: bool) -> int:
    """The status that ends a retrieval (PS3.4 tables C.4-2 and C.4-3)."""
    if cancelled and last.remaining:
        return CANCELLED
    if not (last.failed or last.warning):
        return SUCCESS
    if last.failed and not (last.completed or last.warning):
        return CANNOT_PERFORM_SUB_OPERATIONS
    return SUB_OPERATIONS_FAILED


def _answer(
    assoc: EventAssociation,
    message: Message,
    operation: CancellableOperation,
    handler: Callable[[], Iterator[SubOperations]],
) -> None:
    last: SubOperations | None = None
    for last in operation.results(handler):
        if last.remaining:  # with none remaining the final answer follows at once
            respond(assoc, message, PENDING, counts=_counts(last, remaining=True))
    cancelled = operation.cancelled()
    if last is None:
        # Cancelled before the first sub-operation, or nothing to be done.
        status, last = (CANCELLED if cancelled else SUCCESS), _NOTHING
    else:
        status = final_status(last, cancelled=cancelled)
    _finish(assoc, message, status, last)


def _finish(assoc: EventAssociation, message: Message, status: int, last: SubOperations) -> None:
    """The final answer; with the list of failed instances where there is one (C.4.2.1.4.2)."""
    data = b""
    if status != SUCCESS and last.failed_sop_instance_uids:
        data = encoded(assoc, message.context_id, failed_list(last.failed_sop_instance_uids))
    # Number of Remaining Sub-operations is for Pending and Cancel only (PS3.7 9.1.3.1.6).
    counts = _counts(last, remaining=status == CANCELLED)
    respond(assoc, message, status, dataset=data, counts=counts)


def _counts(state: SubOperations, *, remaining: bool) -> dict[str, int]:
    counts = {
        "completed": state.completed,
        "failed": state.failed,
        "warning": state.warning,
    }
    if remaining:
        counts["remaining"] = state.remaining
    return counts
