"""Normalized services as SCU: N-CREATE and N-SET of one SOP instance (PS3.7 10.1.5 and 10.1.3).

The caller chooses the class and the UID; each request has one answer. Whether a status is a success
is for the caller to say: it depends on the class (PS3.4 annex F for performed procedure steps).
"""

from __future__ import annotations

from pydicom.dataset import Dataset

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.responses import encoded, status_of
from echonode.dimse.messages.command_set import HAS_DATASET, CommandField, CommandSet
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


def _response(answer: Message) -> NormalizedResponse:
    """A response's status; one without is no answer. Raises AssociationLost."""
    return NormalizedResponse(status=status_of(answer), comment=answer.command.error_comment or "")
