"""Deleting an instance whose archives have promised to keep it; each step may be cut off.

The order that makes it safe, whatever happens between two steps:
1. One database transaction decides once more (retention.why_kept), writes the tombstone and takes
   the instance out of the index with its deliveries; its COMMIT is fsynced.
2. The file is renamed to deleted/ID.dcm, and both folders are fsynced.
3. It is unlinked.

Killed before 1: nothing has happened. After 1, before 2: the next start finds a file without a row,
whose tombstone says that it goes, and goes on at 2. After 2: it empties deleted/. At no step is
there a file without row or tombstone, and none goes before its proof is durable.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.model.delivery import DeliveryState
from echonode.store.database import counters, schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.event_log import Note, note
from echonode.store.database.history_schema import deleted_instance, tombstone, tombstone_delivery
from echonode.store.database.rows import member
from echonode.store.files.disk import fsync_folder, remove, rename
from echonode.store.files.layout import Layout
from echonode.store.index.removal import remove_instance
from echonode.store.retention.policy import Holding, RetentionPolicy, why_kept

_D = schema.delivery.c
_I = schema.instance.c
_C = schema.derived_copy.c
_WITH_COPIES = schema.delivery.outerjoin(schema.derived_copy)
_PROVED = [DeliveryState.COMMITTED.value, DeliveryState.VERIFIED.value]
_OBSERVED = "observed_seconds"
_DELETED = "instances_deleted"
_FROM_THE_BEGINNING = (0, 0)
_MORE_PAGES = 40  # of a sweep that found nothing yet: some hundred milliseconds of reading
_AT_ONCE = 500  # deliveries looked at in one go; instances deleted by one transaction

_SEEN = (
    sa.select(_D.id, _D.instance_id, _D.proof_seen_s)
    .where(
        _D.proof_seen_s.is_not(None),
        _D.proof_seen_s <= sa.bindparam("latest", type_=sa.Integer),
        sa.tuple_(_D.proof_seen_s, _D.id)
        > sa.tuple_(
            sa.bindparam("after_s", type_=sa.Integer), sa.bindparam("after_id", type_=sa.Integer)
        ),
    )
    .order_by(_D.proof_seen_s, _D.id)
    .limit(_AT_ONCE)
)
# The literal text of the partial index, or SQLite would not use it.
_UNSEEN = sa.select(_D.id).where(
    sa.text("state IN ('committed', 'verified') AND proof_seen_s IS NULL")
)
_INSTANCE = (
    sa.select(
        _I.id,
        _I.sop_instance_uid,
        _I.sop_class_uid,
        schema.study.c.study_instance_uid,
        _I.frames,
        _I.file_id,
        _I.dataset_sha256,
        _I.acquired_at,
        _I.stored_at,
    )
    .select_from(schema.instance.join(schema.series).join(schema.study))
    .where(_I.id == sa.bindparam("instance_id"))
)
_DIGEST = sa.select(deleted_instance.c.dataset_digest).where(
    deleted_instance.c.uid_digest == sa.bindparam("uid", type_=sa.LargeBinary)
)
_DIGEST_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """An instance that went; its file may still be there until `finish` is done with it."""

    sop_instance_uid: str
    study_instance_uid: str
    file_id: str


class Tombstones:
    """Retention's hand on the store; used by one thread."""

    def __init__(self, writer: Writer, readers: sa.Engine, layout: Layout) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._after = _FROM_THE_BEGINNING  # where the sweep over what has proof goes on
        self._unfinished: list[str] = []  # files that the disk did not let go of

    def observe(self, seconds: int) -> int:
        """Let the observed clock go on, and mark what proof it sees now; what it says then."""

        def work(connection: sa.Connection) -> int:
            observed_s = counters.add(connection, _OBSERVED, seconds)
            connection.execute(
                sa.update(schema.delivery).where(_D.id.in_(_UNSEEN)).values(proof_seen_s=observed_s)
            )
            return observed_s

        return self._writer.run(work)

    def observed_s(self) -> int:
        """The observed clock."""
        with reading(self._readers) as connection:
            return counters.read(connection, _OBSERVED)

    def recycle(self, policy: RetentionPolicy, *, now: datetime) -> list[Deleted]:
        """Delete what may go of the next few hundred deliveries with proof; goes round for ever.

        Raises OutOfSpace where the disk does not let go of a file; the next call goes on, or the
        next start.
        """
        stuck = self._finish_again()
        candidates = self._next_candidates(policy)
        for _ in range(_MORE_PAGES):
            # Thousands may wait for the promise of a second archive before the first that may go.
            if candidates or self._after == _FROM_THE_BEGINNING:
                break
            candidates = self._next_candidates(policy)
        if not candidates:
            if stuck is not None:
                raise stuck
            return []
        deleted = self._writer.run(
            lambda connection: self._bury(connection, candidates, policy, now)
        )
        self._unfinished += [gone.file_id for gone in deleted]
        self._finish_again()
        return deleted

    def _next_candidates(self, policy: RetentionPolicy) -> list[int]:
        """Instances that may go as far as a reader sees."""
        with reading(self._readers) as connection:
            observed_s = counters.read(connection, _OBSERVED)
            page = connection.execute(
                _SEEN,
                {
                    "latest": observed_s - int(policy.keep_s),
                    "after_s": self._after[0],
                    "after_id": self._after[1],
                },
            ).all()
            whole = len(page) == _AT_ONCE
            self._after = (page[-1].proof_seen_s, page[-1].id) if whole else _FROM_THE_BEGINNING
            ids = list(dict.fromkeys(row.instance_id for row in page))
            return _may_go(connection, ids, policy, observed_s)

    def _bury(
        self,
        connection: sa.Connection,
        candidates: Sequence[int],
        policy: RetentionPolicy,
        now: datetime,
    ) -> list[Deleted]:
        """Step 1, decided by what the writer sees."""
        observed_s = counters.read(connection, _OBSERVED)
        deleted = [
            _bury_one(connection, instance_id, now)
            for instance_id in _may_go(connection, candidates, policy, observed_s)
        ]
        if deleted:
            counters.add(connection, _DELETED, len(deleted))
        return deleted

    def _finish_again(self) -> OutOfSpace | None:
        """Go on with what the disk did not let go of; why it still does not. It stops no other."""
        self._unfinished, refused = self._finish(self._unfinished)
        return refused

    def finish(self, file_ids: Iterable[str]) -> None:
        """Steps 2 and 3, for files whose tombstones are durable.

        Raises OutOfSpace where the disk does not let go of one; the others have gone by then.
        """
        _, refused = self._finish(file_ids)
        if refused is not None:
            raise refused

    def _finish(self, file_ids: Iterable[str]) -> tuple[list[str], OutOfSpace | None]:
        """What is still to be done, and why; one file that cannot go keeps no other here."""
        moved: list[str] = []
        left: list[str] = []
        refused: OutOfSpace | None = None
        for file_id in file_ids:
            try:
                if self._is_moved(file_id):
                    moved.append(file_id)
            except OutOfSpace as error:
                left.append(file_id)
                refused = error
        try:
            for folder in {self._layout.instance_file(file_id).parent for file_id in moved}:
                fsync_folder(folder)
            if moved:
                fsync_folder(self._layout.deleted)
        except OutOfSpace as error:
            return [*left, *moved], error
        left += [file_id for file_id in moved if not remove(self._layout.deleted_file(file_id))]
        return left, refused

    def _is_moved(self, file_id: str) -> bool:
        """Whether the file is in deleted/, from now on or since an earlier try. OutOfSpace."""
        path = self._layout.instance_file(file_id)
        if path.exists():
            rename(path, self._layout.deleted_file(file_id))
            return True
        return self._layout.deleted_file(file_id).exists()

    def empty_deleted(self) -> None:
        """At start: what was renamed away and not yet unlinked."""
        for path in self._layout.deleted.glob("*.dcm"):
            remove(path)

    def finish_latest(self) -> None:
        """At start: go on with the deletions of the last batch, if they were cut off.

        Earlier ones were finished before it began, or the disk refused, and recovery finds them.
        """
        latest = sa.select(tombstone.c.file_id).order_by(tombstone.c.id.desc()).limit(2 * _AT_ONCE)
        with reading(self._readers) as connection:
            file_ids = list(connection.execute(latest).scalars())
        with suppress(OutOfSpace):
            self.finish(file_ids)

    def is_buried(self, file_id: str) -> bool:
        """Whether a file without a row is one that was being deleted."""
        statement = sa.select(tombstone.c.id).where(tombstone.c.file_id == file_id)
        with reading(self._readers) as connection:
            return connection.scalar(statement) is not None

    def finish_one(self, file_id: str) -> None:
        """At start: go on with a deletion that was cut off."""
        with suppress(OutOfSpace):
            self.finish([file_id])  # at the latest the next start empties deleted/


def buried_with_other_bytes(
    connection: sa.Connection, sop_instance_uid: str, dataset_sha256: str
) -> bool:
    """Whether the archives hold other bytes under this UID, of ours that has gone."""
    found = connection.scalar(
        sa.select(tombstone.c.dataset_sha256).where(
            tombstone.c.sop_instance_uid == sop_instance_uid
        )
    )
    if found is not None:
        return bool(found != dataset_sha256)
    uid, dataset = digests(sop_instance_uid, dataset_sha256)
    known = connection.scalar(_DIGEST, {"uid": uid})
    return known is not None and known != dataset


def digests(sop_instance_uid: str, dataset_sha256: str) -> tuple[bytes, bytes]:
    """What stays of a deleted instance's UID and bytes (history_schema.deleted_instance)."""
    uid = hashlib.sha256(sop_instance_uid.encode()).digest()
    return uid[:_DIGEST_BYTES], bytes.fromhex(dataset_sha256)[:_DIGEST_BYTES]


def deleted_count(connection: sa.Connection) -> int:
    """How many instances retention has let go, ever."""
    return counters.read(connection, _DELETED)


def _may_go(
    connection: sa.Connection, ids: Sequence[int], policy: RetentionPolicy, observed_s: int
) -> list[int]:
    """Those of `ids` that may be deleted."""
    holdings: dict[int, list[Holding]] = {}
    rows = connection.execute(
        sa.select(
            _D.instance_id,
            _D.destination,
            _D.state,
            _D.keep_local_copy,
            _D.proof_seen_s,
            _C.delivery_id.is_not(None).label("lossy_copy"),
        )
        .select_from(_WITH_COPIES)
        .where(_D.instance_id.in_(ids))
    )
    for row in rows:
        holdings.setdefault(row.instance_id, []).append(
            Holding(
                destination=row.destination,
                state=member(DeliveryState, row.state),
                keep_local_copy=row.keep_local_copy,
                lossy_copy=row.lossy_copy,
                proof_seen_s=row.proof_seen_s,
            )
        )
    return [
        key for key, held in holdings.items() if not why_kept(held, policy, observed_s=observed_s)
    ]


def _bury_one(connection: sa.Connection, instance_id: int, now: datetime) -> Deleted:
    """The tombstone, then the index without the instance."""
    row = connection.execute(_INSTANCE, {"instance_id": instance_id}).one()
    connection.execute(
        sa.delete(tombstone).where(tombstone.c.sop_instance_uid == row.sop_instance_uid)
    )
    values = {key: value for key, value in row._mapping.items() if key != "id"}
    inserted = connection.execute(sa.insert(tombstone), {**values, "deleted_at": now})
    [key] = inserted.inserted_primary_key or [0]
    proofs = {
        "tombstone_id": sa.literal(int(key)),
        "destination": _D.destination,
        "state": _D.state,
        "attempts": _D.attempts,
        "committed_at": _D.committed_at,
        "derived_sop_instance_uid": sa.func.coalesce(_C.sop_instance_uid, ""),
    }
    held = sa.select(*proofs.values()).select_from(_WITH_COPIES)
    connection.execute(
        sa.insert(tombstone_delivery).from_select(
            list(proofs), held.where(_D.instance_id == instance_id)
        )
    )
    note(
        connection,
        Note(
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
        study_instance_uid=row.study_instance_uid,
        file_id=row.file_id,
    )
