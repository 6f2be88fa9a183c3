"""Deletes instances that their archives have committed to keep; each step may be interrupted.

The order that makes it safe, whatever happens between two steps:
0. What has come is settled (files/pool.py), so that no power cut brings back what is deleted.
1. One database transaction decides again (policy.why_kept), writes the tombstone and removes the
   instance with its deliveries from the index; its COMMIT is fsynced.
2. The tombstone is in the journal (journal/), so that a lost database does not forget it. The file
   is renamed to deleted/ID.dcm, and both folders are fsynced.
3. It is unlinked.

Killed before 1: nothing has happened. After 1, before 2: the next start finds a file without a row
whose tombstone says that it is deleted, and continues at 2. After 2: the next start empties
deleted/. At no step is there a file without row or tombstone, and no file goes before its proof is
durable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.store.database import counters, schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.event_log import NewEvent, add_event
from echonode.store.database.history_schema import tombstone, tombstone_delivery
from echonode.store.files.disk import fsync_folder, move, remove
from echonode.store.files.layout import Layout
from echonode.store.files.pool import IncomingPool
from echonode.store.files.remote import RemoteStorage
from echonode.store.index.removal import remove_instance
from echonode.store.retention.candidates import ROWS_AT_ONCE, WITH_COPIES, may_be_deleted
from echonode.store.retention.policy import RetentionPolicy

_delivery = schema.delivery.c
_instance = schema.instance.c
_copy = schema.derived_copy.c
_DELETED = "instances_deleted"
_INSTANCE = (
    sa.select(
        _instance.id,
        _instance.sop_instance_uid,
        _instance.sop_class_uid,
        schema.study.c.study_instance_uid,
        _instance.frames,
        _instance.file_id,
        _instance.dataset_sha256,
        _instance.acquired_at,
        _instance.stored_at,
        schema.patient.c.patient_id,
        schema.patient.c.patient_name,
    )
    .select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    .where(_instance.id == sa.bindparam("instance_id"))
)
# Of a deleted instance's row: a tombstone has no identity of a patient.
_NOT_KEPT = frozenset({"id", "patient_id", "patient_name"})


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """An instance that was deleted; its file may still exist until step 3.

    patient_id, patient_name: whose it was, for the audit trail; in memory only.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    file_id: str
    patient_id: str
    patient_name: str


class Deletions:
    """Deletes instances and their files; used by one thread.

    journalled: returns once what is committed is in the journal; raises OutOfSpace. pool: what has
    come and may not have settled.
    """

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        journalled: Callable[[], object] = lambda: None,
        *,
        pool: IncomingPool,
    ) -> None:
        self._pool = pool
        self._journalled = journalled
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._unfinished: list[str] = []  # files that the disk refused to remove

    def delete(
        self, candidates: Sequence[int], policy: RetentionPolicy, *, now: datetime
    ) -> list[Deleted]:
        """All three steps for those of `candidates` that may still be deleted.

        A file that the disk refuses to remove is left to `finish_pending`.
        """
        self._pool.settle()
        deleted = self._writer.run(
            lambda connection: self._write_tombstones(connection, candidates, policy, now)
        )
        self._unfinished += [each.file_id for each in deleted]
        self.finish_pending()
        return deleted

    def erase(
        self,
        chosen: Callable[[sa.Connection], Sequence[int]],
        *,
        now: datetime,
        between: Callable[[], None],
    ) -> list[Deleted]:
        """All three steps for those that `chosen` finds, whatever is proved of them: for a patient
        that is erased. Their measurements go with them. between: called between the steps.

        Raises OutOfSpace where the disk refuses to remove a file; it is tried again.
        """

        def work(connection: sa.Connection) -> list[Deleted]:
            gone = [_delete_with_tombstone(connection, each, now) for each in chosen(connection)]
            measured = schema.measurement.c.sop_instance_uid
            uids = [each.sop_instance_uid for each in gone]
            connection.execute(sa.delete(schema.measurement).where(measured.in_(uids)))
            return gone

        self._pool.settle()
        gone = self._writer.run(work)
        self._unfinished += [each.file_id for each in gone]
        between()
        if refused := self.finish_pending():
            raise refused
        return gone

    def _write_tombstones(
        self,
        connection: sa.Connection,
        candidates: Sequence[int],
        policy: RetentionPolicy,
        now: datetime,
    ) -> list[Deleted]:
        """Step 1, decided by what the writer sees."""
        deleted = [
            _delete_with_tombstone(connection, instance_id, now)
            for instance_id in may_be_deleted(connection, candidates, policy)
        ]
        if deleted:
            counters.add(connection, _DELETED, len(deleted))
        return deleted

    def settle(self) -> None:
        """Step 0. Raises OutOfSpace."""
        self._pool.settle()

    def finish_pending(self) -> OutOfSpace | None:
        """Try steps 2 and 3 again for what the disk refused; returns why it still refuses."""
        self._unfinished, refused = self._finish(self._unfinished)
        return refused

    def finish(self, file_ids: Iterable[str]) -> None:
        """Steps 2 and 3, for files whose tombstones are durable.

        Raises OutOfSpace where the disk refuses to remove one; the others are gone by then.
        """
        _, refused = self._finish(file_ids)
        if refused is not None:
            raise refused

    def _finish(self, file_ids: Iterable[str]) -> tuple[list[str], OutOfSpace | None]:
        """Returns what is still to be done, and why; one refused file does not stop the others."""
        file_ids = list(file_ids)
        if file_ids:
            try:
                self._pool.settle()
                self._journalled()
            except OutOfSpace as error:
                return file_ids, error
        if self._layout.remote is not None:
            return _delete_remotely(self._layout.remote, file_ids)
        moved: list[str] = []
        left: list[str] = []
        refused: OutOfSpace | None = None
        for file_id in file_ids:
            self._pool.forget(file_id)
            try:
                if self._is_moved(file_id):
                    moved.append(file_id)
            except OutOfSpace as error:
                left.append(file_id)
                refused = error
        try:
            for folder in {self._layout.instance_folder(file_id) for file_id in moved}:
                fsync_folder(folder)
            if moved:
                fsync_folder(self._layout.deleted)
        except OutOfSpace as error:
            return [*left, *moved], error
        left += [file_id for file_id in moved if not remove(self._layout.deleted_file(file_id))]
        return left, refused

    def _is_moved(self, file_id: str) -> bool:
        """Whether the file is in deleted/, now or since an earlier try. Raises OutOfSpace."""
        path = self._layout.instance_file(file_id)
        if path.exists():
            move(path, self._layout.deleted_file(file_id))
            return True
        return self._layout.deleted_file(file_id).exists()

    def empty_deleted(self) -> None:
        """At start: remove files that were renamed and not yet unlinked."""
        for path in self._layout.deleted.glob("*.dcm"):
            remove(path)

    def finish_latest(self) -> None:
        """At start: continue the deletions of the last batch, if they were interrupted.

        Earlier ones were finished before it began, or the disk refused, and recovery finds them.
        """
        latest = (
            sa.select(tombstone.c.file_id).order_by(tombstone.c.id.desc()).limit(2 * ROWS_AT_ONCE)
        )
        with reading(self._readers) as connection:
            file_ids = list(connection.execute(latest).scalars())
        with suppress(OutOfSpace):
            self.finish(file_ids)

    def has_tombstone(self, file_id: str) -> bool:
        """Whether a file without a row is one that was being deleted."""
        statement = sa.select(tombstone.c.id).where(tombstone.c.file_id == file_id)
        with reading(self._readers) as connection:
            return connection.scalar(statement) is not None

    def finish_one(self, file_id: str) -> None:
        """At start: continue a deletion that was interrupted."""
        with suppress(OutOfSpace):
            self.finish([file_id])  # the next start empties deleted/ at the latest


def _delete_remotely(
    remote: RemoteStorage, file_ids: Iterable[str]
) -> tuple[list[str], OutOfSpace | None]:
    """Steps 2 and 3 in object storage; as Deletions._finish."""
    left: list[str] = []
    refused: OutOfSpace | None = None
    for file_id in file_ids:
        try:
            remote.delete(file_id)
        except OutOfSpace as error:
            left.append(file_id)
            refused = error
    return left, refused


def deleted_count(connection: sa.Connection) -> int:
    """How many instances retention has deleted since the database was made."""
    return counters.read(connection, _DELETED)


def _delete_with_tombstone(connection: sa.Connection, instance_id: int, now: datetime) -> Deleted:
    """Write the tombstone, then remove the instance from the index."""
    row = connection.execute(_INSTANCE, {"instance_id": instance_id}).one()
    connection.execute(
        sa.delete(tombstone).where(tombstone.c.sop_instance_uid == row.sop_instance_uid)
    )
    values = {key: value for key, value in row._mapping.items() if key not in _NOT_KEPT}
    inserted = connection.execute(sa.insert(tombstone), {**values, "deleted_at": now})
    [key] = inserted.inserted_primary_key or [0]
    proofs = {
        "tombstone_id": sa.literal(int(key)),
        "destination": _delivery.destination,
        "state": _delivery.state,
        "attempts": _delivery.attempts,
        "committed_at": _delivery.committed_at,
        "derived_sop_instance_uid": sa.func.coalesce(_copy.sop_instance_uid, ""),
        "anonymised_by": sa.func.coalesce(_copy.anonymised_by, ""),
    }
    held = sa.select(*proofs.values()).select_from(WITH_COPIES)
    connection.execute(
        sa.insert(tombstone_delivery).from_select(
            list(proofs), held.where(_delivery.instance_id == instance_id)
        )
    )
    add_event(
        connection,
        NewEvent(
            kind="deleted",
            study_instance_uid=row.study_instance_uid,
            sop_instance_uid=row.sop_instance_uid,
            detail="the local copy; every archive it was sent to holds what it was to hold",
        ),
        now=now,
    )
    remove_instance(connection, instance_id)
    return Deleted(
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        study_instance_uid=row.study_instance_uid,
        file_id=row.file_id,
        patient_id=row.patient_id,
        patient_name=row.patient_name,
    )
