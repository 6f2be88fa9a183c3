"""The mark that the database was found damaged while the node used it.

Rules
- The mark is a file in the data folder: it is durable at once, and the damage cannot reach it.
- A page that is damaged may be written as well as read: the node goes on with what it can read, is
  not ready, and reports it until it is started again. That start checks everything (opening.py) and
  clears the mark.
- Where the disk refuses the mark, the next damage tries again. A stop after damage is not marked as
  orderly, so the next start checks at least the pages.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from echonode.errors import OutOfSpace
from echonode.store.files.disk import leave_mark, remove
from echonode.store.files.layout import Layout


class CorruptionMarker:
    """True once this process found the database damaged. Thread-safe."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.corruption_mark
        self._found = threading.Event()

    def __bool__(self) -> bool:
        return self._found.is_set()

    @property
    def is_on_disk(self) -> bool:
        """Whether the mark exists: this process or an earlier one found damage."""
        return self._path.exists()

    def mark_corrupt(self) -> None:
        """The database is damaged, from now on and after a restart. Does not raise."""
        self._found.set()
        if not self.is_on_disk:
            with suppress(OutOfSpace):
                leave_mark(self._path)

    def clear(self) -> None:
        """The database was checked or replaced; a mark that stays costs only another check."""
        remove(self._path)
