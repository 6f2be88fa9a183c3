"""Files that the disk did not let us remove: removed as soon as it does, not at the next start.

A disk that is read-only for ten seconds leaves hundreds of temporary files otherwise, and their
room is taken until the node is started again.
"""

from __future__ import annotations

import threading
from pathlib import Path

from echonode.store.files.disk import remove

_MOST = 10_000  # remembered; what is beyond is found at the next start


class Leftovers:
    """Of one open store. Thread-safe. Each path is one that nothing else will ever use."""

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
        """Remove what is left. Never raises."""
        with self._mutex:
            paths, self._paths = self._paths, set()
        for path in paths:
            self.remove(path)
