"""Which stored files there are, folder by folder, and which of them may be another node's.

Files are listed a folder of the first level at a time: a 256th of all. Names that are not ours are
skipped.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import reading
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout, file_id_of
from echonode.store.files.placing import remote_files

SETTLED_S = 24 * 3600.0  # a COMMIT takes seconds, and a frozen node is never frozen for a day
_FOLDERS = frozenset(f"{number:02x}" for number in range(256))
_instance = schema.instance.c


class Listing:
    """The files of a store, by folder.

    is_shared: whether other nodes write into the same folder.
    """

    def __init__(
        self,
        layout: Layout,
        readers: sa.Engine,
        *,
        is_shared: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._layout = layout
        self._readers = readers
        self._is_shared = is_shared
        self._now = now

    def folder_after(self, done: str) -> str | None:
        """The first folder after `done` that has files or rows; None: no more. '' begins."""
        after = f"{done}g" if done else ""  # no id has a g
        with reading(self._readers) as connection:
            row = connection.scalar(
                sa.select(sa.func.min(_instance.file_id)).where(_instance.file_id > after)
            )
        names = _FOLDERS if self._layout.remote is not None else _names(self._layout.instances)
        ours = [name for name in names if name in _FOLDERS]
        found = [name for name in ours if name > done]
        return min([*found, *([row[:2]] if row is not None else [])], default=None)

    def files(self, folder: str, *, young_too: bool) -> Iterator[str]:
        """The ids of what lies in a folder. Of object storage, what is too young is left out, as it
        may be another node's whose rows are not durable yet, unless `young_too`.
        """
        if self._layout.remote is None:
            yield from files_under(self._layout, folder)
            return
        before = self._now() - timedelta(seconds=SETTLED_S)
        for file_id, since in remote_files(self._layout, folder):
            if young_too or since < before or self._has_row(file_id):
                yield file_id

    def is_settled(self, file_id: str) -> bool:
        """Whether no node is between this file's rename and its COMMIT; False where it is gone."""
        if self._layout.remote is not None or not self._is_shared():
            return True  # `files` has left out what is younger
        try:
            written = self._layout.instance_file(file_id).stat().st_mtime
        except OSError:
            return False
        return time.time() - written > SETTLED_S

    def _has_row(self, file_id: str) -> bool:
        with reading(self._readers) as connection:
            found = sa.select(_instance.id).where(_instance.file_id == file_id)
            return connection.scalar(found) is not None


def files_under(layout: Layout, prefix: str) -> Iterator[str]:
    """The ids of the instance files whose ids begin with `prefix`, of two or four characters.

    Names that are not ours are skipped.
    """
    outer = layout.instances / prefix[:2]
    for name in sorted(_names(outer)):
        if len(name) != 2 or not (prefix[:2] + name).startswith(prefix):
            continue
        for each in _names(outer / name):
            file_id = file_id_of(Path(each))
            if file_id is not None and file_id.startswith(prefix[:2] + name):
                yield file_id


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with disk_errors("to list a folder"):
        return os.listdir(folder)  # noqa: PTH208  # names: a million Paths would cost seconds
