"""Each file of a store, held in the backup: found there whole, or copied.

Rules: backup.py.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import SealedFile, open_file
from echonode.errors import Damaged
from echonode.store.backup.file_copy import Digest, copy_file, digest_of
from echonode.store.backup.file_sums import FileSum, instance_path, lines_path, quarantine_path
from echonode.store.backup.folder import BackupFolder
from echonode.store.backup.snapshot import FileRow
from echonode.store.files.kept_lines import FOLDER as LINES
from echonode.store.files.layout import Layout

_TRIES = 2  # of a file whose bytes are not those that were stored: one that the disk spoiled


@dataclass(frozen=True, kw_only=True)
class Held:
    """What came of one file. size: bytes.

    found: None where it is gone, or is not held because of `problem`. copied: by this run. folder:
    where its name became new, which is not durable yet.
    """

    found: FileSum | None = None
    size: int = 0
    copied: bool = False
    folder: Path | None = None
    problem: str = ""


class HeldCopies:
    """The copies in a backup's folder of the files of one data_dir. Thread-safe.

    verify: read the copies that earlier runs made, too.
    """

    def __init__(self, layout: Layout, folder: BackupFolder, *, verify: bool) -> None:
        self._layout = layout
        self._copies, self._lines = folder.layout, folder.lines
        self._verify = verify

    def hold(self, row: FileRow, earlier_sha256: str) -> Held:
        """The copy of an instance's file. earlier_sha256: of the copy that the list before has.

        Raises OutOfSpace where the copy cannot be written.
        """
        target = self._copies.instance_file(row.file_id)
        path = instance_path(row.file_id)
        if self._is_there(target, row, earlier_sha256):
            return Held(found=FileSum(path=path, sha256=earlier_sha256), size=row.size)
        if (sha256 := _whole(target, row, earlier_sha256, self._layout.cipher)) is not None:
            found = FileSum(path=path, sha256=sha256)
            return Held(found=found, size=row.size, folder=target.parent)
        problem = ""
        for _ in range(_TRIES):
            try:
                sha256 = self._copied(row, target)
            except FileNotFoundError:
                return Held()
            except Damaged as error:
                problem = str(error)
                continue
            found = FileSum(path=path, sha256=sha256)
            return Held(found=found, size=row.size, copied=True, folder=target.parent)
        return Held(problem=problem)

    def _is_there(self, target: Path, row: FileRow, earlier_sha256: str) -> bool:
        """Whether it needs no reading."""
        if not earlier_sha256 or self._verify:
            return False
        try:
            return _size(target, self._layout.cipher) == row.size
        except FileNotFoundError:
            return False

    def _copied(self, row: FileRow, target: Path) -> str:
        part = self._copies.new_incoming_file()

        def compare(digest: Digest) -> None:
            found = (digest.size, digest.dataset_sha256)
            if self._layout.cipher is not None:
                found = content_of(part, self._layout.cipher, row.dataset_offset)
            if found != (row.size, row.dataset_sha256):
                raise Damaged("its bytes are not those that were stored")

        source = self._layout.instance_file(row.file_id)
        return copy_file(
            source, part, target, dataset_offset=row.dataset_offset, compare=compare
        ).sha256

    def hold_lines(self, name: str, earlier_sha256: str) -> Held:
        """As `hold`, of the scan lines of an image. They never change, and may be gone with it.

        Raises OutOfSpace where the copy cannot be written.
        """
        source, target = self._layout.data_dir / LINES / name, self._lines / name
        path = lines_path(name)
        try:
            size = source.stat().st_size
            is_there = bool(earlier_sha256) and target.exists() and target.stat().st_size == size
            if is_there and (not self._verify or digest_of(target).sha256 == earlier_sha256):
                return Held(found=FileSum(path=path, sha256=earlier_sha256), size=size)
            digest = copy_file(source, self._copies.new_incoming_file(), target)
        except FileNotFoundError:
            return Held()
        except Damaged as error:
            return Held(problem=str(error))
        found = FileSum(path=path, sha256=digest.sha256)
        return Held(found=found, size=digest.size, copied=True, folder=target.parent)

    def hold_quarantined(self, file_id: str, earlier_sha256: str) -> Held:
        """As `hold`. A person may have removed the file, and no row says what its bytes are."""
        source = self._layout.quarantine_file(file_id)
        target = self._copies.quarantine_file(file_id)
        path = quarantine_path(file_id)
        try:
            if earlier_sha256 and target.exists() and digest_of(target).sha256 == earlier_sha256:
                found = FileSum(path=path, sha256=earlier_sha256)
                return Held(found=found, size=target.stat().st_size)
            digest = copy_file(source, self._copies.new_incoming_file(), target)
        except (FileNotFoundError, Damaged):
            return Held()
        found = FileSum(path=path, sha256=digest.sha256)
        return Held(found=found, size=digest.size, copied=True, folder=target.parent)


def content_of(path: Path, cipher: FileCipher, dataset_offset: int) -> tuple[int, str]:
    """The length of a file's content, and the hash of its dataset. Raises Damaged."""
    try:
        with open_file(path, cipher) as file:
            file.seek(dataset_offset)
            return file.size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read: {error.strerror}") from error


def _size(target: Path, cipher: FileCipher | None) -> int:
    """Of the content of a copy; -1 of one in plain, where it must be sealed."""
    if cipher is None:
        return target.stat().st_size
    try:
        with open_file(target, cipher) as file:
            return file.size if isinstance(file, SealedFile) else -1
    except FileNotFoundError:
        raise
    except OSError:
        return -1


def _whole(
    target: Path, row: FileRow, earlier_sha256: str, cipher: FileCipher | None
) -> str | None:
    """The hash of a copy that is whole: of an interrupted run, or one to be verified."""
    try:
        if _size(target, cipher) != row.size:
            return None
        digest = digest_of(target, row.dataset_offset)
        dataset = digest.dataset_sha256
        if cipher is not None:
            _, dataset = content_of(target, cipher, row.dataset_offset)
    except (FileNotFoundError, Damaged):
        return None
    if dataset != row.dataset_sha256:
        return None
    return digest.sha256 if earlier_sha256 in ("", digest.sha256) else None
