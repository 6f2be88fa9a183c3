"""The body of one STOW-RS request, in pieces from the file (PS3.18 10.5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from echonode.at_rest.file_cipher import Altered
from echonode.at_rest.reading import StoredFile
from echonode.delivery.stow.multipart import Envelope, envelope
from echonode.dimse.services import Part10File
from echonode.errors import Damaged
from echonode.model.file_head import matches_file_meta
from echonode.store.files.file_meta import encode

_PIECE = 256 * 1024


class FileBody:
    """The envelope and the file in it; memory stays flat whatever the file's size.

    The dataset is read and hashed before the first piece is given, as for C-STORE: an instance
    whose bytes have changed is not sent. The File Meta Information is made here: that of a stored
    file has our seal, and a re-encoded one has none.
    """

    def __init__(self, file: Part10File) -> None:
        """Raises OSError where there is no such file."""
        self._file = file
        with file.opened() as opened:
            self._end = opened.size
        self._head = encode(
            sop_class_uid=file.sop_class_uid,
            sop_instance_uid=file.sop_instance_uid,
            transfer_syntax_uid=file.transfer_syntax_uid,
        )
        self._envelope: Envelope = envelope(file.sop_instance_uid, file.dataset_sha256)

    @property
    def content_type(self) -> str:
        return self._envelope.content_type

    @property
    def length(self) -> int:
        return self._envelope.length(len(self._head) + self._end - self._file.dataset_offset)

    def pieces(self) -> Iterator[bytes]:
        """All of it. Raises Damaged, before the first piece where the hash is known; OSError."""
        try:
            with self._file.opened() as opened:
                self._check(opened)
                yield self._envelope.before + self._head
                yield from _read(opened, self._file.dataset_offset, self._end)
                yield self._envelope.behind
        except Altered as error:
            raise Damaged(str(error.strerror)) from error

    def _check(self, opened: StoredFile) -> None:
        file = self._file
        if self._end <= file.dataset_offset:
            raise Damaged("there is no dataset")
        if not file.dataset_sha256:
            return
        digest = sha256()
        for piece in _read(opened, file.dataset_offset, self._end):
            digest.update(piece)
        if digest.hexdigest() != file.dataset_sha256:
            raise Damaged("its bytes are not those that were stored")
        head = opened.pread(file.dataset_offset, 0)
        uids = (file.sop_class_uid, file.sop_instance_uid, file.transfer_syntax_uid)
        if head and not matches_file_meta(head, *uids):
            raise Damaged("it names another class, instance or transfer syntax than is to be sent")


def _read(opened: StoredFile, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        piece = opened.pread(min(_PIECE, end - start), start)
        if not piece:
            raise Damaged("shorter than it was")
        start += len(piece)
        yield piece
