"""The few system calls that durability depends on, and what their failures mean.

Rules
- Everything that the kernel refuses while we write (ENOSPC, EDQUOT, EIO, EROFS, a folder that is
  gone or not writable) is OutOfSpace: nothing was acknowledged, and the peer may try again later.
- fsync of macOS leaves the bytes in the disk's own cache; F_FULLFSYNC asks the disk to write them
  (fcntl(2) there). Where a file system does not know it, fsync is what there is.
- An fsync that failed is never repeated on the same file: the kernel drops the pages that it could
  not write, and the next fsync reports success. The file is discarded instead.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.system_faults import said_of

# How a file system says that it does not know F_FULLFSYNC; any other error is the disk's.
_NOT_KNOWN = frozenset({errno.ENOTSUP, errno.EINVAL, errno.ENOTTY})


def synchronise(descriptor: int) -> None:
    """Make what was written to a file, or the names in a folder, durable. Raises OSError."""
    full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS
    if full is not None:
        try:
            fcntl.fcntl(descriptor, full)
        except OSError as error:
            if error.errno not in _NOT_KNOWN:
                raise
        else:
            return
    os.fsync(descriptor)


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn an OSError of the block into OutOfSpace; `doing` is for the operator."""
    try:
        yield
    except OSError as error:
        raise OutOfSpace(f"the disk refused {doing}: {said_of(error)}") from error


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OutOfSpace."""
    with disk_errors("to keep a folder"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            synchronise(descriptor)
        finally:
            os.close(descriptor)


def make_folder(folder: Path, *, below: Path | None = None) -> None:
    """Make a folder and those above it, each name durable in the one above. Raises OutOfSpace.

    below: a folder above it that must be there and is never made: where its disk is unmounted or
    it was moved away, what is written would be elsewhere than the operator's disk.
    """
    with disk_errors(f"to look into {folder.parent}"):
        if folder.is_dir():
            return
    if folder.parent != below:
        make_folder(folder.parent, below=below)
    with disk_errors("a new folder"):
        folder.mkdir(mode=0o700, exist_ok=True)
    fsync_folder(folder.parent)


def is_read_only(folder: Path) -> bool:
    """Whether the disk of a folder is mounted read-only. Raises OutOfSpace."""
    with disk_errors(f"to look into {folder}"):
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def rename(source: Path, target: Path) -> None:
    """Move a file within the disk; durable after `fsync_folder(target.parent)`."""
    with disk_errors("to rename a file"):
        source.rename(target)


def move(source: Path, target: Path) -> None:
    """The same where the two may be names of one file already: rename(2) then leaves both."""
    rename(source, target)
    with disk_errors("to rename a file"):
        source.unlink(missing_ok=True)


def link(source: Path, target: Path) -> None:
    """Give a file a second name; durable after `fsync_folder(target.parent)`."""
    with disk_errors("to name a file"):
        target.hardlink_to(source)


def synchronise_content(descriptor: int) -> None:
    """Make the bytes and the size of a file durable, but not its times. Raises OSError."""
    if sys.platform == "darwin":
        synchronise(descriptor)
    else:
        os.fdatasync(descriptor)


def make_private(path: Path) -> None:
    """Make an empty file that only our user may read, whatever the umask. Raises OutOfSpace."""
    with disk_errors("a new file"):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def leave_mark(path: Path) -> None:
    """Make an empty file; it and its name are durable on return. Raises OutOfSpace."""
    with disk_errors("a mark"):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            synchronise(descriptor)
        finally:
            os.close(descriptor)
    fsync_folder(path.parent)


def remove(path: Path) -> bool:
    """Remove a file if it exists; returns whether it is gone. The next start finds what stays."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True
