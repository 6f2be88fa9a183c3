"""DIMSE responses: made of their requests (PS3.7 9.3 and 10.3), and read."""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.messages.command_set import HAS_DATASET, NO_DATASET, RESPONSE, CommandSet
from echonode.dimse.messages.dataset_bounds import IDENTIFIER_HEADERS
from echonode.dimse.messages.datasets import from_bytes, to_bytes
from echonode.dimse.messages.provider import Message
from echonode.errors import AssociationLost


def response_to(request: CommandSet, status: int, *, comment: str = "") -> CommandSet:
    """The command set that answers `request`, without counts."""
    return CommandSet(
        command_field=request.command_field | RESPONSE,
        affected_sop_class_uid=request.affected_sop_class_uid or request.requested_sop_class_uid,
        message_id_being_responded_to=request.message_id,
        status=status,
        error_comment=comment or None,
        affected_sop_instance_uid=(
            request.affected_sop_instance_uid or request.requested_sop_instance_uid
        ),
        event_type_id=request.event_type_id,
        action_type_id=request.action_type_id,
    )


def respond(
    assoc: EventAssociation,
    message: Message,
    status: int,
    *,
    comment: str = "",
    dataset: bytes = b"",
    counts: dict[str, int] | None = None,
    error_id: int | None = None,
    made: str = "",
) -> None:
    """Answer `message`, in one write. Raises AssociationLost.

    made: the SOP Instance UID that we gave an instance whose request named none.
    """
    answer = response_to(message.command, status, comment=comment)
    if made:
        answer = replace(answer, affected_sop_instance_uid=made)
    response = replace(
        answer,
        dataset_type=HAS_DATASET if dataset else NO_DATASET,
        error_id=error_id,
        **(counts or {}),  # type: ignore[arg-type]  # counts are integers of CommandSet
    )
    assoc.exchange.send(message.context_id, response, dataset)


def syntax_of(assoc: EventAssociation, context_id: int) -> str:
    """The transfer syntax accepted for a context."""
    return str(assoc.accepted_by_id[context_id].transfer_syntax[0])


def dataset_of(
    assoc: EventAssociation, message: Message, *, most_headers: int = IDENTIFIER_HEADERS
) -> Dataset:
    """The dataset that came with a message. Raises DimseFailure."""
    syntax = syntax_of(assoc, message.context_id)
    return from_bytes(message.data(), syntax, most_headers=most_headers)


def encoded(assoc: EventAssociation, context_id: int, dataset: Dataset) -> bytes:
    """A dataset in the syntax of a context; raises ValueError."""
    return to_bytes(dataset, syntax_of(assoc, context_id))


def status_of(answer: Message) -> int:
    """The status of a response. Raises AssociationLost where it has none."""
    if answer.command.status is None:
        raise AssociationLost("the peer answered without a status")
    return answer.command.status
