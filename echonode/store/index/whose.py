"""Whose an instance, series, study or exam is: for records about it, by what the index holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa

from echonode.errors import StoreError
from echonode.store.database import schema
from echonode.store.database.connections import database_errors, reading, reading_one_moment
from echonode.store.database.rows import JOINED

_patient, _study, _series = schema.patient.c, schema.study.c, schema.series.c
_instance, _exam = schema.instance.c, schema.exam.c
_COLUMNS = (
    _patient.patient_id,
    _patient.patient_name,
    _study.study_instance_uid,
    _study.accession_number,
    _instance.sop_class_uid,
    _instance.sop_instance_uid,
)
_ABOVE = ("patient_id", "patient_name", "study_instance_uid", "accession_number")
_OF = sa.select(*_COLUMNS).select_from(JOINED).limit(1)
_BY_INSTANCE = _OF.where(_instance.sop_instance_uid == sa.bindparam("uid"))
_BY_INSTANCES = (
    sa.select(*_COLUMNS)
    .select_from(JOINED)
    .where(_instance.sop_instance_uid.in_(sa.bindparam("uids", expanding=True)))
)
_AT_ONCE = 500  # instances of one statement
_BY_STUDY = _OF.where(_study.study_instance_uid == sa.bindparam("uid"))
_BY_SERIES = _OF.where(_series.series_instance_uid == sa.bindparam("uid"))
_BY_EXAM = sa.select(_exam.patient, _exam.study_instance_uid).where(_exam.id == sa.bindparam("uid"))


@dataclass(frozen=True, kw_only=True)
class Belonging:
    """patient_id, patient_name: '' where an exam has none yet. sop_*: '' but of an instance."""

    patient_id: str
    patient_name: str
    study_instance_uid: str
    accession_number: str = ""
    sop_class_uid: str = ""
    sop_instance_uid: str = ""


class Whose:
    """Looks it up. Thread-safe."""

    def __init__(self, readers: sa.Engine) -> None:
        self._readers = readers

    def __call__(self, uid: str) -> Belonging | None:
        """None where nothing of that UID or exam id is here (any more). Raises StoreError."""
        with reading(self._readers) as connection:
            return _found(connection, uid)

    @contextmanager
    def together(self, uids: Sequence[str]) -> Iterator[Callable[[str], Belonging | None]]:
        """Look-ups of these at one moment, which raise as one does.

        Each by itself would read its pages again after every instance that was stored in between,
        and an encrypted index would decrypt them. Those of instances are found by one statement
        for many: it costs a tenth of one for each. Raises StoreError.
        """
        with reading_one_moment(self._readers) as connection:
            instances = _instances(connection, uids)
            yield lambda uid: instances.get(uid) or _found_or_said(connection, uid)


def _instances(connection: sa.Connection, uids: Sequence[str]) -> dict[str, Belonging]:
    """Those that are instances; what a damaged page keeps back is left to its own look-up."""
    found: dict[str, Belonging] = {}
    with suppress(StoreError), database_errors():
        for begin in range(0, len(uids), _AT_ONCE):
            some = {"uids": uids[begin : begin + _AT_ONCE]}
            for row in connection.execute(_BY_INSTANCES, some):
                found[row.sop_instance_uid] = Belonging(**row._mapping)
    return found


def _found_or_said(connection: sa.Connection, uid: str) -> Belonging | None:
    """Raises StoreError."""
    with database_errors():
        return _found(connection, uid)


def _found(connection: sa.Connection, uid: str) -> Belonging | None:
    row = connection.execute(_BY_INSTANCE, {"uid": uid}).first()
    if row is not None:
        return Belonging(**row._mapping)
    for statement in (_BY_STUDY, _BY_SERIES):
        row = connection.execute(statement, {"uid": uid}).first()
        if row is not None:
            return Belonging(**dict(zip(_ABOVE, row[:4], strict=True)))
    exam = connection.execute(_BY_EXAM, {"uid": uid}).first()
    if exam is None:
        return None
    patient = json.loads(exam.patient) if exam.patient else {}
    return Belonging(
        patient_id=str(patient.get("id", "")),
        patient_name=str(patient.get("name", "")),
        study_instance_uid=exam.study_instance_uid,
    )
