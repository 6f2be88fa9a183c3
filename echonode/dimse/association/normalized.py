"""Normalized services as SCU: N-CREATE, N-SET, N-GET, N-ACTION and N-DELETE (PS3.7 10.1).

The caller chooses the class and the UID; each request has one answer. Whether a status is a success
is for the caller to say: it depends on the class (PS3.4 annex F for performed procedure steps).
"""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.responses import dataset_of, encoded, status_of
from echonode.dimse.messages.command_set import HAS_DATASET, NO_DATASET, CommandField, CommandSet
from echonode.dimse.messages.provider import Message
from echonode.dimse.services import NormalizedResponse


def create(
    assoc: EventAssociation, sop_class_uid: str, sop_instance_uid: str, attributes: Dataset
) -> NormalizedResponse:
    """N-CREATE. Raises ContextNotAccepted, AssociationLost, ValueError (it cannot be encoded)."""
    context_id = assoc.exchange.context_id_for(sop_class_uid)
    command = CommandSet(
        command_field=CommandField.N_CREATE,
        affected_sop_class_uid=sop_class_uid,
        message_id=assoc.exchange.next_message_id(),
        dataset_type=HAS_DATASET,
        affected_sop_instance_uid=sop_instance_uid,
    )
    data = encoded(assoc, context_id, attributes)
    return _response(assoc.exchange.send_request(context_id, command, data))


def set_attributes(
    assoc: EventAssociation, sop_class_uid: str, sop_instance_uid: str, modifications: Dataset
) -> NormalizedResponse:
    """N-SET. Raises as `create`."""
    context_id = assoc.exchange.context_id_for(sop_class_uid)
    command = CommandSet(
        command_field=CommandField.N_SET,
        requested_sop_class_uid=sop_class_uid,
        message_id=assoc.exchange.next_message_id(),
        dataset_type=HAS_DATASET,
        requested_sop_instance_uid=sop_instance_uid,
    )
    data = encoded(assoc, context_id, modifications)
    return _response(assoc.exchange.send_request(context_id, command, data))


def create_in(
    assoc: EventAssociation,
    context: str,
    sop_class_uid: str,
    attributes: Dataset | None,
    *,
    sop_instance_uid: str = "",
) -> NormalizedResponse:
    """N-CREATE of a class in the context of its meta class, with what the peer answers of it.

    sop_instance_uid: '' leaves it to the peer. Raises as `create`, and DimseFailure where the
    answer cannot be read.
    """
    context_id = assoc.exchange.context_id_for(context)
    command = CommandSet(
        command_field=CommandField.N_CREATE,
        affected_sop_class_uid=sop_class_uid,
        message_id=assoc.exchange.next_message_id(),
        dataset_type=HAS_DATASET if attributes is not None else NO_DATASET,
        affected_sop_instance_uid=sop_instance_uid or None,
    )
    data = encoded(assoc, context_id, attributes) if attributes is not None else b""
    return _whole(assoc, assoc.exchange.send_request(context_id, command, data))


def request_in(
    assoc: EventAssociation,
    context: str,
    field: CommandField,
    instance: tuple[str, str],
    *,
    modifications: Dataset | None = None,
    action: int | None = None,
) -> NormalizedResponse:
    """N-SET, N-GET, N-ACTION or N-DELETE of a (class, instance) in the context of its meta class.

    Raises as `create_in`.
    """
    context_id = assoc.exchange.context_id_for(context)
    sop_class_uid, sop_instance_uid = instance
    command = CommandSet(
        command_field=field,
        requested_sop_class_uid=sop_class_uid,
        message_id=assoc.exchange.next_message_id(),
        dataset_type=HAS_DATASET if modifications is not None else NO_DATASET,
        requested_sop_instance_uid=sop_instance_uid,
        action_type_id=action,
    )
    data = encoded(assoc, context_id, modifications) if modifications is not None else b""
    return _whole(assoc, assoc.exchange.send_request(context_id, command, data))


def _response(answer: Message) -> NormalizedResponse:
    """A response's status; one without is no answer. Raises AssociationLost."""
    return NormalizedResponse(status=status_of(answer), comment=answer.command.error_comment or "")


def _whole(assoc: EventAssociation, answer: Message) -> NormalizedResponse:
    """With its attributes. Raises AssociationLost, DimseFailure."""
    return replace(
        _response(answer),
        sop_instance_uid=answer.command.affected_sop_instance_uid or "",
        attributes=dataset_of(assoc, answer) if answer.dataset is not None else None,
    )
