"""What a stop left in the pool (files/pool.py says which states there are).

The order, so that a start that is interrupted at any step goes on with the next:
1. Each file that has no name below instances/ is read: one whose seal is whole, and whose dataset
   is what the seal says, gets that name again; all else is removed. None of it was acknowledged.
2. The folders of the names are synchronised.
3. The folders are compared with their rows (recovery.py): a file without a row is taken in as the
   instance that it was, and one whose deletion had begun is deleted.
4. The names in the pool are removed, and the pool is synchronised.

A file that the disk does not return now stays in the pool: the next start reads it again.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from echonode.at_rest.file_cipher import Altered
from echonode.at_rest.reading import open_file
from echonode.errors import InvalidObject, OutOfSpace
from echonode.store.files.disk import disk_errors, fsync_folder, link, make_folder, remove
from echonode.store.files.layout import Layout, file_id_of
from echonode.store.index.dataset_header import read_stored_head

_READINGS = 2  # before a file is held for torn


class PooledFiles:
    """Of one start; steps 1 and 2 are `bring_back`, 4 is `end`."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._brought: list[str] = []  # file ids
        self.removed = 0  # files with a part of a dataset
        self.unread: list[str] = []  # file ids

    def bring_back(self) -> set[str]:
        """The folders (first four characters of an id) in which files have names again.

        Raises OutOfSpace.
        """
        for path in _files_in(self._layout.pool):
            file_id = file_id_of(path)
            if file_id is None:
                remove(path)
                continue
            try:
                self._bring_back(file_id, path)
            except OutOfSpace:
                if not path.exists():
                    raise
                self.unread.append(file_id)
        folders = {file_id[:4] for file_id in self._brought}
        for folder in folders:
            fsync_folder(self._layout.instance_folder(folder))
        return folders

    def _bring_back(self, file_id: str, path: Path) -> None:
        target = self._layout.instance_file(file_id)
        if not target.exists():
            with disk_errors("to read a file"):
                is_empty = path.stat().st_size == 0
            if is_empty or not self._is_whole(path):
                remove(path)
                self.removed += not is_empty
                return
            make_folder(target.parent, below=self._layout.instances)
            link(path, target)
        self._brought.append(file_id)

    def _is_whole(self, path: Path) -> bool:
        """Whether its seal is whole and its dataset is what the seal says. Raises OutOfSpace."""
        return any(self._is_whole_once(path) for _ in range(_READINGS))

    def _is_whole_once(self, path: Path) -> bool:
        try:
            return self._is_as_sealed(path)
        except OutOfSpace as error:
            if isinstance(error.__cause__, Altered):  # of an encrypted store: torn as well
                return False
            raise

    def _is_as_sealed(self, path: Path) -> bool:
        cipher = self._layout.cipher
        try:
            head = read_stored_head(path, cipher)
        except InvalidObject:
            return False
        if head.seal is None:
            return False
        with disk_errors("to read a file"), open_file(path, cipher) as file:
            length = file.size - head.dataset_offset
            file.seek(head.dataset_offset)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return (head.seal.dataset_sha256, head.seal.dataset_length) == (digest, length)

    def end(self) -> None:
        """What was brought back has its row. Raises OutOfSpace."""
        for file_id in self._brought:
            remove(self._layout.pool_file(file_id))
        if self._brought:
            fsync_folder(self._layout.pool)
        self._brought.clear()


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    with disk_errors("to list the pool"):
        return [folder / name for name in sorted(os.listdir(folder))]  # noqa: PTH208  # names
