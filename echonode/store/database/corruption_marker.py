"""Whether the database was found damaged while the node used it.

Rules
- The mark is a file beside the database: it is durable at once, and the damage cannot reach it.
- Damage in a page that is read today may be written about tomorrow: the node goes on with what can
  be read, is not ready, and says so until it is started again. That start checks everything
  (opening.py), and settles the doubt one way or the other.
- Where the disk refuses the mark, the next damage tries again; and a stop in doubt is not marked as
  orderly, so that the next start at least checks the pages.
"""

from __future__ import annotations

import threading
from contextlib import suppress

from echonode.errors import OutOfSpace
from echonode.store.files.disk import leave_mark, remove
from echonode.store.files.layout import Layout


class IndexDoubt:
    """The doubt in the database of one open store. Thread-safe."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._arisen = threading.Event()

    def __bool__(self) -> bool:
        return self._arisen.is_set()

    def arise(self) -> None:
        """The database was found damaged: from now on, and over a restart, it is in doubt."""
        self._arisen.set()
        if not was_doubted(self._layout):
            with suppress(OutOfSpace):
                leave_mark(self._layout.doubt)


def was_doubted(layout: Layout) -> bool:
    """Whether the mark is there."""
    return layout.doubt.exists()


def settle_doubt(layout: Layout) -> None:
    """The database is sound, or another one; a mark that comes back costs another check."""
    remove(layout.doubt)
