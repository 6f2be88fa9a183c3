"""Sending an instance's dataset from its file, a buffer at a time (PS3.7 9.1.1, PS3.8 annex E).

The dataset is never whole in memory: the kernel reads it straight between the PDU headers of a
buffer (preadv), and each buffer, with as many PDUs as it holds, is one write. The command set goes
out in the first of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from echonode.dimse.association import EventAssociation
from echonode.dimse.command_set import (
    HAS_DATASET,
    MEDIUM_PRIORITY,
    CommandField,
    CommandSet,
    encode,
)
from echonode.dimse.pdu_stream import (
    LAST,
    PDATA_HEADER_BYTES,
    message_pdus,
    pack_pdata_header,
)
from echonode.dimse.services import Part10File, StoreResponse
from echonode.errors import AssociationLost, Damaged

_PDUS_PER_WRITE = 256  # preadv takes at most IOV_MAX (1,024) pieces


def store(
    assoc: EventAssociation,
    file: Part10File,
    *,
    priority: int = MEDIUM_PRIORITY,
    move_originator_ae_title: str | None = None,
    move_originator_message_id: int | None = None,
) -> StoreResponse:
    """C-STORE `file` and return the peer's answer.

    Raises ContextNotAccepted, AssociationLost, and Damaged when the file cannot be read or is
    shorter than it was (then the message is broken off, and the association with it).
    """
    context = assoc.conversation.context_for(file.sop_class_uid, file.transfer_syntax_uid)
    assert context.context_id is not None
    message_id = assoc.conversation.next_message_id()
    command = CommandSet(
        command_field=CommandField.C_STORE,
        affected_sop_class_uid=file.sop_class_uid,
        message_id=message_id,
        priority=priority,
        dataset_type=HAS_DATASET,
        affected_sop_instance_uid=file.sop_instance_uid,
        move_originator_ae_title=move_originator_ae_title,
        move_originator_message_id=move_originator_message_id,
    )
    answers = assoc.conversation.expect(message_id)
    try:
        _send(assoc, file, context.context_id, encode(command))
        answer = assoc.conversation.answer(answers).command
    finally:
        assoc.conversation.forget(message_id)
    if answer.status is None:
        raise AssociationLost("the peer answered without a status")
    return StoreResponse(status=answer.status, comment=answer.error_comment or "")


def _send(assoc: EventAssociation, file: Part10File, context_id: int, command: bytes) -> None:
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Damaged(f"the file of {file.sop_instance_uid} cannot be opened") from error
    try:
        size = os.fstat(descriptor).st_size - file.dataset_offset
        if size <= 0:
            raise Damaged(f"the file of {file.sop_instance_uid} has no dataset")
        with assoc.dul.sending:
            fragment = assoc.conversation.fragment
            head = message_pdus(context_id, command, b"", fragment)
            assoc.conversation.send_pieces(
                _pieces(
                    descriptor,
                    (file.dataset_offset, size),
                    context_id=context_id,
                    head=head,
                    fragment=fragment,
                    buffer=assoc.conversation.send_buffer,
                )
            )
    except (Damaged, OSError) as error:
        assoc.ask_abort()  # half a message is out
        raise Damaged(f"the file of {file.sop_instance_uid} cannot be read whole") from error
    finally:
        os.close(descriptor)


def _pieces(
    descriptor: int,
    dataset: tuple[int, int],
    *,
    context_id: int,
    head: bytes,
    fragment: int,
    buffer: bytearray,
) -> Iterator[memoryview]:
    """The message's PDUs in buffers to write: `head`, then the dataset at (offset, size)."""
    view = memoryview(buffer)
    view[: len(head)] = head
    filled = len(head)
    offset, left = dataset
    while left:
        room = min((len(buffer) - filled) // (PDATA_HEADER_BYTES + fragment), _PDUS_PER_WRITE)
        targets = []
        # At least one: the buffer has room for a whole PDU beside any head we write.
        for _ in range(max(room, 1)):
            size = min(fragment, left)
            left -= size
            # Fragments are even (PS3.8 E.1), which a deflated or a cut-off dataset may not be:
            # DCMTK aborts at an odd one. A zero byte after it means nothing (PS3.5 A.5).
            even = size + size % 2
            pack_pdata_header(buffer, filled, context_id, 0 if left else LAST, even)
            filled += PDATA_HEADER_BYTES
            targets.append(view[filled : filled + size])
            filled += even
            buffer[filled - 1] = 0  # the padding, or a place that is read into
            if not left:
                break
        wanted = sum(map(len, targets))
        if os.preadv(descriptor, targets, offset) != wanted:
            raise Damaged("shorter than it was")
        offset += wanted
        yield view[:filled]
        filled = 0
