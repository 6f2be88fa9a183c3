"""C-STORE as SCP (PS3.4 annex B): the dataset to its file as it comes, the answer when durable."""

from __future__ import annotations

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.handler_errors import run_handler
from echonode.dimse.association.responses import respond, syntax_of
from echonode.dimse.messages.command_set import CommandSet
from echonode.dimse.messages.provider import Message
from echonode.dimse.services import IncomingFile, IncomingHead, Services, StoreRequest
from echonode.errors import DimseFailure
from echonode.log import get_logger
from echonode.model.identity import Peer, is_valid_uid
from echonode.model.status import CANNOT_UNDERSTAND, INVALID_SOP_INSTANCE, SOP_CLASS_NOT_SUPPORTED

log = get_logger(__name__)


class StoreSink:
    """Writes a dataset's fragments to an IncomingFile.

    A message must be read to its end before it can be answered (only an abort stops a sender), so
    the first failure is kept, the rest of the dataset is discarded, and `take` raises it.
    """

    def __init__(self, assoc: EventAssociation) -> None:
        self._assoc = assoc
        self._incoming: IncomingFile | None = None
        self._failure: DimseFailure | None = None

    def open(self, services: Services, head: IncomingHead) -> None:
        """Open the file for the fragments."""
        try:
            self._incoming = run_handler(self._assoc, "store", lambda: services.open_incoming(head))
        except DimseFailure as failure:
            self.refuse(failure)

    def refuse(self, failure: DimseFailure) -> None:
        """Discard the dataset; `failure` will be the answer."""
        self._failure = failure
        self.break_off()

    def write(self, fragment: memoryview) -> None:
        incoming = self._incoming
        if incoming is None:
            return
        try:
            run_handler(self._assoc, "store", lambda: incoming.write(fragment))
        except DimseFailure as failure:
            self.refuse(failure)

    def break_off(self) -> None:
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None

    def take(self) -> IncomingFile:
        """The whole file, for the handler. Raises the DimseFailure that was kept."""
        if self._incoming is None:
            raise self._failure or DimseFailure(CANNOT_UNDERSTAND, "No data set")
        incoming, self._incoming = self._incoming, None
        return incoming


def head_of(
    assoc: EventAssociation, caller: Peer, context_id: int, command: CommandSet
) -> IncomingHead:
    """The checked head of a C-STORE-RQ. Raises DimseFailure."""
    context = assoc.accepted_by_id[context_id]
    sop_class_uid = command.affected_sop_class_uid or ""
    sop_instance_uid = command.affected_sop_instance_uid or ""
    if context.abstract_syntax != sop_class_uid or not context.as_scp:
        raise DimseFailure(SOP_CLASS_NOT_SUPPORTED, "SOP class does not fit its context")
    # Checked here, before anything is opened or stored under it.
    if not is_valid_uid(sop_instance_uid):
        raise DimseFailure(INVALID_SOP_INSTANCE, "SOP Instance UID is not a UID")
    return IncomingHead(
        caller=caller,
        sop_class_uid=sop_class_uid,
        sop_instance_uid=sop_instance_uid,
        transfer_syntax_uid=syntax_of(assoc, context_id),
    )


def serve(assoc: EventAssociation, caller: Peer, services: Services, message: Message) -> None:
    """Call the handler with a whole C-STORE-RQ and answer its status. Raises DimseFailure."""
    command = message.command
    try:
        head = head_of(assoc, caller, message.context_id, command)
        if not isinstance(message.dataset, StoreSink):
            raise DimseFailure(CANNOT_UNDERSTAND, "No data set")
        request = StoreRequest(
            head=head,
            incoming=message.dataset.take(),
            move_originator_ae_title=command.move_originator_ae_title,
            move_originator_message_id=command.move_originator_message_id,
        )
    except DimseFailure as failure:
        log.warning("store_refused", peer=caller.name, status=f"{failure.status:04X}")
        raise
    status = run_handler(assoc, "store", lambda: services.store(request))
    respond(assoc, message, status)
