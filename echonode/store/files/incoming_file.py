"""A file that is being received: written under a temporary name, hashed as its bytes pass.

Not promised: that anything is on the disk before `seal` has returned. Until `files.commit` the
file belongs to no instance, and the next start removes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import StoredFile
from echonode.at_rest.writing import FileWriter, create_file, open_empty
from echonode.errors import OutOfSpace
from echonode.store.files.disk import disk_errors, remove, synchronise_content
from echonode.store.files.file_meta import encode
from echonode.store.files.seal import SEAL_BYTES, Seal, SealFacts, encoded_as_fits


class Incoming:
    """A temporary Part 10 file (implements dimse.services.IncomingFile). One thread at a time.

    on_refused: called with what the disk refused. remove: removes a file that is not kept.
    cipher: seals it as its bytes pass. pooled_as: the file id whose pool file (pool.py) it is
    written into; '' where it makes a file of its own.
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
        cipher: FileCipher | None = None,
        pooled_as: str = "",
    ) -> None:
        """Create the file and write everything before the dataset. Raises OutOfSpace."""
        self.sop_class_uid = sop_class_uid
        self.sop_instance_uid = sop_instance_uid
        self.transfer_syntax_uid = transfer_syntax_uid
        self.source_ae_title = source_ae_title
        self.path = path
        self.pooled_as = pooled_as
        self.has_whole_seal = False  # set by `seal`: whether its seal has all of its facts
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
            self._file: FileWriter | None = (
                open_empty(path, cipher) if pooled_as else create_file(path, cipher)
            )
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
        file = self._open_file()
        with self._disk_errors("to cut a file"):
            self.size = self.dataset_offset + length
            file.cut(self.size)
            with file.opened() as written:
                written.seek(self.dataset_offset)
                self._hash = hashlib.file_digest(written, "sha256")
        if length % 2:
            self.write(b"\0")

    def opened(self) -> StoredFile:
        """What was written so far, to be read and closed by the caller. Raises OutOfSpace."""
        file = self._open_file()
        with disk_errors("to read a file"):
            return file.so_far()

    def seal(self, facts: SealFacts | None = None, *, durable: bool = True) -> None:
        """End the file; its bytes are durable, its name is not yet. Raises OutOfSpace.

        facts: what its seal says of it (seal.py); None leaves it without. durable: False where
        another place than this disk keeps it, and has still to take it.
        """
        file = self._open_file()
        self._file = None
        try:
            with self._disk_errors("to keep a file"):
                try:
                    if facts is not None:
                        self._write_seal(file, facts)
                    file.flush()
                    if durable:
                        synchronise_content(file.fileno())
                finally:
                    file.close()
        except BaseException:
            self._remove(self.path)
            raise

    def _write_seal(self, file: FileWriter, facts: SealFacts) -> None:
        """Raises OSError."""
        seal = Seal(
            dataset_sha256=self.dataset_sha256,
            dataset_length=self.size - self.dataset_offset,
            facts=facts,
        )
        raw, self.has_whole_seal = encoded_as_fits(seal)
        file.put_in(raw, self.dataset_offset - SEAL_BYTES)

    def discard(self) -> None:
        """The message was interrupted: remove the file. Never raises; may be called twice."""
        if self._file is not None:
            file, self._file = self._file, None
            with suppress(OSError):
                file.close()
        self._remove(self.path)

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        file = self._open_file()
        try:
            with self._disk_errors("the bytes of a file"):
                file.write(data)
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

    def _open_file(self) -> FileWriter:
        if self._file is None:
            raise ValueError("the file is already sealed or discarded")
        return self._file
