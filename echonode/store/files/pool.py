"""A pool of empty files whose names are durable: what comes from a peer is written into one.

An instance is then durable with one synchronisation, that of its own bytes: the file has a name
that a power cut leaves, and its seal (seal.py) says all that its row says. Its name below
instances/ and its row are there at once for every reader, and durable a moment later, together
with those of others (`settle`).

States of a file
- free: pool/ID.pooled is empty, and its name durable.
- being written: it has a part of a dataset, and a seal that is blank. Nothing was acknowledged.
- sealed: its bytes and its seal are durable. From here on a start takes it in.
- named: instances/ab/cd/ID.dcm is a second name of it (a link), which may be lost in a power cut.
- ended: its transaction has been committed, and may be lost as well; or it was refused or a
  duplicate, both names were removed, and either may come back.
- settled: name and row are durable, or both names are gone durably; pool/ID.pooled is
  removed.

Invariants
1. A file that was acknowledged always has a durable name: the one in the pool until the other one
   is durable. Nothing is renamed: of a rename a power cut may leave neither name.
2. A name below instances/ is given to a sealed file only. What is in the pool alone is taken in if
   its seal is whole and its dataset is what the seal says, and is removed otherwise.
3. Of one SOP Instance UID at most one file is between "sealed" and "settled": the next one under
   that UID waits, and settles it first (`alone`). So a start that finds two files under one UID
   finds the row of the one that was first.
4. Before anything is deleted, all that has ended is settled (deletion.py): what a power cut brings
   back is never something that was deleted.
5. At most SIZE files are free, and a new lot of them is made only when the last has settled; in a
   running node the journal settles twice a second (journal.py). So many files a start may read.

Where a folder refuses to be synchronised, its files keep their names in the pool until the next
start; their rows are durable. Of what was refused there its UID is in doubt: what comes under it
gets a durable row before it is acknowledged.

On a file system without links there is no pool, nor in object storage or on a PostgreSQL server:
there each file is written in incoming/, renamed, and its folder synchronised.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from echonode.errors import OutOfSpace
from echonode.store.files.disk import disk_errors, fsync_folder, link, make_private, remove
from echonode.store.files.layout import FileIds, Layout

SIZE = 64
# What a file system says that has no links (link(2)); any other error is the disk's refusal.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


@dataclass(frozen=True)
class _Ended:
    file_id: str
    kept: bool

    @property
    def folder(self) -> str:
        """What its id begins with: of its name below instances/."""
        return self.file_id[:4]


class IncomingPool:
    """Thread-safe. keep_rows: makes every row that was committed durable; raises OutOfSpace."""

    def __init__(
        self,
        layout: Layout,
        ids: FileIds,
        *,
        keep_rows: Callable[[], None],
        is_used: bool,
    ) -> None:
        self._layout, self._ids = layout, ids
        self._keep_rows = keep_rows
        self._is_used, self._is_tried = is_used, False
        self._changed = threading.Condition()
        self._settling = threading.Lock()
        self._free: list[str] = []
        self._under_way: set[str] = set()  # SOP Instance UIDs
        self._ended: dict[str, _Ended] = {}  # by SOP Instance UID
        self._doubted: set[str] = set()  # SOP Instance UIDs

    def take(self) -> str:
        """The id of a free file, the caller's alone from now on; '' where there is no pool.

        Raises OutOfSpace.
        """
        while self._is_used:
            with self._changed:
                if self._free:
                    return self._free.pop()
            self._fill()
        return ""

    def _fill(self) -> None:
        with self._settling:
            if self._free or not self._is_used:
                return
            if not self._is_tried:
                self._is_used, self._is_tried = self._can_link(), True
                if not self._is_used:
                    return
            self._settle()
            made = [self._ids.new() for _ in range(SIZE)]
            try:
                for file_id in made:
                    make_private(self._layout.pool_file(file_id))
                fsync_folder(self._layout.pool)
            except OutOfSpace:
                for file_id in made:
                    remove(self._layout.pool_file(file_id))
                raise
            with self._changed:
                self._free += made

    def _can_link(self) -> bool:
        """Whether a file may have two names here. Raises OutOfSpace."""
        one, other = self._layout.pool / "trial", self._layout.pool / "trial.second"
        try:
            remove(other)
            make_private(one)
            with disk_errors("to name a file"):
                try:
                    other.hardlink_to(one)
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
                    return False
            return True
        finally:
            remove(one)
            remove(other)

    @property
    def is_used(self) -> bool:
        """Whether files are taken from it, as far as is known."""
        return self._is_used

    @contextmanager
    def alone(self, sop_instance_uid: str) -> Iterator[None]:
        """Of this UID no other file is between "sealed" and "settled" in the block.

        Raises OutOfSpace where an earlier one cannot be settled.
        """
        with self._changed:
            self._changed.wait_for(lambda: sop_instance_uid not in self._under_way)
            self._under_way.add(sop_instance_uid)
            is_known = sop_instance_uid in self._ended
        try:
            if is_known:
                self.settle()
            yield
        finally:
            with self._changed:
                self._under_way.remove(sop_instance_uid)
                self._changed.notify_all()

    def name(self, file_id: str) -> None:
        """A sealed file gets its name below instances/. Raises OutOfSpace."""
        link(self._layout.pool_file(file_id), self._layout.instance_file(file_id))

    def ended(self, sop_instance_uid: str, file_id: str, *, kept: bool) -> None:
        """What was to become of it is known; within `alone`.

        kept: whether a row names it; else both names are removed, and one that the disk did not
        remove leaves its UID in doubt.
        """
        if not self._is_used:
            return
        if not kept:
            remove(self._layout.pool_file(file_id))
            if self._is_there(file_id):
                self.doubt(sop_instance_uid)
        with self._changed:
            self._ended[sop_instance_uid] = _Ended(file_id, kept)

    def _is_there(self, file_id: str) -> bool:
        names = (self._layout.pool_file(file_id), self._layout.instance_file(file_id))
        return any(os.path.lexists(name) for name in names)

    def doubt(self, sop_instance_uid: str) -> None:
        """There may be a file of this UID without a row; the next start will find it."""
        self._doubted.add(sop_instance_uid)

    def is_doubted(self, sop_instance_uid: str) -> bool:
        """Whether what comes under this UID needs a durable row before it is acknowledged."""
        return sop_instance_uid in self._doubted

    def settle(self) -> None:
        """All that has ended is as durable as it will be. Raises OutOfSpace."""
        if self._ended:
            with self._settling:
                self._settle()

    def _settle(self) -> None:
        with self._changed:
            ended = dict(self._ended)
        if not ended:
            return
        refused = self._folders_refused(ended.values())
        self._keep_rows()
        for uid, each in ended.items():
            if each.folder not in refused:
                remove(self._layout.pool_file(each.file_id))
            elif not each.kept:
                self.doubt(uid)
        fsync_folder(self._layout.pool)
        with self._changed:
            for uid, each in ended.items():
                if self._ended.get(uid) is each:
                    del self._ended[uid]

    def _folders_refused(self, ended: Iterable[_Ended]) -> set[str]:
        """Make the folders durable that files were named in; those that the disk refused."""
        refused: set[str] = set()
        for folder in {each.folder for each in ended}:
            try:
                fsync_folder(self._layout.instance_folder(folder))
            except OutOfSpace:
                refused.add(folder)
                self._ids.leave_folder()
        return refused

    def forget_free(self) -> None:
        """The free names went away with their folder."""
        with self._changed:
            self._free.clear()

    def forget(self, file_id: str) -> None:
        """Remove a name that stayed in the pool; of a file that is deleted."""
        remove(self._layout.pool_file(file_id))

    def close(self) -> None:
        """Nothing is taken any more; what was free is removed. Raises OutOfSpace."""
        if not self._is_used:
            return
        with self._changed:
            free, self._free = self._free, []
            self._is_used = False
        for file_id in free:
            remove(self._layout.pool_file(file_id))
        self.settle()
