"""The durable store: its parts, and how they are opened and closed.

What is promised
- What `files.commit` returned for survives a kill or a power cut: the bytes, the index row and the
  deliveries, all or none. The same holds for every method that changes a state: it is durable on
  return. Nothing is acknowledged before (PS3.4 B.2.3: success means stored).
- One SOP Instance UID, one instance: the first. The same bytes again are a success that changes
  nothing, once the first's file was read and found whole; if it is damaged or gone, the new file
  takes its place. Other bytes go to quarantine.
- States change only by the tables of model.delivery and model.commitment.
- Only `retention.recycle` deletes instances, by the rules of policy.py.
- A failure of the disk is OutOfSpace, and the store can be used again as soon as the disk can.
- No value from the wire is part of a path or of SQL text.

Not promised: that two processes may write (a lock refuses the second), that two threads use one
Incoming, or that a callback of `on_delivery_due` may take long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import Damaged, OutOfSpace
from echonode.store.database.connections import RefusingWriter
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.counters import next_value
from echonode.store.database.file_size import make_shrinkable
from echonode.store.database.opening import (
    Opened,
    mark_orderly_stop,
    open_on_any_disk,
    open_writer,
    set_aside,
)
from echonode.store.database.postgres_opening import open_on_server
from echonode.store.files.database_key import with_keys
from echonode.store.files.durability import Durability, Kind
from echonode.store.files.incoming_file import Incoming
from echonode.store.files.layout import Layout
from echonode.store.files.lock import FolderLock, lock_for_node
from echonode.store.files.reserve import DiskReserve
from echonode.store.index.refresh import IndexRefresh, RefreshReport
from echonode.store.ingest.ingest import check_bytes
from echonode.store.journal.restoring import Restoring
from echonode.store.objects.bucket import ObjectsAt
from echonode.store.objects.opening import opened_storage
from echonode.store.parts import StoreParts
from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.recovery.orphans import AdoptionPlan
from echonode.store.recovery.place import settle_place
from echonode.store.values import CheckBytes

__all__ = ["Incoming", "ReadOnlyStore", "Store", "utc_now"]


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


class Store(StoreParts):
    """The store of one node, opened. Thread-safe; its parts are those of StoreParts."""

    @classmethod
    def open(
        cls,
        data_dir: Path,
        *,
        now: Callable[[], datetime] = utc_now,
        adopt_to: Sequence[str] = (),
        forward_to: Mapping[str, Sequence[str]] = MappingProxyType({}),
        check_bytes: CheckBytes = check_bytes,
        on_adopted: Callable[[int], None] = lambda count: None,
        recover_later: bool = False,
        waiting_prefix: str = "",
        index_url: str = "",
        objects: ObjectsAt | None = None,
        node: str = "",
        cipher: FileCipher | None = None,
    ) -> Store:
        """Lock the folder, bring the database up to date, and repair what the last stop left.

        adopt_to, forward_to, on_adopted: see AdoptionPlan. check_bytes: raises Damaged when an
        instance's bytes have changed (replaced in tests). recover_later: what may wait is left to
        `recovery.step` (recovery.py says what may). waiting_prefix: what the Patient ID of our
        captures begins with that wait for their patient; such a file that is found after the
        database was lost waits in an exam of its own. index_url: of the database on a PostgreSQL
        server; '' the file in data_dir. objects: the object storage that has the instances; None:
        they are files in data_dir. node: the name of one of several nodes on one database.
        cipher: the keys of a store that is encrypted; a new one is made so. On a
        full disk the reserve is removed; where the disk still cannot be written, an existing store
        is opened for reading only (`unwritable`). Raises StoreLocked, SchemaTooNew,
        RestoreUnfinished; ConfigError where the folder cannot be used; OutOfSpace where there is no
        store to read.
        """
        layout, lock = _locked(data_dir, node, objects, cipher)
        durability = Durability(layout)
        plan = AdoptionPlan(adopt_to=adopt_to, forward_to=forward_to, on_adopted=on_adopted)

        store_with = partial(
            cls,
            layout,
            lock,
            plan=plan,
            now=now,
            check=check_bytes,
            durability=durability,
            waiting_prefix=waiting_prefix,
            index_url=index_url,
        )

        def recovered() -> Store:
            marker = CorruptionMarker(layout)
            if index_url:
                opened = open_on_server(
                    index_url, now(), marker, guard=lock.check, on_outcome=durability.committed
                )
            else:
                opened = open_writer(
                    layout,
                    now(),
                    marker,
                    check_later=recover_later,
                    guard=lock.check,
                    on_outcome=durability.committed,
                )
            with ExitStack() as undo:
                undo.callback(opened.writer.close)
                restoring = Restoring(opened.writer, layout)
                opened = restoring.begin(opened)
                store = store_with(opened, marker=marker)
                undo.callback(ReadOnlyStore.close, store)
                settle_place(opened.writer, store._readers, objects)
                store.nodes.join()
                undo.callback(store.nodes.leave)
                store._recover(opened, restoring, later=recover_later)
                if not index_url:
                    durability.watch_database()
                undo.pop_all()
            return store

        def recovered_or_rebuilt() -> Store:
            try:
                return recovered()
            except Damaged:
                set_aside(layout, now())
                return recovered()

        def unwritable(reason: OutOfSpace) -> Store:
            refusal = f"{reason}; queries alone are served until the node is started again"
            durability.refused(Kind.DATABASE, OutOfSpace(refusal))
            return store_with(
                RefusingWriter(refusal), marker=CorruptionMarker(layout), unwritable=refusal
            )

        try:
            if index_url:
                return recovered()
            return open_on_any_disk(
                recovered_or_rebuilt, unwritable, disk_reserve=DiskReserve(layout), layout=layout
            )
        except BaseException:
            lock.release()
            raise

    def _recover(self, opened: Opened, restoring: Restoring, *, later: bool) -> None:
        """Repair what the last stop left; later: what may wait is left to `recovery.step`."""
        if not restoring.is_under_way:
            self.journal.begin()
        self.recovery.begin(database_made=opened.made)
        while not (later and opened.trusted) and self.recovery.step():
            pass
        if restoring.is_under_way:
            self.recovery.given_back(restoring.end())
            self.journal.begin()

    def __enter__(self) -> Store:
        return self

    def close(self) -> None:
        """Release the folder; nothing may use the store any more. May be called once."""
        try:
            with suppress(OutOfSpace, Damaged):  # the next start goes on with it
                self.pool.close()
            with suppress(OutOfSpace, Damaged):
                self.journal.close()
            super().close()
            with suppress(OutOfSpace):  # then it is taken for dead after a while
                self.nodes.leave()
            orderly = self._check.is_done and not self._marker and not self.unwritable
            if orderly and not self._writer.is_on_server:
                with suppress(OutOfSpace):  # without the mark, the next start checks the pages
                    mark_orderly_stop(self._writer)
        finally:
            self._writer.close()
            self._lock.release()

    @property
    def own_dir(self) -> Path:
        """What is this node's alone, of several on one data_dir."""
        return self._layout.own

    @property
    def is_corrupt(self) -> bool:
        """Whether the database was found damaged since `open`; a restart repairs it."""
        return bool(self._marker)

    def refresh_index(self, progress: Callable[[int, int], None]) -> RefreshReport:
        """Read every file's attributes into the index again (index/refresh.py).

        progress: called with how many instances are done, and of how many. Nothing else may use
        the store during that time. Raises OutOfSpace.
        """
        report = IndexRefresh(self._writer, self._readers, self._layout, self._now).run(progress)
        with suppress(OutOfSpace):  # the index is right; it only stays as large as it is
            make_shrinkable(self._writer)
        return report

    def prove_writable(self) -> None:
        """Try the disk (durability.py). Where it works, remove the files that it refused to remove
        and restore the reserve; where the database is refused, remove it. Does not raise.
        """
        self.durability.try_now()
        if self.durability.is_refused(Kind.DATABASE) and not self.unwritable:
            self._disk_reserve.give_up()
        if self.durability.problem:
            return
        self._pending_removals.retry()
        with suppress(OutOfSpace):
            self._disk_reserve.restore()

    def counter(self, name: str) -> int:
        """1, 2, 3 and so on for each name: durable before it returns, never the same twice."""
        return self._writer.run(lambda connection: next_value(connection, name))


def _locked(
    data_dir: Path, node: str, objects: ObjectsAt | None, cipher: FileCipher | None
) -> tuple[Layout, FolderLock]:
    """The paths of a data_dir that is ours alone from now on."""
    layout = Layout(data_dir.absolute(), node)
    layout.make()
    lock = lock_for_node(layout)
    try:
        layout = with_keys(layout, cipher, make=True)
        return replace(layout, remote=opened_storage(objects)), lock
    except BaseException:
        lock.release()
        raise
