"""A few megabytes that are reserved so that a node can start and work on a full disk.

SQLite needs space before it can do anything: for its WAL and shared memory, and for the first row
that records a delivery. Without it, delivery and retention could not free space on a full disk, and
nothing else frees space without a person.

Rules
- Several files (the folder ballast/), not one: their inodes are needed where those have run out.
- Their bytes are random: a file system that compresses would reserve nothing for zeros.
- Removed when the database is refused, at the start or at the next run of housekeeping (a start may
  have just enough space to open it); made again when there is plenty.
- Instance files do not use the space: below the minimum of free space none are accepted
  (free_space.py).
"""

from __future__ import annotations

import os
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.store.files.disk import (
    disk_errors,
    fsync_folder,
    make_folder,
    remove,
    synchronise,
)
from echonode.store.files.layout import Layout

FILES = 4
FILE_BYTES = 2 * 1024 * 1024
# Made only where it is a small part of the free space: it must not be what fills the disk.
PLENTY = 8 * FILES * FILE_BYTES


class DiskReserve:
    """The reserved space of one data_dir. Used by one thread at a time."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.disk_reserve
        self._files = [self._folder / f"{number}.bin" for number in range(FILES)]

    def give_up(self) -> bool:
        """Remove the files; returns whether there were any."""
        there = [path for path in self._files if path.exists()]
        for path in there:
            remove(path)
        return bool(there)

    def restore(self) -> bool:
        """Make missing files where there is plenty of space; returns whether any were made.

        Raises OutOfSpace; then no partial file stays.
        """
        missing = [path for path in self._files if not path.exists()]
        if not missing:
            return False
        with disk_errors("to measure the disk"):
            free = os.statvfs(self._folder.parent)
        if free.f_bavail * free.f_frsize < PLENTY:
            return False
        make_folder(self._folder)
        for path in missing:
            temporary = path.with_suffix(".part")
            try:
                with disk_errors("to reserve space"):
                    _write(temporary, path)
            except OutOfSpace:
                remove(temporary)
                raise
        fsync_folder(self._folder)
        return True


def _write(temporary: Path, path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        view = memoryview(os.urandom(FILE_BYTES))
        while view:
            view = view[os.write(descriptor, view) :]
        synchronise(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
