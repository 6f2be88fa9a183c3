"""A file that is being received: written under a temporary name, hashed as its bytes pass.

Not promised: that anything is on the disk before `seal` has returned. Until `files.commit` the
file belongs to no instance, and the next start removes it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.store.files.disk import disk_errors, remove, synchronise
from echonode.store.files.file_meta import encode
from echonode.store.files.seal import SEAL_BYTES, Seal, SealFacts, encoded


class Incoming:
    """A temporary Part 10 file (implements dimse.services.IncomingFile). One thread at a time.

    on_refused: called with what the disk refused. remove: removes a file that is not kept.
    """

    def __init__(
        self,
        path: Path,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        source_ae_title: str,
        on_refused: Callable[[OutOfSpace], None] = lambda error: None,
        remove: Callable[[Path], object] = remove,
    ) -> None:
        """Create the file and write everything before the dataset. Raises OutOfSpace."""
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid
        self.transfer_syntax_uid = transfer_syntax_uid
        self.source_ae_title = source_ae_title
        self.path = path
        self._on_refused = on_refused
        self._remove = remove
        self._hash = hashlib.sha256()
        meta = encode(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=sop_instance_uid,
            transfer_syntax_uid=transfer_syntax_uid,
            source_ae_title=source_ae_title,
            with_seal=True,
        )
        self.dataset_offset = self.size = len(meta)
        with self._disk_errors("a new file"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor: int | None = os.open(path, flags, 0o600)
        self._append(meta)

    @property
    def dataset_sha256(self) -> str:
        """Hex, over the dataset bytes written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append encoded dataset bytes. Raises OutOfSpace, and then the file is gone."""
        self._append(data)
        self._hash.update(data)
        self.size += memoryview(data).nbytes

    def cut(self, length: int) -> None:
        """Leave the first bytes of the dataset, and nothing behind them. Raises OutOfSpace.

        A dataset of odd length gets a NUL byte (PS3.5 A.5).
        """
        descriptor = self._open_descriptor()
        with self._disk_errors("to cut a file"):
            self.size = self.dataset_offset + length
            os.truncate(self.path, self.size)
            os.lseek(descriptor, 0, os.SEEK_END)
            with self.path.open("rb") as file:
                file.seek(self.dataset_offset)
                self._hash = hashlib.file_digest(file, "sha256")
        if length % 2:
            self.write(b"\0")

    def seal(self, facts: SealFacts | None = None, *, durable: bool = True) -> None:
        """End the file; its bytes are durable, its name is not yet. Raises OutOfSpace.

        facts: what its seal says of it (seal.py); None leaves it without. durable: False where
        another place than this disk keeps it, and has still to take it.
        """
        descriptor = self._open_descriptor()
        self._descriptor = None
        try:
            with self._disk_errors("to keep a file"):
                try:
                    if facts is not None:
                        self._write_seal(descriptor, facts)
                    if durable:
                        synchronise(descriptor)
                finally:
                    os.close(descriptor)
        except BaseException:
            self._remove(self.path)
            raise

    def _write_seal(self, descriptor: int, facts: SealFacts) -> None:
        """Raises OSError."""
        seal = Seal(
            dataset_sha256=self.dataset_sha256,
            dataset_length=self.size - self.dataset_offset,
            facts=facts,
        )
        view, position = memoryview(encoded(seal)), self.dataset_offset - SEAL_BYTES
        while view:
            written = os.pwrite(descriptor, view, position)
            view, position = view[written:], position + written

    def discard(self) -> None:
        """The message was interrupted: remove the file. Never raises; may be called twice."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with suppress(OSError):
                os.close(descriptor)
        self._remove(self.path)

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        descriptor = self._open_descriptor()
        try:
            with self._disk_errors("the bytes of a file"):
                view = memoryview(data).cast("B")
                # A disk that is nearly full first writes less than asked; the next write says why.
                while view:
                    view = view[os.write(descriptor, view) :]
        except BaseException:
            self.discard()
            raise

    @contextmanager
    def _disk_errors(self, doing: str) -> Iterator[None]:
        try:
            with disk_errors(doing):
                yield
        except OutOfSpace as error:
            self._on_refused(error)
            raise

    def _open_descriptor(self) -> int:
        if self._descriptor is None:
            raise ValueError("the file is already sealed or discarded")
        return self._descriptor
