"""One node on one folder: an advisory lock that the kernel drops when its process ends.

Rules
- The file stays and means nothing by itself: only the lock counts. A node that was killed leaves
  nothing that a person has to remove.
- Deleting the file does not admit a second node. The lock is on the inode, so before each
  transaction the path is compared with the locked file (`check`). A file that is gone is made and
  locked again; where another node did so first, this one writes nothing more, even after the other
  has stopped: its knowledge of the store may be outdated.
- flock is a promise of the local kernel. On NFS it depends on server and mount options, and two
  machines may both get the lock: data_dir belongs on a local disk.
"""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from pathlib import Path

from echonode.errors import OutOfSpace, RestoreUnfinished, StoreLocked
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout

_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class FolderLock:
    """Held from construction to `release`. Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Raises StoreLocked when another process (or another Store of this one) holds it.

        OutOfSpace where the folder cannot be read, or has no lock and cannot be written.
        """
        self._path = path
        self._mutex = threading.Lock()
        self._lost = False
        self._descriptor = _locked(path)

    def check(self) -> None:
        """Raises OutOfSpace where another node has locked the folder since."""
        if not self._lost and self._is_in_place():
            return
        with self._mutex:
            if not self._lost and not self._is_in_place():
                self._take_again()
            if self._lost:
                raise OutOfSpace(
                    "the file `lock` was removed and another EchoNode runs on this data_dir: stop "
                    "one of them, and start the other again"
                )

    def _take_again(self) -> None:
        try:
            before, self._descriptor = self._descriptor, _locked(self._path)
        except StoreLocked:
            self._lost = True
        else:
            os.close(before)

    def release(self) -> None:
        """Release the lock; another node may take it."""
        os.close(self._descriptor)

    def _is_in_place(self) -> bool:
        try:
            there, ours = os.stat(self._path), os.fstat(self._descriptor)  # noqa: PTH116
        except FileNotFoundError:
            return False
        except OSError:  # a folder that cannot be read says nothing
            return True
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def lock_for_node(layout: Layout) -> FolderLock:
    """The lock of a data_dir that a node starts on.

    Raises what FolderLock raises; RestoreUnfinished where a restore has not come to its end.
    """
    lock = FolderLock(layout.lock)
    if layout.restore_mark.exists():
        lock.release()
        raise RestoreUnfinished(
            f"a backup is being restored into {layout.data_dir}, or that was interrupted: run "
            "`echonode restore` again until it is done"
        )
    return lock


def _locked(path: Path) -> int:
    """A descriptor of the file, with its lock. Raises StoreLocked, OutOfSpace."""
    with disk_errors(f"to lock {path.parent}"):
        descriptor = _opened(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreLocked(
            f"another EchoNode runs on {path.parent}: stop it, or give this one a data_dir "
            "of its own"
        ) from None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _READ_ONLY or not path.exists():
            raise
        # flock needs no permission to write: a store on a read-only disk can be locked too.
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
