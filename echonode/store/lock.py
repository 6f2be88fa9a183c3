"""One node on one folder: an advisory lock that the kernel drops when its process ends.

The file stays for ever and means nothing by itself: only the lock counts, so a node that was
killed leaves nothing that a person would have to remove.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from echonode.errors import StoreLocked
from echonode.store.disk import disk_errors


class FolderLock:
    """Held from construction to `release`."""

    def __init__(self, path: Path) -> None:
        """Raises StoreLocked when another process (or another Store of this one) holds it.

        OutOfSpace where the folder cannot be written.
        """
        with disk_errors(f"to lock {path.parent}"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise StoreLocked(
                f"another EchoNode runs on {path.parent}: stop it, or give this one a data_dir "
                "of its own"
            ) from None
        except BaseException:
            os.close(self._descriptor)
            raise

    def release(self) -> None:
        """Let the next node in."""
        os.close(self._descriptor)
