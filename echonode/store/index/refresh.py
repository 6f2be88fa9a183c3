"""Reads the index again from the files; keeps what only the database knows.

For an index that an older EchoNode made, which kept less of a dataset, or that may be damaged.

Rules
- Every attribute of instance, series, study and patient is read from the files.
- What only the database knows stays: deliveries, commitments, times, tombstones. Nothing is
  deleted.
- Values of a series, study or patient are those of its first instance that can be read, as when
  they were stored.
- An instance whose file names another patient than its row does is moved to a study of that patient
  (moves.py): an older EchoNode kept all under one Study Instance UID with the first.
- Counts and sets are computed again at the end, and written where they were wrong.
- A part of AT_ONCE instances is one transaction: after an interruption the index is consistent, and
  a part of it was read again.
- A file that is gone or cannot be read leaves its rows as they are, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import groupby

import sqlalchemy as sa

from echonode.errors import EchoNodeError
from echonode.model.criteria import Level
from echonode.model.instance import InstanceRecord
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.files.layout import Layout
from echonode.store.index.column_values import attribute_values
from echonode.store.index.moves import place_by_file
from echonode.store.index.patient_identity import patient_identity
from echonode.store.index.patient_reread import forget_reread
from echonode.store.index.stored_records import ROWS, Row, record_of_row

_instance, _series, _study, _patient = (
    schema.instance.c,
    schema.series.c,
    schema.study.c,
    schema.patient.c,
)


@dataclass(frozen=True, kw_only=True)
class RefreshReport:
    """Instances read, files that could not be read, counts and sets that were wrong."""

    read: int
    unreadable: int
    corrected: int


@dataclass
class _Seen:
    """Which series, studies and patients have been read; 30 MB for a million instances."""

    series: set[int] = field(default_factory=set)
    study: set[int] = field(default_factory=set)
    patient: set[int] = field(default_factory=set)


class IndexRefresh:
    """Reads every file of the index again."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        now: Callable[[], datetime],
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._now = now
        self._seen = _Seen()

    def run(self, progress: Callable[[int, int], None]) -> RefreshReport:
        """Read all; `progress` is called with how many instances are done, of how many.

        Raises OutOfSpace.
        """
        with reading(self._readers) as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(schema.instance)) or 0
        done = read = 0
        for part in self._parts():
            readings = [found for row in part if (found := self._read(row)) is not None]
            read += len(readings)
            done += len(part)
            self._writer.run(partial(_apply, readings, self._now()))
            progress(done, total)
        corrected = self._writer.run(recount)
        self._writer.run(forget_reread)
        return RefreshReport(read=read, unreadable=done - read, corrected=corrected)

    def _parts(self) -> Iterator[list[Row]]:
        """The rows in the order they were stored; no read transaction outlasts its part."""
        after = 0
        while True:
            with reading(self._readers) as connection:
                part = list(connection.execute(ROWS, {"after": after}).all())
            if not part:
                return
            after = part[-1].id
            yield part

    def _read(self, row: Row) -> _Reading | None:
        """What one file says of its rows; None where it cannot be read."""
        try:
            record = record_of_row(self._layout, row)
        except EchoNodeError:
            return None
        values = attribute_values(Level.IMAGE, record.image) | {"frames": record.frames}
        changes = [_Change(schema.instance, row.id, values)]
        if patient_identity(record) == row.identity:  # or they are another patient's rows
            if _first(self._seen.series, row.series_id):
                changes.append(_of(schema.series, Level.SERIES, row.series_id, record.series))
            if _first(self._seen.study, row.study_id):
                changes.append(_of(schema.study, Level.STUDY, row.study_id, record.study))
            if _first(self._seen.patient, row.patient_id):
                changes.append(_of(schema.patient, Level.PATIENT, row.patient_id, record.patient))
        return _Reading(row.id, record, changes)


@dataclass(frozen=True)
class _Change:
    """New values of one row."""

    table: sa.Table
    row_id: int
    values: Mapping[str, object]


@dataclass(frozen=True)
class _Reading:
    """One instance's file, and what it changes."""

    instance_id: int
    record: InstanceRecord
    changes: list[_Change]


def _of(table: sa.Table, level: Level, row_id: int, held: Mapping[str, str]) -> _Change:
    return _Change(table, row_id, attribute_values(level, held))


def _first(seen: set[int], row_id: int) -> bool:
    """Whether a row is seen for the first time; remembers it."""
    if row_id in seen:
        return False
    seen.add(row_id)
    return True


def _apply(readings: list[_Reading], now: datetime, connection: sa.Connection) -> None:
    for found in readings:
        for change in found.changes:
            connection.execute(
                sa.update(change.table)
                .where(change.table.c.id == change.row_id)
                .values(change.values)
            )
        place_by_file(connection, found.instance_id, found.record, now=now)


def recount(connection: sa.Connection) -> int:
    """Compute every stored count and set again; returns how many were wrong, and corrects them."""
    corrected = 0
    for column, counted in _counts():
        wrong = sa.update(column.table).where(column != counted).values({column: counted})
        corrected += connection.execute(wrong).rowcount
    return corrected + _gather_sets(connection)


def _counts() -> Iterator[tuple[sa.Column[int], sa.ScalarSelect[int]]]:
    """Each count with the statement that makes it, the lower levels first."""

    def number(of: sa.Table, where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.count()).select_from(of).where(where).scalar_subquery()

    def total(of: sa.Column[int], where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        return sa.select(sa.func.coalesce(sa.func.sum(of), 0)).where(where).scalar_subquery()

    in_series, in_study, of_patient = (
        _instance.series_id == _series.id,
        _series.study_id == _study.id,
        (_study.patient_id == _patient.id),
    )
    instances = _series.number_of_series_related_instances
    yield instances, number(schema.instance, in_series)
    yield _study.number_of_study_related_series, number(schema.series, in_study)
    yield _study.number_of_study_related_instances, total(instances, in_study)
    yield _patient.number_of_patient_related_studies, number(schema.study, of_patient)
    yield (
        _patient.number_of_patient_related_series,
        total(_study.number_of_study_related_series, of_patient),
    )
    yield (
        _patient.number_of_patient_related_instances,
        total(_study.number_of_study_related_instances, of_patient),
    )


def _gather_sets(connection: sa.Connection) -> int:
    """Modalities and SOP classes of each study, joined as index/writer joins them."""
    in_study = schema.instance.join(schema.series)
    corrected = 0
    for column, parse_enum, source in (
        (_study.modalities_in_study, _series.modality, schema.series),
        (_study.sop_classes_in_study, _instance.sop_class_uid, in_study),
    ):
        members = (
            sa.select(_series.study_id, parse_enum)
            .select_from(source)
            .where(parse_enum != "")
            .distinct()
            .order_by(_series.study_id, parse_enum)
        )
        # Read all first: SQLite's rows must not change under a statement that reads them.
        found = connection.execute(members).all()
        for study_id, rows in groupby(found, key=lambda row: row.study_id):
            value = "\\".join(row[1] for row in rows)
            wrong = sa.update(schema.study).where(_study.id == study_id, column != value)
            corrected += connection.execute(wrong.values({column: value})).rowcount
    return corrected
