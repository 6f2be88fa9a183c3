"""Scan lines that are kept with an image: one file of arrays for each, in lines/ of data_dir.

Rules
- A file is whole and on disk, under its name, before its image is committed. What an end in between
  left is removed at the next start, once the index is known to be whole.
- Names are hashes of UIDs (layout.py: no value from the wire is part of a path); the UID stands in
  the file.
- They go when their image is deleted. They are no instance: no peer asks for them, no archive gets
  them, and no exam's correction changes them, for they name no patient.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import buffered
from echonode.at_rest.writing import create_file
from echonode.store.files.disk import disk_errors, fsync_folder, make_folder, synchronise

OpenLines = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file of arrays (numpy's .npz)."""

FOLDER = "lines"  # in data_dir, and in a backup
_NAME = re.compile(r"[0-9a-f]{32}\.npz")
_UID = "sop_instance_uid"


def is_lines_name(name: str) -> bool:
    """Whether a file of the folder is one of lines that is whole."""
    return _NAME.fullmatch(name) is not None


class KeptLines:
    """The folder; made at the first capture. Thread-safe."""

    def __init__(self, data_dir: Path, cipher: FileCipher | None = None) -> None:
        """cipher: seals them."""
        self._folder = data_dir / FOLDER
        self._cipher = cipher
        # Names that this run wrote, until what an earlier run left is gone. By their times, a clock
        # that is set back would make files of this run older than its start.
        self._written: set[str] | None = set()

    def write(self, uid: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Durable when it returns; the same again is written again. Raises OutOfSpace."""
        make_folder(self._folder, below=self._folder.parent)
        path = self._path(uid)
        part = path.with_suffix(".part")
        if (written := self._written) is not None:
            written |= {path.name, part.name}
        with disk_errors("to keep scan lines"):
            try:
                part.unlink(missing_ok=True)
                with create_file(part, self._cipher) as file:
                    np.savez(file, allow_pickle=False, **{_UID: np.array(uid), **arrays})
                    file.flush()
                    synchronise(file.fileno())
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        fsync_folder(self._folder)

    def lines_of(self, uid: str) -> OpenLines | None:
        """What opens the file of an instance; None where none was kept."""
        path = self._path(uid)
        return partial(buffered, path, self._cipher) if path.is_file() else None

    def forget(self, uids: Iterable[str]) -> None:
        """Of instances that were deleted. Raises OSError."""
        for uid in uids:
            self._path(uid).unlink(missing_ok=True)

    def remove_orphans(self, is_known: Callable[[str], bool]) -> int:
        """What an earlier run left without an image; how many. Raises OSError. Once in a run.

        is_known: whether the index has an instance, by its SOP Instance UID.
        """
        written, removed = self._written, 0
        if written is None:
            return 0
        for path in list(self._folder.iterdir()) if self._folder.is_dir() else ():
            if path.name in written:
                continue  # its image may be on its way
            if path.suffix == ".part" or not is_known(self._uid_in(path)):
                path.unlink(missing_ok=True)
                removed += 1
        self._written = None
        return removed

    def _uid_in(self, path: Path) -> str:
        """The UID in a file; '' where it is not one of ours."""
        try:
            with buffered(path, self._cipher) as file, np.load(file, allow_pickle=False) as arrays:
                return str(arrays[_UID])
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return ""

    def _path(self, uid: str) -> Path:
        return self._folder / f"{hashlib.sha256(uid.encode()).hexdigest()[:32]}.npz"
