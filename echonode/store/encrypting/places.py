"""The files of a data_dir that are sealed one by one, and what only a person may decide on.

Databases are not among them: SQLCipher encrypts those (databases.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import PSEUDONYMS_KEY, Layout

_SEALED = (
    ("instances", "*/*/*.dcm"),
    ("quarantine", "*.dcm"),
    ("deleted", "*.dcm"),
    ("lines", "*.npz"),
    ("audit/inbox", "*.json"),
    ("audit/inbox", "*.unreadable"),
    (".", PSEUDONYMS_KEY),
)
# Databases that were set aside as damaged, and copies that a person made of one.
_LEFT = ("damaged-*.sqlite*", "index*.sqlite*", "audit/audit.damaged-*")


def files_of(layout: Layout) -> Iterator[Path]:
    """Each file that is sealed, whether it is yet or not. Raises OutOfSpace."""
    for folder, pattern in _SEALED:
        with disk_errors(f"to list {folder}"):
            yield from sorted((layout.data_dir / folder).glob(pattern))


def left_in_plain(layout: Layout) -> list[Path]:
    """Files with patients' data that are of no use to the node: a person removes them."""
    ours = {layout.database.name + ending for ending in ("", "-wal", "-shm", "-journal")}
    with disk_errors("to list the folder"):
        return sorted(
            path
            for pattern in _LEFT
            for path in layout.data_dir.glob(pattern)
            if path.name not in ours
        )
