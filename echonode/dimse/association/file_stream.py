"""Sending an instance's dataset from its file, a buffer at a time (PS3.7 9.1.1, PS3.8 annex E).

Rules
- A dataset larger than the buffer is never whole in memory. Each buffer is one read and one write
  of as many PDUs as it holds; the command set is sent with the first of them.
- Where the dataset's hash is known, it is compared before a byte is sent: bit rot is not passed on.
  A dataset that fits into the buffer is sent from the buffer that was compared. The file's head
  must have the UIDs of the command: the index may be damaged as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from echonode.at_rest.file_cipher import Altered
from echonode.at_rest.reading import StoredFile
from echonode.dimse.association.association import EventAssociation
from echonode.dimse.messages.command_set import (
    HAS_DATASET,
    MEDIUM_PRIORITY,
    CommandField,
    CommandSet,
    encode,
)
from echonode.dimse.services import Part10File, StoreResponse
from echonode.dimse.upper_layer.pdu_stream import message_pdus
from echonode.errors import AssociationLost, Damaged
from echonode.model.file_head import matches_file_meta


def store(
    assoc: EventAssociation,
    file: Part10File,
    *,
    priority: int = MEDIUM_PRIORITY,
    move_originator_ae_title: str | None = None,
    move_originator_message_id: int | None = None,
) -> StoreResponse:
    """C-STORE `file` and return the peer's answer.

    Raises ContextNotAccepted, AssociationLost; Damaged where the file is gone or is not what was
    stored; OSError where the disk cannot be read now. Then nothing was sent; where reading fails
    half-way, the association is aborted.
    """
    context_id = assoc.exchange.context_id_for(file.sop_class_uid, file.transfer_syntax_uid)
    message_id = assoc.exchange.next_message_id()
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
    answers = assoc.exchange.expect(message_id)
    try:
        _send(assoc, file, context_id, encode(command))
        answer = assoc.exchange.answer(answers).command
    finally:
        assoc.exchange.forget(message_id)
    if answer.status is None:
        raise AssociationLost("the peer answered without a status")
    named = answer.affected_sop_instance_uid  # many peers leave it out
    return StoreResponse(
        status=answer.status,
        comment=answer.error_comment or "",
        names_another=named is not None and named != file.sop_instance_uid,
    )


def _send(assoc: EventAssociation, file: Part10File, context_id: int, command: bytes) -> None:
    try:
        opened = file.opened()
    except FileNotFoundError as error:
        raise Damaged(f"the file of {file.sop_instance_uid} is gone") from error
    except Altered as error:
        raise Damaged(f"the file of {file.sop_instance_uid}: {error.strerror}") from error
    begun = False
    try:
        with assoc.dul.sending:
            exchange = assoc.exchange
            head = [message_pdus(context_id, command, b"", exchange.fragment)]
            pdus = exchange.dataset_pdus
            for filled, last in _checked_parts(opened, file, pdus.room):
                begun = True
                exchange.write(*head, *pdus.pieces(context_id, filled, last=last))
                head = []
    except (Damaged, OSError) as error:
        if begun:
            assoc.request_abort()  # half a message was sent
        if isinstance(error, OSError) and not isinstance(error, Altered):
            raise  # the disk cannot be read now, which says nothing about the bytes
        raise Damaged(f"the file of {file.sop_instance_uid}: {error}") from error
    except Exception:
        if begun:
            assoc.request_abort()
        raise
    finally:
        opened.close()


def _checked_parts(
    opened: StoredFile, file: Part10File, room: memoryview
) -> Iterator[tuple[int, bool]]:
    """Fill `room` with each part of the dataset in turn; (bytes filled, whether it is the last).

    Raises Damaged, before the first part where the dataset's hash is known; and OSError.
    """
    dataset = range(file.dataset_offset, opened.size)
    if not dataset:
        raise Damaged("there is no dataset")
    if file.dataset_sha256:
        digest = sha256()
        for filled, _ in _parts(opened, dataset, room):
            digest.update(room[:filled])
        if digest.hexdigest() != file.dataset_sha256:
            raise Damaged("its bytes are not those that were stored")
        head = opened.pread(file.dataset_offset, 0)
        uids = (file.sop_class_uid, file.sop_instance_uid, file.transfer_syntax_uid)
        # A re-encoded file has no File Meta Information to compare.
        if head and not matches_file_meta(head, *uids):
            raise Damaged("it names another class, instance or transfer syntax than is to be sent")
        if len(dataset) <= len(room):
            yield len(dataset), True  # the bytes that were checked
            return
    yield from _parts(opened, dataset, room)


def _parts(opened: StoredFile, dataset: range, room: memoryview) -> Iterator[tuple[int, bool]]:
    for start in dataset[:: len(room)]:
        part = room[: dataset.stop - start]
        if opened.preadinto(part, start) != len(part):
            raise Damaged("shorter than it was")
        yield len(part), start + len(part) == dataset.stop
