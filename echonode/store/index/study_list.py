"""Studies for a person: the newest first, narrowed by words and dates, from any place of the list.

Rules
- A superset, as of every query: SQL narrows as for C-FIND (prefilter.py), and who reads decides.
- A word may be part of the name, the Patient ID or the accession number; each word must be found.
- The order is Study Date, Study Time, row: total, so that a place in it is found again (keyset) and
  a list goes on where it ended, whatever was stored meanwhile.
- Streams: nothing is collected, and each holds a connection until it is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from echonode.model.attributes import ATTRIBUTES
from echonode.model.criteria import Level, Range, Wildcard
from echonode.store.database import schema
from echonode.store.database.connections import streaming
from echonode.store.database.dialects import is_true
from echonode.store.index.patient_identity import with_own
from echonode.store.index.prefilter import Condition, Narrowing
from echonode.store.index.query_sql import columns_of

SEARCHED = ("PatientName", "PatientID", "AccessionNumber")
_ROWS_AT_ONCE = 100
_patient, _study = schema.patient.c, schema.study.c
_series, _instance = schema.series.c, schema.instance.c
_STUDY_COLUMNS = columns_of(Level.STUDY)
_STUDIES = sa.select(
    _study.id.label("row"), _study.own_patient.label("own"), *_STUDY_COLUMNS.values()
).select_from(schema.patient.join(schema.study))
_OWN_COLUMNS = {
    keyword: column
    for keyword, column in columns_of(Level.IMAGE).items()
    if ATTRIBUTES[keyword].level in (Level.SERIES, Level.IMAGE)
}
_INSTANCES = (
    sa.select(_instance.frames, _instance.file_missing, *_OWN_COLUMNS.values())
    .select_from(schema.series.join(schema.instance))
    .order_by(_series.id, _instance.id)
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a study stands in the list."""

    study_date: str
    study_time: str
    row: int


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """A study. values: keyword -> text, of the study and its patient, as its images came."""

    row: int
    values: Mapping[str, str]

    @property
    def place(self) -> Place:
        """Its own."""
        return Place(
            study_date=self.values["StudyDate"], study_time=self.values["StudyTime"], row=self.row
        )


@dataclass(frozen=True, kw_only=True)
class InstanceRow:
    """An instance of a study. values: keyword -> text, of the instance and its series.

    is_here: whether its file is.
    """

    frames: int
    is_here: bool
    values: Mapping[str, str]


class StudyList:
    """Thread-safe. Each raises StoreError."""

    def __init__(self, readers: sa.Engine) -> None:
        self._readers = readers

    def newest(
        self,
        *,
        words: Sequence[str] = (),
        date_from: str = "",
        date_to: str = "",
        after: Place | None = None,
    ) -> Iterator[StudyRow]:
        """Studies that may have all words; close the stream, or read it to its end.

        date_from, date_to: DA, both inside, '' open. after: only what follows that place.
        """
        statement = _STUDIES.order_by(
            _study.study_date.desc(), _study.study_time.desc(), _study.id.desc()
        )
        for word in words:
            statement = statement.where(_has(word))
        if date_from or date_to:
            dates = Narrowing(through_index=False).narrow(
                ATTRIBUTES["StudyDate"], Range(date_from, date_to)
            )
            if dates is not None:
                statement = statement.where(dates)
        if after is not None:
            here = sa.tuple_(_study.study_date, _study.study_time, _study.id)
            there = sa.tuple_(
                sa.literal(after.study_date), sa.literal(after.study_time), sa.literal(after.row)
            )
            statement = statement.where(here < there)
        yield from self._studies(statement)

    def studies(self, study_instance_uid: str) -> list[StudyRow]:
        """The studies of one UID: one, or one for each patient whose images came under it."""
        found = _STUDIES.where(_study.study_instance_uid == study_instance_uid)
        return list(self._studies(found.order_by(_study.id)))

    def instances(self, row: int) -> Iterator[InstanceRow]:
        """The instances of a study, series by series, in the order they were stored; a stream."""
        for found in self._stream(_INSTANCES.where(_series.study_id == row)):
            frames, missing, *values = found
            yield InstanceRow(
                frames=frames,
                is_here=not missing,
                values=dict(zip(_OWN_COLUMNS, values, strict=True)),
            )

    def _studies(self, statement: sa.Select[*tuple[Any, ...]]) -> Iterator[StudyRow]:
        for found in self._stream(statement):
            row, own, *values = found
            named = with_own(dict(zip(_STUDY_COLUMNS, values, strict=True)), own)
            yield StudyRow(row=row, values=named)

    def _stream(self, statement: sa.Select[*tuple[Any, ...]]) -> Iterator[sa.Row[*tuple[Any, ...]]]:
        with (
            streaming(self._readers) as connection,
            closing(connection.execute(statement)) as result,
        ):
            while part := result.fetchmany(_ROWS_AT_ONCE):
                yield from part


def _has(word: str) -> Condition:
    """Whether a word may be part of what is searched; a superset.

    Each index is read once as a whole, which costs a tenth of reading its table (prefilter.py);
    then the studies found are looked for in the list, however rare the word is.
    """
    narrowing = Narrowing(through_index=True)
    found: dict[str, Condition] = {}
    for keyword in SEARCHED:
        condition = narrowing.narrow(ATTRIBUTES[keyword], Wildcard(f"*{word}*"))
        if condition is None:  # nothing of the word is left to compare
            return sa.true()
        found[keyword] = condition
    by_patient = sa.union_all(
        sa.select(_patient.id).where(found["PatientName"]),
        sa.select(_patient.id).where(found["PatientID"]),
        # In the words of the partial indexes: values that SQL cannot judge, and
        # patients whose images came under several names.
        sa.select(_patient.id).where(is_true(_patient.irregular)),
        sa.select(_patient.id).where(is_true(_patient.varied)),
    )
    by_study = sa.union_all(
        sa.select(_study.id).where(_study.patient_id.in_(by_patient)),
        sa.select(_study.id).where(found["AccessionNumber"]),
        sa.select(_study.id).where(is_true(_study.irregular)),
    )
    return _study.id.in_(by_study)
