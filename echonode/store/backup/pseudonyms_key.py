"""The key of the pseudonyms in a backup: without it later copies would not fit earlier ones."""

from __future__ import annotations

from pathlib import Path

from echonode.at_rest.reading import is_sealed
from echonode.at_rest.writing import create_file
from echonode.errors import BackupUnusable, Damaged
from echonode.store.backup.file_copy import copy_file
from echonode.store.files.disk import disk_errors, fsync_folder, rename, synchronise
from echonode.store.files.layout import Layout


def copy_pseudonyms_key(layout: Layout, part: Path, target: Path) -> bool:
    """Copy it durably, by way of `part`; whether there is one.

    It is copied as it lies. Of an encrypted store the copy is sealed, also where an earlier version
    left the key in plain. Raises BackupUnusable, OutOfSpace.
    """
    path = layout.pseudonyms_key
    try:
        if layout.cipher is None or is_sealed(path):
            copy_file(path, part, target)
            return True
        key = path.read_bytes()
    except FileNotFoundError:
        return False
    except (Damaged, OSError) as error:
        raise BackupUnusable(f"{path}: {error}") from error
    with disk_errors(f"a file in {part.parent}"), create_file(part, layout.cipher) as file:
        file.write(key)
        file.flush()
        synchronise(file.fileno())
    rename(part, target)
    fsync_folder(target.parent)
    return True
