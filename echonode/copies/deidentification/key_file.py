"""The key of the pseudonyms, in data_dir: for the node's user alone, made when it is first needed.

Rules
- Who has the key and a list of Patient IDs can tell who is who: it goes with no copy, and into no
  log. Without it, later copies of the same patient get other pseudonyms, so it is backed up.
- It is written whole or not at all, and on disk before the first copy is made with it.
- A file that others may read, or of another length, is refused: it is not silently made new.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from echonode.copies.deidentification.pseudonyms import KEY_BYTES
from echonode.errors import OperatorRefused
from echonode.store.backup.folder import PSEUDONYMS_KEY

KEY_NAME = PSEUDONYMS_KEY


def pseudonym_key(data_dir: Path) -> bytes:
    """The key; made where there is none. Raises OperatorRefused and OSError."""
    path = data_dir / KEY_NAME
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
        return _read(path)  # another process may have made it a moment before


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        key = file.read(KEY_BYTES + 1)
    if stat.S_IMODE(mode) & 0o077:
        raise OperatorRefused(
            f"{path.name} in data_dir, the key of the pseudonyms, may be read by others: "
            f"chmod 600 {path.name}"
        )
    if len(key) != KEY_BYTES:
        raise OperatorRefused(
            f"{path.name} in data_dir is not a key of {KEY_BYTES} bytes: restore it from a backup, "
            "or remove it to begin with new pseudonyms"
        )
    return key


def _make(path: Path) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, path)  # unlike a rename, it never replaces a key
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
