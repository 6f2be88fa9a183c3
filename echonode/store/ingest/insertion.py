"""Makes a durable file an instance: inserted, in the place of a damaged file, or refused.

Rules
- The same bytes as those stored under its UID are a duplicate only if ours are still whole: before
  the sender gets success and the new file is removed, the kept file is read and its hash compared.
  Only duplicates pay for that.
- Where ours is gone, truncated or changed, or the disk cannot read it (EIO), the new file takes its
  place in one transaction: the row names the new file, and deliveries that were held for the damage
  are queued again. The bad file goes to quarantine after the COMMIT; if that is interrupted, the
  next start does it.
- Two senders of one UID, or retention, may come between two of our transactions: only the file that
  was compared is replaced, and otherwise everything is compared again.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import Damaged, OutOfSpace
from echonode.model.instance import IdentityConflict, StoredInstance
from echonode.store.database import counters, schema
from echonode.store.database.connections import Writer
from echonode.store.database.event_log import NewEvent, add_event
from echonode.store.database.rows import SELECT_INSTANCE, stored_instance
from echonode.store.deliveries.damage import release_held_for_damage
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout, file_id_of
from echonode.store.files.placing import folder_to_keep, put_in_quarantine
from echonode.store.index.known import look_up
from echonode.store.index.patient_identity import patient_identity
from echonode.store.index.writer import Insertion, NewInstance, insert_instance

REPAIRED = "instances_repaired"  # a counter
_instance = schema.instance.c
_KEPT = SELECT_INSTANCE.where(_instance.sop_instance_uid == sa.bindparam("uid"))


@dataclass(frozen=True, kw_only=True)
class Inserted:
    """The outcome of a new file. kept: the instance as it is now.

    released: destinations of the deliveries that are due again because its file was replaced.
    """

    insertion: Insertion
    kept: StoredInstance
    released: tuple[str, ...] = ()


class FileInserter:
    """Decides what a new file is, and makes that durable. Thread-safe.

    check_bytes: raises Damaged, or OSError where the disk does not return the bytes.
    """

    def __init__(
        self,
        writer: Writer,
        layout: Layout,
        check_bytes: Callable[[StoredInstance], None],
        now: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._layout = layout
        self._check_bytes = check_bytes
        self._now = now

    def insert(
        self, new: NewInstance, *, has_durable_name: bool = False, may_wait: bool = False
    ) -> Inserted:
        """Durable on return. The file of a duplicate or of a conflict still belongs to the caller.

        has_durable_name: whether its file has one (files/pool.py); else its folder is made durable.
        may_wait: whether its row may be durable later, as its file says all that is in it; it does
        so where nothing but the instance is written.

        Raises OutOfSpace, CommitUncertain; sqlalchemy's IntegrityError for rows that break a
        constraint.
        """
        folder = None if has_durable_name else folder_to_keep(self._layout, new.file_id)
        locking = patient_identity(new.record)
        if may_wait:
            with suppress(_MoreThanTheInstance):
                insertion, kept = self._writer.run(
                    lambda connection: _insert_alone(connection, new, self._layout),
                    locking=locking,
                    durable=False,
                )
                return Inserted(insertion=insertion, kept=kept)
        while True:
            insertion, kept = self._writer.run(
                lambda connection: _insert(connection, new, self._layout),
                folder=folder,
                locking=locking,
            )
            if insertion is not Insertion.DUPLICATE or self._is_whole(kept):
                return Inserted(insertion=insertion, kept=kept)
            if (replaced := self._replace(kept, new)) is not None:
                return replaced

    def _is_whole(self, kept: StoredInstance) -> bool:
        """Raises OutOfSpace where that cannot be determined now."""
        with disk_errors("to read a file"):
            try:
                self._check_bytes(kept)
            except Damaged:
                return False
            except OSError as error:
                if error.errno == errno.EIO:  # that place of the disk is lost; the new file is not
                    return False
                raise
        return True

    def _replace(self, kept: StoredInstance, new: NewInstance) -> Inserted | None:
        """Put the new file in the place of `kept`; None where the row names another file by now."""
        damaged = file_id_of(kept.path) or ""
        released = self._writer.run(
            lambda connection: _replace_file(connection, kept, damaged, new, self._now())
        )
        if released is None:
            return None
        move_to_quarantine(self._layout, damaged)
        return Inserted(
            insertion=Insertion.FILE_REPLACED,
            kept=replace(
                kept,
                sop_class_uid=new.record.sop_class_uid,
                transfer_syntax_uid=new.record.transfer_syntax_uid,
                path=self._layout.instance_file(new.file_id),
                size=new.size,
                dataset_offset=new.dataset_offset,
            ),
            released=tuple(released),
        )


class _MoreThanTheInstance(Exception):
    """Something else is to be written, which no file says."""


def _insert_alone(
    connection: sa.Connection, new: NewInstance, layout: Layout
) -> tuple[Insertion, StoredInstance]:
    """Insert it where it is new. Raises _MoreThanTheInstance."""
    noted: list[IdentityConflict] = []
    found = _insert(connection, replace(new, on_conflict=noted.append), layout)
    if found[0] is not Insertion.STORED or noted:
        raise _MoreThanTheInstance
    return found


def _insert(
    connection: sa.Connection, new: NewInstance, layout: Layout
) -> tuple[Insertion, StoredInstance]:
    """Insert the rows, or the quarantine's; returns also the instance that is kept."""
    new.make_room(connection)
    known = look_up(connection, new.record)
    if known.was_deleted_with_other_bytes(new.dataset_sha256):
        _quarantine_row(connection, new, "same SOP Instance UID as one deleted here, other bytes")
        return Insertion.CONFLICT, _as_stored(new, layout)
    insertion = insert_instance(connection, new, known)
    if insertion is Insertion.CONFLICT:
        _quarantine_row(connection, new, "same SOP Instance UID, other bytes")
    if insertion is not Insertion.STORED:
        return insertion, stored_instance(
            connection.execute(_KEPT, {"uid": new.record.sop_instance_uid}).one(), layout
        )
    return insertion, _as_stored(new, layout)


def _replace_file(
    connection: sa.Connection,
    kept: StoredInstance,
    damaged: str,
    new: NewInstance,
    now: datetime,
) -> list[str] | None:
    """The row names the new file; destinations that are due again, None where it was another."""
    instance_id = connection.scalar(
        sa.select(_instance.id).where(
            _instance.sop_instance_uid == kept.sop_instance_uid,
            _instance.file_id == damaged,
            _instance.dataset_sha256 == new.dataset_sha256,
        )
    )
    if instance_id is None:
        return None
    # Values of the file: the row may be what was damaged.
    connection.execute(
        sa.update(schema.instance)
        .where(_instance.id == instance_id)
        .values(
            file_id=new.file_id,
            size=new.size,
            dataset_offset=new.dataset_offset,
            sop_class_uid=new.record.sop_class_uid,
            transfer_syntax_uid=new.record.transfer_syntax_uid,
            file_missing=False,
            file_damaged=False,
        )
    )
    if kept.path.exists() if kept.remote is None else kept.remote.exists(damaged):
        _quarantine_row(
            connection,
            replace(new, file_id=damaged),
            "its bytes changed here; the same instance came again and took its place",
        )
    counters.add(connection, REPAIRED, 1)
    what = NewEvent(
        kind="repaired",
        study_instance_uid=kept.study_instance_uid,
        sop_instance_uid=kept.sop_instance_uid,
        detail="the file here was damaged or gone; the same bytes came again and took its place",
    )
    add_event(connection, what, now=now)
    return release_held_for_damage(connection, instance_id, now=now)


def _as_stored(new: NewInstance, layout: Layout) -> StoredInstance:
    record = new.record
    return StoredInstance(
        sop_class_uid=record.sop_class_uid,
        sop_instance_uid=record.sop_instance_uid,
        study_instance_uid=record.study_instance_uid,
        series_instance_uid=record.series_instance_uid,
        transfer_syntax_uid=record.transfer_syntax_uid,
        path=layout.instance_file(new.file_id),
        size=new.size,
        dataset_offset=new.dataset_offset,
        dataset_sha256=new.dataset_sha256,
        remote=layout.remote,
        cipher=layout.cipher,
    )


def _quarantine_row(connection: sa.Connection, new: NewInstance, reason: str) -> None:
    """Record why a file goes to quarantine; the file is moved after the COMMIT."""
    connection.execute(
        sa.insert(schema.quarantine),
        {
            "file_id": new.file_id,
            "sop_instance_uid": new.record.sop_instance_uid,
            "dataset_sha256": new.dataset_sha256,
            "source_ae_title": new.source_ae_title,
            "reason": reason,
            "quarantined_at": new.stored_at,
        },
    )


def move_to_quarantine(layout: Layout, file_id: str) -> None:
    """Move a file whose quarantine row is durable; if it fails, the next start does it."""
    try:
        put_in_quarantine(layout, file_id)
    except OutOfSpace:
        return
