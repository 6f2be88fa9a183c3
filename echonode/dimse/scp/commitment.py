"""Storage commitment messages (PS3.4 annex J): requests and reports, served and sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.handler_errors import run_handler
from echonode.dimse.association.responses import dataset_of, encoded, respond, status_of
from echonode.dimse.messages.command_set import HAS_DATASET, CommandField, CommandSet
from echonode.dimse.messages.dataset_bounds import COMMITMENT_HEADERS
from echonode.dimse.messages.datasets import (
    ALL_COMMITTED,
    SOME_FAILED,
    event_type,
    report_from_dataset,
    report_to_dataset,
    request_from_dataset,
    request_to_dataset,
)
from echonode.dimse.messages.provider import Message
from echonode.dimse.services import SameAssociation
from echonode.errors import ContextNotAccepted, DimseFailure
from echonode.model.commitment import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
    CommitmentReport,
    CommitmentRequest,
)
from echonode.model.identity import Peer
from echonode.model.status import (
    NO_SUCH_ACTION,
    NO_SUCH_EVENT_TYPE,
    NO_SUCH_SOP_CLASS,
    NO_SUCH_SOP_INSTANCE,
)

_REQUEST_STORAGE_COMMITMENT = 1  # Action Type ID (PS3.4 J.3.2.1)


@dataclass(frozen=True)
class ReportingBack:
    """services.SameAssociation on the association of the N-ACTION; usable from any thread."""

    assoc: EventAssociation

    def report(self, report: CommitmentReport) -> int:
        return send_report(self.assoc, report)


def serve_action(
    assoc: EventAssociation,
    caller: Peer,
    commit_request: Callable[[Peer, CommitmentRequest, SameAssociation], int],
    message: Message,
) -> None:
    """Answer an N-ACTION-RQ. Raises DimseFailure, AssociationLost."""
    command = message.command
    _check_instance(command.requested_sop_class_uid, command.requested_sop_instance_uid)
    if command.action_type_id != _REQUEST_STORAGE_COMMITMENT:
        raise DimseFailure(NO_SUCH_ACTION, "No such action")
    request = request_from_dataset(dataset_of(assoc, message, most_headers=COMMITMENT_HEADERS))
    status = run_handler(
        assoc, "commit_request", lambda: commit_request(caller, request, ReportingBack(assoc))
    )
    respond(assoc, message, status)


def serve_report(
    assoc: EventAssociation,
    caller: Peer,
    commit_report: Callable[[Peer, CommitmentReport], int],
    message: Message,
) -> None:
    """Answer an N-EVENT-REPORT-RQ, whatever role was negotiated. Raises as serve_action."""
    command = message.command
    _check_instance(command.affected_sop_class_uid, command.affected_sop_instance_uid)
    if command.event_type_id not in (ALL_COMMITTED, SOME_FAILED):
        raise DimseFailure(NO_SUCH_EVENT_TYPE, "No such event type")
    report = report_from_dataset(dataset_of(assoc, message, most_headers=COMMITMENT_HEADERS))
    status = run_handler(assoc, "commit_report", lambda: commit_report(caller, report))
    respond(assoc, message, status)


def send_request(assoc: EventAssociation, request: CommitmentRequest) -> int:
    """N-ACTION; the peer's status. Raises ContextNotAccepted, AssociationLost."""
    context_id = _context_id(assoc)
    command = CommandSet(
        command_field=CommandField.N_ACTION,
        requested_sop_class_uid=STORAGE_COMMITMENT_PUSH_MODEL,
        message_id=assoc.exchange.next_message_id(),
        dataset_type=HAS_DATASET,
        requested_sop_instance_uid=STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
        action_type_id=_REQUEST_STORAGE_COMMITMENT,
    )
    data = encoded(assoc, context_id, request_to_dataset(request))
    return status_of(assoc.exchange.send_request(context_id, command, data))


def send_report(assoc: EventAssociation, report: CommitmentReport) -> int:
    """N-EVENT-REPORT; the peer's status. Raises ContextNotAccepted, AssociationLost."""
    context_id = _context_id(assoc)
    command = CommandSet(
        command_field=CommandField.N_EVENT_REPORT,
        affected_sop_class_uid=STORAGE_COMMITMENT_PUSH_MODEL,
        message_id=assoc.exchange.next_message_id(),
        dataset_type=HAS_DATASET,
        affected_sop_instance_uid=STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
        event_type_id=event_type(report),
    )
    data = encoded(assoc, context_id, report_to_dataset(report))
    return status_of(assoc.exchange.send_request(context_id, command, data))


def _context_id(assoc: EventAssociation) -> int:
    """The commitment context, whatever roles the peer granted.

    Many archives decline the role proposal and still send and take both messages.
    """
    for context_id, context in assoc.accepted_by_id.items():
        if context.abstract_syntax == STORAGE_COMMITMENT_PUSH_MODEL:
            return context_id
    raise ContextNotAccepted("the peer does not offer storage commitment")


def _check_instance(sop_class_uid: str | None, sop_instance_uid: str | None) -> None:
    if sop_class_uid != STORAGE_COMMITMENT_PUSH_MODEL:
        raise DimseFailure(NO_SUCH_SOP_CLASS, "No such SOP class")
    if sop_instance_uid != STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE:
        raise DimseFailure(NO_SUCH_SOP_INSTANCE, "No such SOP instance")
