"""The index read again from the files, beside everything that only the database knows.

For an index that was made by an older EchoNode, which kept less of a dataset, or that is doubted.

Rules
- What the files say is read from them: every attribute of instance, series, study and patient.
- What only the database knows stays: deliveries, promises, times, tombstones. Nothing is deleted.
- Values of a series, study or patient are those of its first instance that can be read, as when
  they were stored; the patient's, only of an instance that names that patient.
- Counts and sets are counted anew at the end, and written where they were wrong.
- A part of AT_ONCE instances is one transaction: cut off anywhere, the index is whole, part of it
  read again and part not.
- A file that is gone or cannot be read leaves its rows as they are, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from echonode.errors import EchoNodeError, InvalidObject, Mismatch
from echonode.model.criteria import Level
from echonode.model.instance import InstanceRecord
from echonode.store import schema
from echonode.store.database import Writer, reading
from echonode.store.dataset_reader import read_head
from echonode.store.index_values import attribute_values, patient_identity
from echonode.store.layout import Layout
from echonode.store.record import record_of

AT_ONCE = 200
_I, _S, _T, _P = schema.instance.c, schema.series.c, schema.study.c, schema.patient.c

_ROWS = (
    sa.select(
        _I.id,
        _I.file_id,
        _I.sop_instance_uid,
        _I.transfer_syntax_uid,
        _I.dataset_offset,
        _I.series_id,
        _S.series_instance_uid,
        _S.study_id,
        _T.study_instance_uid,
        _T.patient_id,
        _P.identity,
    )
    .select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    .where(_I.id > sa.bindparam("after"))
    .order_by(_I.id)
    .limit(AT_ONCE)
)
_Row = sa.Row[*tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class RefreshReport:
    """What was done: instances read, files that could not be, counts and sets that were wrong."""

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

    def __init__(self, writer: Writer, readers: sa.Engine, layout: Layout) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._seen = _Seen()

    def run(self, progress: Callable[[int, int], None]) -> RefreshReport:
        """Read all; `progress` is told how many instances are done, of how many.

        Raises OutOfSpace.
        """
        with reading(self._readers) as connection:
            total = connection.scalar(sa.select(sa.func.count()).select_from(schema.instance)) or 0
        done = read = 0
        for part in self._parts():
            changes = [change for row in part for change in self._changes(row)]
            read += sum(1 for change in changes if change.table is schema.instance)
            done += len(part)
            self._writer.run(partial(_apply, changes))
            progress(done, total)
        corrected = self._writer.run(recount)
        return RefreshReport(read=read, unreadable=done - read, corrected=corrected)

    def _parts(self) -> Iterator[list[_Row]]:
        """The rows in the order they were stored; no read transaction outlives its part."""
        after = 0
        while True:
            with reading(self._readers) as connection:
                part = list(connection.execute(_ROWS, {"after": after}).all())
            if not part:
                return
            after = part[-1].id
            yield part

    def _changes(self, row: _Row) -> list[_Change]:
        """What one file says of its rows; nothing where it cannot be read."""
        try:
            record = self._record(row)
        except (InvalidObject, EchoNodeError):
            return []
        values = attribute_values(Level.IMAGE, record.image) | {"frames": record.frames}
        found = [_Change(schema.instance, row.id, values)]
        if _first(self._seen.series, row.series_id):
            found.append(_of(schema.series, Level.SERIES, row.series_id, record.series))
        if _first(self._seen.study, row.study_id):
            found.append(_of(schema.study, Level.STUDY, row.study_id, record.study))
        if patient_identity(record) == row.identity and _first(self._seen.patient, row.patient_id):
            found.append(_of(schema.patient, Level.PATIENT, row.patient_id, record.patient))
        return found

    def _record(self, row: _Row) -> InstanceRecord:
        path = self._layout.instance_file(row.file_id)
        ds = read_head(path, row.dataset_offset, row.transfer_syntax_uid)
        record = record_of(ds, row.transfer_syntax_uid)
        found = (record.sop_instance_uid, record.series_instance_uid, record.study_instance_uid)
        if found != (row.sop_instance_uid, row.series_instance_uid, row.study_instance_uid):
            raise Mismatch("the file is not of the instance that its row says")
        return record


@dataclass(frozen=True)
class _Change:
    """New values of one row."""

    table: sa.Table
    row_id: int
    values: Mapping[str, object]


def _of(table: sa.Table, level: Level, row_id: int, held: Mapping[str, str]) -> _Change:
    return _Change(table, row_id, attribute_values(level, held))


def _first(seen: set[int], row_id: int) -> bool:
    """Whether a row is seen for the first time; it is seen from now on."""
    if row_id in seen:
        return False
    seen.add(row_id)
    return True


def _apply(changes: list[_Change], connection: sa.Connection) -> None:
    for change in changes:
        connection.execute(
            sa.update(change.table).where(change.table.c.id == change.row_id).values(change.values)
        )


def recount(connection: sa.Connection) -> int:
    """Count every kept count and set anew; returns how many were wrong, and are right now."""
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
        _I.series_id == _S.id,
        _S.study_id == _T.id,
        (_T.patient_id == _P.id),
    )
    instances = _S.number_of_series_related_instances
    yield instances, number(schema.instance, in_series)
    yield _T.number_of_study_related_series, number(schema.series, in_study)
    yield _T.number_of_study_related_instances, total(instances, in_study)
    yield _P.number_of_patient_related_studies, number(schema.study, of_patient)
    yield (
        _P.number_of_patient_related_series,
        total(_T.number_of_study_related_series, of_patient),
    )
    yield (
        _P.number_of_patient_related_instances,
        total(_T.number_of_study_related_instances, of_patient),
    )


def _gather_sets(connection: sa.Connection) -> int:
    """Modalities and SOP classes of each study, as index_writer puts them together."""
    in_study = schema.instance.join(schema.series)
    corrected = 0
    for column, member, source in (
        (_T.modalities_in_study, _S.modality, schema.series),
        (_T.sop_classes_in_study, _I.sop_class_uid, in_study),
    ):
        members = (
            sa.select(_S.study_id, member)
            .select_from(source)
            .where(member != "")
            .distinct()
            .order_by(_S.study_id, member)
        )
        # All of them first: SQLite's rows must not be changed under a statement that reads them.
        found = connection.execute(members).all()
        for study_id, rows in groupby(found, key=lambda row: row.study_id):
            value = "\\".join(row[1] for row in rows)
            wrong = sa.update(schema.study).where(_T.id == study_id, column != value)
            corrected += connection.execute(wrong.values({column: value})).rowcount
    return corrected
