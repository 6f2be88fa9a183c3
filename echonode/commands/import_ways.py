"""The two ways in for `echonode import`: the running node's STOW-RS, or the store where none runs.

Rules
- Both store by the same intake as C-STORE: the same checks, quarantine, and `forwarding` from
  `dicomweb`.
- What is here already is looked up before an instance is given, by its UID, in the index.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from echonode.commands.node_client import post_stream
from echonode.config import Config
from echonode.config.forwarding import WEB_SENDER
from echonode.copies.media.importing import Take, Taken, TakenFile
from echonode.dicomweb.upload import Upload
from echonode.errors import OperatorRefused, StoreLocked, Unreadable
from echonode.intake.storage_scp import StorageSCP
from echonode.model.file_meta_head import LONGEST_META, read_meta
from echonode.model.identity import Peer
from echonode.model.status import OUT_OF_RESOURCES, SUCCESS
from echonode.node.settings.parts import free_space
from echonode.node.settings.stores import open_store
from echonode.store.read_only_store import ReadOnlyStore, open_read_only
from echonode.store.store import Store

_CALLER = Peer(name=WEB_SENDER, ae_title=WEB_SENDER.upper(), host="", port=80, may=frozenset())
_ANSWER_S = 300.0
_BOUNDARY = "echonode-import"
_WORDS = {
    0x0122: "its SOP class is not one of storage",
    0xA900: "its data set does not match its file's head",
    0xC000: "its data set cannot be read",
    0x0110: "the intake failed at it: see the log",
}
_FULL = (
    "the store takes nothing more: {}. What was imported before is stored; free space, then repeat"
)


@contextmanager
def way_in(config: Config) -> Iterator[Take]:
    """Raises UsageError, NodeNotAsked; the Take raises OperatorRefused where nothing more can be
    taken.
    """
    try:
        store = open_store(config)
    except StoreLocked:
        with open_read_only(
            config.data_dir,
            index_url=config.index.server_url,
            cipher=config.encryption.cipher,
        ) as known:
            yield lambda pieces: _to_node(config, known, pieces)
        return
    with store:
        space = free_space(config)
        intake = StorageSCP(
            store,
            forwarding=config.forwarding_by_peer(),
            refusal=space.refusal,
            cuts_trailing_bytes=config.content.trailing_bytes == "cut",
        )
        yield lambda pieces: _to_store(intake, store, pieces)


def _to_store(intake: StorageSCP, store: Store, pieces: Iterator[bytes]) -> TakenFile:
    begun, rest = _begun(pieces)
    uid = _uid_of(begun)
    was_here = store.index.instance(uid) is not None
    upload = Upload(intake, _CALLER)
    try:
        for piece in chain((begun,), rest):
            upload.write(piece)
        outcome = upload.finish()
    finally:
        upload.discard()
    return _outcome(outcome.status, uid, was_here=was_here)


def _to_node(config: Config, known: ReadOnlyStore, pieces: Iterator[bytes]) -> TakenFile:
    begun, rest = _begun(pieces)
    uid = _uid_of(begun)
    was_here = known.index.instance(uid) is not None
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = chain((head, begun), rest, (f"\r\n--{_BOUNDARY}--\r\n".encode(),))
    answer = post_stream(
        config,
        "/dicom-web/studies",
        body,
        content_type=f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}',
        timeout_s=_ANSWER_S,
    )
    return _outcome(_status(answer), uid, was_here=was_here)


def _status(answer: bytes) -> int:
    """The Failure Reason (0008,1197) of the one instance; 0 where it was stored (PS3.18 10.5.3)."""
    try:
        found = json.loads(answer)
        failed = found.get("00081198", {}).get("Value", [])
        return int(failed[0]["00081197"]["Value"][0]) if failed else SUCCESS
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise OperatorRefused("the node answered what is not an answer to STOW-RS") from None


def _begun(pieces: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Enough of the file for its meta information, and the rest."""
    begun = bytearray()
    for piece in pieces:
        begun += piece
        if len(begun) > LONGEST_META:
            break
    return bytes(begun), pieces


def _uid_of(begun: bytes) -> str:
    """The SOP Instance UID that the file's head names; '' where it has none."""
    try:
        meta = read_meta(begun, is_whole=len(begun) <= LONGEST_META)
    except Unreadable:
        return ""
    return "" if meta is None else meta.sop_instance_uid


def _outcome(status: int, uid: str, *, was_here: bool) -> TakenFile:
    if status == SUCCESS:
        return TakenFile(taken=Taken.DUPLICATE if was_here else Taken.STORED, uid=uid)
    if status == OUT_OF_RESOURCES:
        raise OperatorRefused(_FULL.format("its disk is full, or below its reserve"))
    if status == 0xA900 and was_here:
        return TakenFile(
            taken=Taken.CONFLICT, why="another instance of the same UID is here: the first stays"
        )
    return TakenFile(taken=Taken.REFUSED, why=_WORDS.get(status, f"status {status:04X}"))
