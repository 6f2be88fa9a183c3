"""A few megabytes that are kept so that a node can start and work on a full disk.

SQLite needs room before it can do anything: for its WAL and shared memory, and for the first row
that says what was delivered. Without it a full disk could not even be emptied by delivery and
retention, which is the one event that makes room without a person.

Rules
- Several files, not one: their inodes are wanted as well where those have run out.
- Their bytes are random: a file system that compresses would keep nothing of zeros.
- Given up when the database is refused, at the start or at the next look of housekeeping (a start
  may find just enough room to open it); made again when there is plenty.
- Files of instances do not get it as long as the reserve is more than nothing: below the reserve
  none are taken (free_space.py).
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
# It is made only where it is a small part of what is free: it must never be what fills a disk.
PLENTY = 8 * FILES * FILE_BYTES


class Ballast:
    """The ballast of one data_dir. Used by one thread at a time."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.ballast
        self._files = [self._folder / f"{number}.bin" for number in range(FILES)]

    def give_up(self) -> bool:
        """Remove it for the room that it takes; whether there was any."""
        there = [path for path in self._files if path.exists()]
        for path in there:
            remove(path)
        return bool(there)

    def restore(self) -> bool:
        """Make what is missing where there is plenty of room; whether anything was made.

        Raises OutOfSpace, and then nothing half-made stays.
        """
        missing = [path for path in self._files if not path.exists()]
        if not missing:
            return False
        with disk_errors("to measure the disk"):
            room = os.statvfs(self._folder.parent)
        if room.f_bavail * room.f_frsize < PLENTY:
            return False
        make_folder(self._folder)
        for path in missing:
            temporary = path.with_suffix(".part")
            try:
                with disk_errors("ballast"):
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
