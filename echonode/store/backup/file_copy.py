"""One file copied, hashed as its bytes pass, durable, and read back.

Rules
- The copy has its name only when its bytes are durable: a name that is there is a whole file.
- The copy is read again from the disk before it counts (the kernel is asked to drop its
  pages first): a disk that loses what it was given is found out by the backup, and not by the
  restore.
- An error of reading is another error than one of writing: the first says something about one
  file, the second about the disk that is written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from echonode.errors import Damaged, OutOfSpace
from echonode.store.files.disk import disk_errors, remove, rename, synchronise

_CHUNK = 1024 * 1024  # bytes


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Of one file. sha256: of all bytes; dataset_sha256: of those from the offset on."""

    sha256: str
    dataset_sha256: str
    size: int


class _Hashing:
    def __init__(self, dataset_offset: int) -> None:
        self._left = dataset_offset
        self._whole = hashlib.sha256()
        self._dataset = hashlib.sha256() if dataset_offset else None
        self._size = 0

    def update(self, chunk: memoryview) -> None:
        self._whole.update(chunk)
        self._size += len(chunk)
        if self._dataset is not None:
            skipped = min(self._left, len(chunk))
            self._left -= skipped
            self._dataset.update(chunk[skipped:])

    def digest(self) -> Digest:
        return Digest(
            sha256=self._whole.hexdigest(),
            dataset_sha256=self._dataset.hexdigest() if self._dataset is not None else "",
            size=self._size,
        )


def digest_of(path: Path, dataset_offset: int = 0) -> Digest:
    """Read a file. Raises FileNotFoundError; Damaged where the disk does not return its bytes."""
    hashing = _Hashing(dataset_offset)
    buffer = memoryview(bytearray(_CHUNK))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                hashing.update(buffer[:count])
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{path.name} cannot be read: {error.strerror}") from error
    return hashing.digest()


def copy_file(
    source: Path,
    part: Path,
    target: Path,
    *,
    dataset_offset: int = 0,
    compare: Callable[[Digest], None] = lambda digest: None,
) -> Digest:
    """Copy `source` to `part`, make it durable, read it back, and give it its name `target`.

    compare: raises Damaged where the bytes are not what they must be; the copy is then removed. The
    name is durable after an fsync of its folder. Raises FileNotFoundError where the source is gone,
    Damaged where it cannot be read, OutOfSpace where the copy cannot be written.
    """
    try:
        digest = _copied(source, part, dataset_offset)
        compare(digest)
        try:
            again = digest_of(part)
        except (Damaged, FileNotFoundError) as error:
            raise OutOfSpace(f"the disk of {target.parent} does not return what it took") from error
        if again.sha256 != digest.sha256:
            raise OutOfSpace(f"the disk of {target.parent} returns other bytes than it took")
        rename(part, target)
    except BaseException:
        remove(part)
        raise
    return digest


def _copied(source: Path, part: Path, dataset_offset: int) -> Digest:
    hashing = _Hashing(dataset_offset)
    buffer = memoryview(bytearray(_CHUNK))
    with source.open("rb", buffering=0) as reading:
        with disk_errors(f"a file in {part.parent}"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(part, flags, 0o600)
        try:
            while count := _read(reading.fileno(), buffer, source):
                chunk = buffer[:count]
                hashing.update(chunk)
                _write(descriptor, chunk, part)
            with disk_errors(f"to keep a file in {part.parent}"):
                synchronise(descriptor)
            with suppress(OSError, AttributeError):  # not on macOS: there it is read from memory
                os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
    return hashing.digest()


def _read(descriptor: int, buffer: memoryview, source: Path) -> int:
    try:
        return os.readv(descriptor, [buffer])
    except OSError as error:
        raise Damaged(f"{source.name} cannot be read: {error.strerror}") from error


def _write(descriptor: int, chunk: memoryview, part: Path) -> None:
    with disk_errors(f"the bytes of a file in {part.parent}"):
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]


def write_durably(path: Path, content: bytes) -> None:
    """A small file; durable once its folder is. Raises OutOfSpace."""
    with disk_errors(f"a file in {path.parent}"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            synchronise(file.fileno())
