"""Files that the disk refused to remove: removed as soon as it accepts, not at the next start.

A disk that is read-only for ten seconds would otherwise leave hundreds of temporary files, and
their space would be taken until the node is started again.
"""

from __future__ import annotations

import threading
from pathlib import Path

from echonode.store.files.disk import remove

_MOST = 10_000  # remembered; the next start finds the others


class PendingRemovals:
    """The pending removals of one open store. Thread-safe. Nothing else uses these paths again."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._paths: set[Path] = set()

    def remove(self, path: Path) -> None:
        """Remove a file, now or at a later `retry`. Never raises."""
        if remove(path):
            return
        with self._mutex:
            if len(self._paths) < _MOST:
                self._paths.add(path)

    def retry(self) -> None:
        """Remove what is pending. Never raises."""
        with self._mutex:
            paths, self._paths = self._paths, set()
        for path in paths:
            self.remove(path)
