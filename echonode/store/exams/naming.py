"""An exam's instances written again with their patient: files replaced, never edited.

The order that makes it whole, whatever happens between two steps:
1. The exam has its patient (exams.py). Its instances are held still (database/exam_holds.py).
2. For each instance a new file is written and fsynced; the row of the capture names it before it
   has its name; it gets its name, and its folder is fsynced.
3. One transaction for the whole exam: each instance's row names its new file, and stands under its
   new patient and study; the capture names the old file; the deliveries are due.
4. The old files are removed, and the captures no longer name them.

A node that is killed before 3 has the old instances, held, and files that captures name and no
instance does: the next start removes them, and begins again at 2. One that is killed after 3 has
the new instances; the next start removes the old files.

SOP Instance UIDs stay: nothing of it has left the node.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from echonode.model.criteria import Level
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.exam import CaptureKind, ExamCapture
from echonode.model.exam_state import Identity
from echonode.model.instance import (
    ConflictKind,
    IdentityConflict,
    InstanceRecord,
    Origin,
    StoredInstance,
)
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.event_log import NewEvent, add_event
from echonode.store.database.exam_holds import WAITS_FOR_NAMING, WAITS_FOR_PATIENT
from echonode.store.database.rows import SELECT_INSTANCE, stored_instance
from echonode.store.deliveries.attempts import apply_attempt
from echonode.store.exams.exam_rows import capture_of
from echonode.store.files.disk import fsync_folder
from echonode.store.files.incoming_file import Incoming
from echonode.store.files.layout import FileIds, Layout, file_id_of
from echonode.store.files.placing import drop, is_there, place
from echonode.store.files.seal import SealFacts
from echonode.store.index.column_values import attribute_values
from echonode.store.index.identity_conflicts import note_conflict
from echonode.store.index.parents import count_in, parents_of
from echonode.store.index.removal import leave, place_of
from echonode.store.values import Attempt

_capture, _delivery, _exam, _instance = (
    schema.exam_capture.c,
    schema.delivery.c,
    schema.exam.c,
    schema.instance.c,
)
_study = schema.study.c
_WAITING = (WAITS_FOR_PATIENT, WAITS_FOR_NAMING)
_UNNAMED = (
    sa.select(schema.exam_capture)
    .select_from(
        schema.exam_capture.join(schema.exam).join(
            schema.instance, _instance.sop_instance_uid == _capture.sop_instance_uid
        )
    )
    .where(
        sa.not_(_capture.has_patient),
        _capture.kind == CaptureKind.CAPTURE.value,
        _exam.held,
        _exam.identity != Identity.UNIDENTIFIED.value,
        _capture.rejected_by == "",  # withdrawn before it was named: it never leaves
    )
    .order_by(_capture.id)
)


@dataclass(frozen=True, kw_only=True)
class Unnamed:
    """An instance that does not say yet whose it is, though its exam does."""

    capture: ExamCapture
    instance: StoredInstance


@dataclass(frozen=True, kw_only=True)
class Rewritten:
    """Its new file, durable under its own name, and what the index keeps of it."""

    unnamed: Unnamed
    record: InstanceRecord
    file_id: str
    size: int
    dataset_offset: int
    dataset_sha256: str


class Naming:
    """Thread-safe, but for one exam, which is one thread's at a time. Each raises StoreError."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        ids: FileIds,
        *,
        remove: Callable[[Path], object],
        on_due: Callable[[Sequence[str]], None],
    ) -> None:
        """remove: a file that nothing names any more. on_due: called with what became due."""
        self._writer, self._readers, self._layout, self._ids = writer, readers, layout, ids
        self._remove = remove
        self._on_due = on_due

    def unnamed(self, exam_id: str | None = None) -> list[Unnamed]:
        """What is to be written again: of an exam, or of all that have got their patient."""
        statement = _UNNAMED if exam_id is None else _UNNAMED.where(_capture.exam_id == exam_id)
        with reading(self._readers) as connection:
            captures = [capture_of(row) for row in connection.execute(statement)]
            return [
                Unnamed(
                    capture=capture,
                    instance=stored_instance(
                        connection.execute(
                            SELECT_INSTANCE.where(
                                _instance.sop_instance_uid == capture.sop_instance_uid
                            )
                        ).one(),
                        self._layout,
                    ),
                )
                for capture in captures
            ]

    def keep(self, unnamed: Unnamed, incoming: Incoming, record: InstanceRecord) -> Rewritten:
        """A written file gets its name; `incoming` is used up. Raises OutOfSpace."""
        facts = self._sealed(unnamed.capture)
        incoming.seal(facts, durable=self._layout.remote is None)
        try:
            file_id = self._ids.new()
            self._writer.execute(
                sa.update(schema.exam_capture)
                .where(_capture.sop_instance_uid == unnamed.capture.sop_instance_uid)
                .values(new_file_id=file_id)
            )
        except BaseException:
            incoming.discard()
            raise
        folder = place(self._layout, file_id, incoming.path, incoming.dataset_sha256)
        if folder is not None:
            fsync_folder(folder)
        return Rewritten(
            unnamed=unnamed,
            record=record,
            file_id=file_id,
            size=incoming.size,
            dataset_offset=incoming.dataset_offset,
            dataset_sha256=incoming.dataset_sha256,
        )

    def _sealed(self, capture: ExamCapture) -> SealFacts:
        """What the seal of the new file says: what the row says of the old one."""
        with reading(self._readers) as connection:
            row = connection.execute(
                sa.select(schema.instance).where(
                    _instance.sop_instance_uid == capture.sop_instance_uid
                )
            ).one()
            destinations = sa.select(_delivery.destination).where(_delivery.instance_id == row.id)
            return SealFacts(
                origin=Origin(row.origin),
                source_ae_title=row.source_ae_title,
                acquired_at=row.acquired_at,
                stored_at=row.stored_at,
                evidence=json.loads(row.evidence or "{}"),
                destinations=tuple(connection.scalars(destinations)),
                exam_id=capture.exam_id,
            )

    def swap(self, rewritten: Sequence[Rewritten], *, now: datetime) -> None:
        """Instances of one exam become what their new files say, and are due: all or none."""
        released = self._writer.run(lambda connection: _swap(connection, rewritten, now))
        for each in rewritten:
            drop(self._layout, file_id_of(each.unnamed.instance.path) or "", self._remove)
        uids = [each.unnamed.capture.sop_instance_uid for each in rewritten]
        self._writer.execute(
            sa.update(schema.exam_capture)
            .where(_capture.sop_instance_uid.in_(uids))
            .values(old_file_id="")
        )
        self._on_due(released)


def remove_replaced(
    writer: Writer, readers: sa.Engine, layout: Layout, *, remove: Callable[[Path], object]
) -> int:
    """At start, before files are compared with rows: what a kill left in the middle; how many."""
    named = sa.or_(_capture.new_file_id != "", _capture.old_file_id != "")
    with reading(readers) as connection:
        rows = connection.execute(
            sa.select(_capture.new_file_id, _capture.old_file_id).where(named)
        ).all()
    ids = [each for row in rows for each in row if each]
    found = [each for each in ids if is_there(layout, each)]
    for each in found:
        drop(layout, each, remove)
    if rows:
        writer.execute(
            sa.update(schema.exam_capture).where(named).values(new_file_id="", old_file_id="")
        )
    return len(found)


def _swap(connection: sa.Connection, rewritten: Sequence[Rewritten], now: datetime) -> list[str]:
    released: list[str] = []
    for each in rewritten:
        released += _swap_one(connection, each, now)
    for study_instance_uid in {each.record.study_instance_uid for each in rewritten}:
        _note_two_patients(connection, study_instance_uid, rewritten[0], now)
    return released


def _swap_one(connection: sa.Connection, each: Rewritten, now: datetime) -> list[str]:
    uid = each.unnamed.capture.sop_instance_uid
    instance_id = connection.scalars(
        sa.select(_instance.id).where(_instance.sop_instance_uid == uid)
    ).one()
    place = place_of(connection, instance_id)
    parents = parents_of(connection, each.record)
    connection.execute(
        sa.update(schema.instance)
        .where(_instance.id == instance_id)
        .values(
            **attribute_values(Level.IMAGE, each.record.image),
            series_id=parents.series_id,
            own_patient=parents.own_patient,
            file_id=each.file_id,
            size=each.size,
            dataset_offset=each.dataset_offset,
            dataset_sha256=each.dataset_sha256,
            file_missing=False,
            file_damaged=False,
        )
    )
    if parents.series_id != place.series_id:
        leave(connection, place)
        count_in(connection, parents)
    # The others are of the rows that this exam's instances have not left yet.
    for conflict in parents.conflicts:
        if conflict.kind is ConflictKind.PATIENT:
            note_conflict(connection, conflict, uid, now=now)
    connection.execute(
        sa.update(schema.exam_capture)
        .where(_capture.sop_instance_uid == uid)
        .values(
            has_patient=True,
            new_file_id="",
            old_file_id=file_id_of(each.unnamed.instance.path) or "",
        )
    )
    add_event(
        connection,
        NewEvent(
            kind="named",
            study_instance_uid=each.record.study_instance_uid,
            sop_instance_uid=uid,
            detail="its exam has its patient; the file was written again before it was sent",
        ),
        now=now,
    )
    return _release(connection, instance_id, now)


def _release(connection: sa.Connection, instance_id: int, now: datetime) -> list[str]:
    """Queue what waited for the patient; what is held for another reason stays held."""
    waiting = connection.execute(
        sa.select(_delivery.id, _delivery.destination).where(
            _delivery.instance_id == instance_id,
            _delivery.state == DeliveryState.HELD.value,
            _delivery.last_error.in_(_WAITING),
        )
    ).all()
    for row in waiting:
        apply_attempt(connection, Attempt(job_id=row.id, event=DeliveryEvent.RELEASE), now=now)
    return [row.destination for row in waiting]


def _note_two_patients(
    connection: sa.Connection, study_instance_uid: str, each: Rewritten, now: datetime
) -> None:
    """The study that the exam is in now may be another patient's here."""
    patients = connection.scalar(
        sa.select(sa.func.count())
        .select_from(schema.study)
        .where(_study.study_instance_uid == study_instance_uid)
    )
    if (patients or 0) > 1:
        conflict = IdentityConflict(kind=ConflictKind.STUDY, study_instance_uid=study_instance_uid)
        note_conflict(connection, conflict, each.unnamed.capture.sop_instance_uid, now=now)
