"""Removes copies that the backup does not name any more: what the node deleted since.

Rules
- After the manifest is in place, never before: until then the backup before names them.
- Only files of our form, in folders of our form. A run that is interrupted here leaves copies that
  the next one removes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from echonode.store.backup.file_sums import (
    EarlierSums,
    instance_path,
    lines_path,
    quarantine_path,
)
from echonode.store.backup.folder import BackupFolder
from echonode.store.files.disk import disk_errors, remove
from echonode.store.files.kept_lines import is_lines_name
from echonode.store.files.layout import file_id_of


def prune(folder: BackupFolder, sums: Path) -> int:
    """Remove the copies that the list does not have; how many. Raises OutOfSpace."""
    named = EarlierSums(sums)
    removed = 0
    for path in _copies(folder):
        if not named.take(path):
            removed += remove(folder.root / path)
    return removed


def _copies(folder: BackupFolder) -> Iterator[str]:
    """The paths of all copies, ascending."""
    instances = folder.layout.instances
    for first in _names(instances):
        for second in _names(instances / first):
            for name in _names(instances / first / second):
                file_id = file_id_of(Path(name))
                if file_id is not None and file_id.startswith(first + second):
                    yield instance_path(file_id)
    for name in _names(folder.lines):
        if is_lines_name(name):
            yield lines_path(name)
    for name in _names(folder.layout.quarantine):
        if (file_id := file_id_of(Path(name))) is not None:
            yield quarantine_path(file_id)


def _names(folder: Path) -> list[str]:
    with disk_errors(f"to list {folder}"):
        return sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208  # names: a million Paths would cost seconds
