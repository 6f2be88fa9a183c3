"""An acceptor's services: each request to its handler, each outcome to its answer.

One `Dispatcher` for all associations of an acceptor, called on each one's thread. The handlers are
the callables of services.Services; the modules of this package turn messages into their arguments
and their results into messages.
"""

from __future__ import annotations

from collections.abc import Callable

from echonode.dimse.association.association import EventAssociation, sink_in_memory
from echonode.dimse.association.responses import respond
from echonode.dimse.contexts import (
    FIND_CLASSES,
    GET_CLASSES,
    MOVE_CLASSES,
    MPPS_CLASS,
    VERIFICATION_CLASS,
    WORKLIST_CLASS,
)
from echonode.dimse.messages.command_set import CommandField, CommandSet
from echonode.dimse.messages.provider import DatasetSink, Message
from echonode.dimse.scp import commitment, find, procedure_step, retrieve, store
from echonode.dimse.services import Services
from echonode.errors import DimseFailure
from echonode.model.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from echonode.model.identity import Peer, Service
from echonode.model.status import (
    NOT_AUTHORISED,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    UNRECOGNISED_OPERATION,
)

# Which service a request belongs to, and the abstract syntaxes it may come under; for storage any
# class, which store.head_of compares with that of the context. A query of the worklist is another
# service.
SERVED: dict[int, tuple[Service, frozenset[str] | None]] = {
    CommandField.C_ECHO: (Service.ECHO, frozenset({VERIFICATION_CLASS})),
    CommandField.C_STORE: (Service.STORE, None),
    CommandField.C_FIND: (Service.FIND, frozenset(FIND_CLASSES.values())),
    CommandField.C_MOVE: (Service.MOVE, frozenset(MOVE_CLASSES.values())),
    CommandField.C_GET: (Service.GET, frozenset(GET_CLASSES.values())),
    CommandField.N_CREATE: (Service.WORKLIST, frozenset({MPPS_CLASS})),
    CommandField.N_SET: (Service.WORKLIST, frozenset({MPPS_CLASS})),
    CommandField.N_ACTION: (Service.COMMIT, frozenset({STORAGE_COMMITMENT_PUSH_MODEL})),
    CommandField.N_EVENT_REPORT: (Service.COMMIT, frozenset({STORAGE_COMMITMENT_PUSH_MODEL})),
}
_WORKLIST_QUERY = (Service.WORKLIST, frozenset({WORKLIST_CLASS}))


class Dispatcher:
    """Serves the requests of admitted peers; `assoc.peer` is the caller. Thread-safe."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._handlers: dict[int, Callable[[EventAssociation, Peer, Message], None]] = {
            CommandField.C_ECHO: _echo,
            CommandField.C_STORE: lambda a, peer, m: store.serve(a, peer, services, m),
            CommandField.C_FIND: self._find,
            CommandField.C_MOVE: lambda a, peer, m: retrieve.serve_move(a, peer, services, m),
            CommandField.C_GET: lambda a, peer, m: retrieve.serve_get(a, peer, services, m),
            CommandField.N_CREATE: lambda a, peer, m: procedure_step.serve_create(
                a, peer, services.create_step, m
            ),
            CommandField.N_SET: lambda a, peer, m: procedure_step.serve_set(
                a, peer, services.set_step, m
            ),
            CommandField.N_ACTION: lambda a, peer, m: commitment.serve_action(
                a, peer, services.commit_request, m
            ),
            CommandField.N_EVENT_REPORT: lambda a, peer, m: commitment.serve_report(
                a, peer, services.commit_report, m
            ),
        }

    def serve(self, assoc: EventAssociation, message: Message) -> None:
        """Serve one request and answer it. Raises AssociationLost only."""
        try:
            caller = _checked_caller(assoc, message.context_id, message.command)
            self._handlers[message.command.command_field](assoc, caller, message)
        except DimseFailure as failure:
            if message.dataset is not None:
                message.dataset.break_off()
            respond(
                assoc,
                message,
                failure.status,
                comment=failure.comment,
                error_id=failure.error_id,
            )

    def sink_for(
        self, assoc: EventAssociation, context_id: int, command: CommandSet
    ) -> DatasetSink:
        """A C-STORE's dataset goes where Services.open_incoming says, any other into memory."""
        if command.command_field != CommandField.C_STORE:
            return sink_in_memory(assoc, context_id, command)
        sink = store.StoreSink(assoc)
        try:
            caller = _checked_caller(assoc, context_id, command)
            head = store.head_of(assoc, caller, context_id, command)
        except DimseFailure as failure:
            sink.refuse(failure)
        else:
            sink.open(self._services, head)
        return sink

    def _find(self, assoc: EventAssociation, caller: Peer, message: Message) -> None:
        abstract_syntax = assoc.accepted_by_id[message.context_id].abstract_syntax
        serve = find.serve_worklist if abstract_syntax == WORKLIST_CLASS else find.serve
        serve(assoc, caller, self._services, message)


def _checked_caller(assoc: EventAssociation, context_id: int, command: CommandSet) -> Peer:
    """The peer, where it may request this in this context. Raises DimseFailure."""
    caller = assoc.peer
    assert caller is not None  # only an admitted peer has an association
    if command.command_field not in SERVED:
        raise DimseFailure(UNRECOGNISED_OPERATION, "Operation not supported")
    service, classes = SERVED[command.command_field]
    abstract_syntax = assoc.accepted_by_id[context_id].abstract_syntax
    if command.command_field == CommandField.C_FIND and abstract_syntax == WORKLIST_CLASS:
        service, classes = _WORKLIST_QUERY
    if service not in caller.may:
        raise DimseFailure(NOT_AUTHORISED, "Not authorised")
    if classes is not None and abstract_syntax not in classes:
        raise DimseFailure(SOP_CLASS_NOT_SUPPORTED, "Operation does not fit its context")
    return caller


def _echo(assoc: EventAssociation, caller: Peer, message: Message) -> None:
    respond(assoc, message, SUCCESS)
