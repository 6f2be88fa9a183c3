"""An acceptor's services: each request to its handler, each outcome to its answer.

One `Serving` per association, called on its thread. The handlers are the callables of
services.Services; this room only turns messages into their values and their values into messages.
"""

from __future__ import annotations

from collections.abc import Callable

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.handler_errors import (
    CLASS_NOT_SUPPORTED,
    NOT_AUTHORISED,
    SUCCESS,
    UNRECOGNISED_OPERATION,
)
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
from echonode.dimse.messages.provider import DatasetSink, MemorySink, Message
from echonode.dimse.scp import commitment, find, procedure_step, retrieve, store
from echonode.dimse.services import Services
from echonode.errors import DimseFailure
from echonode.model.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from echonode.model.identity import Peer, Service

# Which service a request belongs to, and the abstract syntaxes it may come under; for storage any
# class, compared with the context's own in serve_store. A query of the worklist is another service.
_SERVICES: dict[int, tuple[Service, frozenset[str] | None]] = {
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


class Serving:
    """Serves one association's requests."""

    def __init__(self, assoc: EventAssociation, caller: Peer, services: Services) -> None:
        self._assoc, self._caller, self._services = assoc, caller, services
        self._handlers: dict[int, Callable[[Message], None]] = {
            CommandField.C_ECHO: self._echo,
            CommandField.C_STORE: lambda m: store.serve(assoc, caller, services, m),
            CommandField.C_FIND: self._find,
            CommandField.N_CREATE: lambda m: procedure_step.serve_create(
                assoc, caller, services.create_step, m
            ),
            CommandField.N_SET: lambda m: procedure_step.serve_set(
                assoc, caller, services.set_step, m
            ),
            CommandField.C_MOVE: lambda m: retrieve.serve_move(assoc, caller, services, m),
            CommandField.C_GET: lambda m: retrieve.serve_get(assoc, caller, services, m),
            CommandField.N_ACTION: lambda m: commitment.serve_action(
                assoc, caller, services.commit_request, m
            ),
            CommandField.N_EVENT_REPORT: lambda m: commitment.serve_report(
                assoc, caller, services.commit_report, m
            ),
        }

    def serve(self, message: Message) -> None:
        """Serve one request and answer it. Raises AssociationLost only."""
        try:
            self._check(message.context_id, message.command)
            self._handlers[message.command.command_field](message)
        except DimseFailure as failure:
            if message.dataset is not None:
                message.dataset.break_off()
            respond(
                self._assoc,
                message,
                failure.status,
                comment=failure.comment,
                error_id=failure.error_id,
            )

    def sink_for(self, context_id: int, command: CommandSet) -> DatasetSink:
        """A C-STORE's dataset goes where Services.open_incoming says, any other into memory."""
        if command.command_field != CommandField.C_STORE:
            return MemorySink(self._assoc.limits.identifier_bytes)

        sink = store.StoreSink(self._assoc)
        try:
            self._check(context_id, command)
            head = store.head_of(self._assoc, self._caller, context_id, command)
        except DimseFailure as failure:
            sink.refuse(failure)
        else:
            sink.open(self._services, head)
        return sink

    def _check(self, context_id: int, command: CommandSet) -> None:
        """Whether this peer may ask this, in this context. Raises DimseFailure."""
        if command.command_field not in _SERVICES:
            raise DimseFailure(UNRECOGNISED_OPERATION, "Operation not supported")
        service, classes = _SERVICES[command.command_field]
        abstract_syntax = self._assoc.accepted_by_id[context_id].abstract_syntax
        if command.command_field == CommandField.C_FIND and abstract_syntax == WORKLIST_CLASS:
            service, classes = _WORKLIST_QUERY
        if service not in self._caller.may:
            raise DimseFailure(NOT_AUTHORISED, "Not authorised")
        if classes is not None and abstract_syntax not in classes:
            raise DimseFailure(CLASS_NOT_SUPPORTED, "Operation does not fit its context")

    def _find(self, message: Message) -> None:
        abstract_syntax = self._assoc.accepted_by_id[message.context_id].abstract_syntax
        serve = find.serve_worklist if abstract_syntax == WORKLIST_CLASS else find.serve
        serve(self._assoc, self._caller, self._services, message)

    def _echo(self, message: Message) -> None:
        respond(self._assoc, message, SUCCESS)
