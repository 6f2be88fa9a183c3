"""Performed procedure steps as SCP (PS3.4 annex F): N-CREATE and N-SET to their handlers."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.handler_errors import run_handler
from echonode.dimse.association.responses import dataset_of, respond
from echonode.dimse.contexts import MPPS_CLASS
from echonode.dimse.messages.dataset_bounds import COMMITMENT_HEADERS
from echonode.dimse.messages.provider import Message
from echonode.errors import DimseFailure
from echonode.model.identity import Peer, is_valid_uid
from echonode.model.status import (
    INVALID_SOP_INSTANCE,
    NO_SUCH_SOP_CLASS,
    NO_SUCH_SOP_INSTANCE,
    SUCCESS,
)


def serve_create(
    assoc: EventAssociation,
    caller: Peer,
    create_step: Callable[[Peer, str, Dataset], str],
    message: Message,
) -> None:
    """Answer an N-CREATE-RQ. Raises DimseFailure, AssociationLost.

    A request may leave the SOP Instance UID to us (PS3.7 10.1.5.1.4).
    """
    command = message.command
    if command.affected_sop_class_uid != MPPS_CLASS:
        raise DimseFailure(NO_SUCH_SOP_CLASS, "No such SOP class")
    uid = command.affected_sop_instance_uid or ""
    if uid and not is_valid_uid(uid):
        raise DimseFailure(INVALID_SOP_INSTANCE, "Not a UID")
    attributes = dataset_of(assoc, message, most_headers=COMMITMENT_HEADERS)
    made = run_handler(assoc, "create_step", lambda: create_step(caller, uid, attributes))
    respond(assoc, message, SUCCESS, made=made)


def serve_set(
    assoc: EventAssociation,
    caller: Peer,
    set_step: Callable[[Peer, str, Dataset], None],
    message: Message,
) -> None:
    """Answer an N-SET-RQ. Raises as serve_create."""
    command = message.command
    if command.requested_sop_class_uid != MPPS_CLASS:
        raise DimseFailure(NO_SUCH_SOP_CLASS, "No such SOP class")
    uid = command.requested_sop_instance_uid or ""
    if not is_valid_uid(uid):
        raise DimseFailure(NO_SUCH_SOP_INSTANCE, "No such SOP instance")
    modifications = dataset_of(assoc, message, most_headers=COMMITMENT_HEADERS)
    run_handler(assoc, "set_step", lambda: set_step(caller, uid, modifications))
    respond(assoc, message, SUCCESS)
