"""The key of the pseudonyms, in data_dir: for the node's user alone, made when it is first needed.

Rules
- Who has the key and a list of Patient IDs can tell who is who: it goes with no copy, and into no
  log. Without it, later copies of the same patient get other pseudonyms, so it is backed up.
- It is written whole or not at all, and on disk before the first copy is made with it.
- In an encrypted store it is a sealed file, as every other (at_rest/); one that an earlier version
  left in plain is sealed when it is read.
- A file that others may read, or of another length, is refused: it is not silently made new.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import open_file
from echonode.at_rest.writing import create_file
from echonode.copies.deidentification.pseudonyms import KEY_BYTES
from echonode.errors import OperatorRefused
from echonode.store.encrypting.sealing import seal_key
from echonode.store.files.disk import fsync_folder
from echonode.store.files.layout import Layout

_ANEW = "restore it from a backup, or remove it to begin with new pseudonyms"


def pseudonym_key(layout: Layout) -> bytes:
    """The key; made where there is none. layout: with the cipher of an encrypted store.

    Raises OperatorRefused, OutOfSpace and OSError.
    """
    path = layout.pseudonyms_key
    try:
        return _read(path, layout.cipher)
    except FileNotFoundError:
        _make(path, layout.cipher)
        return _read(path, layout.cipher)  # another process may have made it a moment before


def _read(path: Path, cipher: FileCipher | None) -> bytes:
    try:
        if cipher is not None:
            seal_key(path, cipher)
        with open_file(path, cipher) as file:
            mode = path.stat().st_mode
            key = file.read(KEY_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OperatorRefused(
            f"{path.name} in data_dir, the key of the pseudonyms, cannot be read "
            f"({error.strerror}): {_ANEW}"
        ) from error
    if stat.S_IMODE(mode) & 0o077:
        raise OperatorRefused(
            f"{path.name} in data_dir, the key of the pseudonyms, may be read by others: "
            f"chmod 600 {path.name}"
        )
    if len(key) != KEY_BYTES:
        raise OperatorRefused(f"{path.name} in data_dir is not a key of {KEY_BYTES} bytes: {_ANEW}")
    return key


def _make(path: Path, cipher: FileCipher | None) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with create_file(part, cipher) as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, path)  # unlike a rename, it never replaces a key
    finally:
        part.unlink(missing_ok=True)
    fsync_folder(path.parent)
