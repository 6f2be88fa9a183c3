"""Files of objects on this machine: fetched when they are read, removed when there are too many.

Rules
- A file is in the cache only when it is whole: what was fetched is compared with the hash of its
  row, and then gets its name. Nothing here is made durable: the object is the instance.
- What was used least lately goes first. What was used within IN_USE_S stays, whatever the limit: a
  reader that has the path opens it within that time, and what is open can be read to its end.
- Two readers of one file fetch it once.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from echonode.errors import Damaged
from echonode.store.files.disk import disk_errors, make_folder, remove, rename
from echonode.store.files.file_meta import zero_preamble
from echonode.store.files.layout import Layout, file_id_of

IN_USE_S = 600.0  # a C-MOVE of thousands lists its files well before it opens the last


class FileCache:
    """The cache in one folder, laid out as the instances of a data_dir. Thread-safe.

    limit: bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        """Finds what an earlier run left. Raises OutOfSpace."""
        self._layout = Layout(folder.absolute())
        self._limit = limit
        self._mutex = threading.Lock()
        self._fetching: dict[str, threading.Lock] = {}
        for each in (self._layout.instances, self._layout.incoming):
            make_folder(each)
        for part in self._layout.incoming.glob("*.part"):
            remove(part)
        self._sizes, self._used = self._found()
        self._total = sum(self._sizes.values())

    def _found(self) -> tuple[dict[str, int], dict[str, float]]:
        """File id -> bytes, and when it was used: of what is there, as if long ago."""
        sizes: dict[str, int] = {}
        found: list[tuple[float, str]] = []
        with disk_errors("to list the cache"):
            for path in self._layout.instances.glob("??/??/*.dcm"):
                if (file_id := file_id_of(path)) is not None:
                    status = path.stat()
                    sizes[file_id] = status.st_size
                    found.append((status.st_mtime, file_id))
        long_ago = time.monotonic() - IN_USE_S
        return sizes, {file_id: long_ago for _, file_id in sorted(found)}

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._total

    def path(self, file_id: str) -> Path:
        """Where the file is, or would be."""
        return self._layout.instance_file(file_id)

    def use(self, file_id: str) -> Path | None:
        """The file, which stays for IN_USE_S at least; None where it is not here."""
        with self._mutex:
            if file_id not in self._sizes:
                return None
            self._used.pop(file_id, None)
            self._used[file_id] = time.monotonic()
        path = self.path(file_id)
        if path.exists():
            return path
        self.forget(file_id)  # a person has emptied the folder
        return None

    def take(self, file_id: str, file: Path) -> Path:
        """A whole file becomes part of the cache; on any disk. Raises OutOfSpace."""
        path = self.path(file_id)
        with disk_errors("a file in the cache"):
            size = file.stat().st_size
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        rename(file, path)
        with self._mutex:
            self._total += size - self._sizes.get(file_id, 0)
            self._sizes[file_id] = size
            self._used.pop(file_id, None)
            self._used[file_id] = time.monotonic()
        self._make_room()
        return path

    def fetch(
        self, file_id: str, pieces: Iterable[bytes], *, size: int, dataset_offset: int, sha256: str
    ) -> Path:
        """Write what was fetched, compare it with the hash of its dataset, and take it.

        Raises Damaged for other bytes, and what `pieces` raises.
        """
        part = self._layout.new_incoming_file()
        hashing, skipped, written = hashlib.sha256(), dataset_offset, 0
        try:
            with disk_errors("a file in the cache"):
                descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for piece in pieces:
                    with disk_errors("the bytes of a file in the cache"):
                        file.write(piece)
                    written += len(piece)
                    hashing.update(piece[skipped:])
                    skipped = max(0, skipped - len(piece))
            if sha256 and (written, hashing.hexdigest()) != (size, sha256):
                raise Damaged("the object storage returned other bytes than were stored")
            with disk_errors("a file in the cache"):
                zero_preamble(part)  # no row has its hash, and it may be a program
            return self.take(file_id, part)
        finally:
            remove(part)

    @contextmanager
    def alone(self, file_id: str) -> Iterator[None]:
        """One thread fetches a file; others wait, and then find it."""
        with self._mutex:
            lock = self._fetching.setdefault(file_id, threading.Lock())
        try:
            with lock:
                yield
        finally:
            with self._mutex:
                if not lock.locked():  # one that comes just now fetches once more
                    self._fetching.pop(file_id, None)

    def forget(self, file_id: str) -> None:
        """Remove a file that is no instance any more, or never was."""
        with self._mutex:
            self._total -= self._sizes.pop(file_id, 0)
            self._used.pop(file_id, None)
            remove(self.path(file_id))

    def _make_room(self) -> None:
        """Remove what was not used for longest, down to the limit."""
        before = time.monotonic() - IN_USE_S
        while True:
            with self._mutex:
                oldest = next(iter(self._used), None)
                if self._total <= self._limit or oldest is None or self._used[oldest] > before:
                    return
                self._total -= self._sizes.pop(oldest, 0)
                self._used.pop(oldest)
                remove(self.path(oldest))
