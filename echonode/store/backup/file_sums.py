"""The list of a backup's files with their SHA-256, in the form that `sha256sum -c` reads.

Rules
- In the order of the paths, so that two lists, or a list and the rows of the database, are
  compared in one pass: a million files need no memory.
- A path is taken only in the form that we write: a list that was changed cannot lead out of the
  folder.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from echonode.errors import BackupUnusable
from echonode.store.backup.manifest import NamedFile
from echonode.store.files.disk import disk_errors, synchronise
from echonode.store.files.kept_lines import FOLDER as LINES

_LINE = re.compile(
    r"([0-9a-f]{64})  "
    r"(instances/([0-9a-f]{2})/([0-9a-f]{2})/(\3\4[0-9a-f]{28})\.dcm"
    r"|lines/[0-9a-f]{32}\.npz|quarantine/[0-9a-f]{32}\.dcm)\n"
)


def instance_path(file_id: str) -> str:
    """Of an instance's file, relative to data_dir and to the backup's folder alike."""
    return f"instances/{file_id[:2]}/{file_id[2:4]}/{file_id}.dcm"


def lines_path(name: str) -> str:
    """Of the scan lines of an image (files/kept_lines.py), as `instance_path`."""
    return f"{LINES}/{name}"


def quarantine_path(file_id: str) -> str:
    """Of a quarantined file, as `instance_path`."""
    return f"quarantine/{file_id}.dcm"


@dataclass(frozen=True, kw_only=True)
class FileSum:
    """One file: its path and the hash of all its bytes."""

    path: str
    sha256: str


class SumsWriter:
    """Writes a list; complete and durable when the block ends without an error."""

    def __init__(self, path: Path) -> None:
        """Raises OutOfSpace."""
        self._path = path
        self._hash = hashlib.sha256()
        with disk_errors("the list of files"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.fdopen(os.open(path, flags, 0o600), "wb")

    def add(self, found: FileSum) -> None:
        """The next file; paths ascend. Raises OutOfSpace."""
        line = f"{found.sha256}  {found.path}\n".encode()
        self._hash.update(line)
        with disk_errors("the list of files"):
            self._file.write(line)

    def named(self) -> NamedFile:
        """The list itself, once its block has ended."""
        return NamedFile(
            name=self._path.name, sha256=self._hash.hexdigest(), size=self._path.stat().st_size
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                with disk_errors("the list of files"):
                    self._file.flush()
                    synchronise(self._file.fileno())
        finally:
            with disk_errors("the list of files"):
                self._file.close()


def read_sums(path: Path) -> Iterator[FileSum]:
    """A list, line by line. Raises BackupUnusable for a line that is not ours, OutOfSpace."""
    with disk_errors(f"to read {path}"), path.open(encoding="ascii", errors="replace") as file:
        for number, line in enumerate(file, 1):
            found = _LINE.fullmatch(line)
            if found is None:
                raise BackupUnusable(f"{path} is damaged: line {number} is not a file's")
            yield FileSum(sha256=found[1], path=found[2])


class EarlierSums:
    """The hashes of an earlier list, asked for in ascending order of the paths."""

    def __init__(self, path: Path | None) -> None:
        self._lines = read_sums(path) if path else iter(())
        self._next: FileSum | None = next(self._lines, None)

    def take(self, path: str) -> str:
        """The hash of a file; '' where the list does not have it."""
        while self._next is not None and self._next.path < path:
            self._next = next(self._lines, None)
        if self._next is None or self._next.path != path:
            return ""
        return self._next.sha256
