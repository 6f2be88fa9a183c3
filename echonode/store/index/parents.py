"""The patient, study and series that an instance belongs to: found or made; and their counts.

Rules
- All of it happens in the caller's transaction.
- Values of a patient, study or series are those of the first instance that brought them.
- patient_identity.py says which images belong to one patient. A study is searched among the studies
  of its patient, a series among the series of its study: a UID alone never joins anything.
- Conflicts (identity_conflicts.py) are reported to the caller, and the instance is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from echonode.model.criteria import Level
from echonode.model.instance import ConflictKind, IdentityConflict, InstanceRecord
from echonode.store.database import schema
from echonode.store.index.column_values import attribute_values
from echonode.store.index.known import OF_PATIENT, PATIENT_COLUMNS, Row, studies_of
from echonode.store.index.patient_identity import (
    may_be_one_person,
    own_attributes,
    patient_identity,
)

_patient_columns, _study_columns, _series = schema.patient.c, schema.study.c, schema.series.c

_PATIENT = sa.select(*PATIENT_COLUMNS).where(
    _patient_columns.identity == sa.bindparam("identity_key")
)
_SERIES_ELSEWHERE = (
    sa.select(_series.id)
    .select_from(schema.series.join(schema.study))
    .where(
        _series.series_instance_uid == sa.bindparam("series_uid"),
        _study_columns.study_instance_uid != sa.bindparam("study_uid"),
    )
    .limit(1)
)
_VARIED = (
    sa.update(schema.patient)
    .where(_patient_columns.id == sa.bindparam("row_id"))
    .values(varied=True)
)


def _adding(table: sa.Table, *counts: str) -> sa.Update:
    """Adds a parameter of its name to each count."""
    return (
        sa.update(table)
        .where(table.c.id == sa.bindparam(f"{table.name}_row"))
        .values({count: table.c[count] + sa.bindparam(f"more_{count}") for count in counts})
    )


COUNT_PATIENT = _adding(
    schema.patient,
    "number_of_patient_related_studies",
    "number_of_patient_related_series",
    "number_of_patient_related_instances",
)
COUNT_STUDY = _adding(
    schema.study, "number_of_study_related_series", "number_of_study_related_instances"
).values(
    modalities_in_study=sa.bindparam("modalities"), sop_classes_in_study=sa.bindparam("sop_classes")
)
COUNT_SERIES = _adding(schema.series, "number_of_series_related_instances")


@dataclass(frozen=True, kw_only=True)
class Parents:
    """The rows above an instance, which of them are new, and the conflicts.

    modalities, sop_classes: of the study, with the instance's own. own_patient: patient attributes
    of the instance that differ from the patient's row (patient_identity.own_attributes).
    """

    patient_id: int
    study_id: int
    series_id: int
    new_study: bool
    new_series: bool
    modalities: str
    sop_classes: str
    own_patient: str
    conflicts: tuple[IdentityConflict, ...]


def parents_of(
    connection: sa.Connection, record: InstanceRecord, studies: Sequence[Row] | None = None
) -> Parents:
    """The patient, study and series of an instance; made where they do not exist.

    studies: of `studies_of`, where the caller has asked already.
    """
    identity = patient_identity(record)
    rows = studies_of(connection, record) if studies is None else studies
    study = next((row for row in rows if row.identity == identity), None)
    patient = study or _patient(connection, record, identity)
    of_patient = {keyword: patient._mapping[column.name] for keyword, column in OF_PATIENT.items()}
    own = own_attributes(of_patient, record.patient)
    if own and not patient.varied:
        connection.execute(_VARIED, {"row_id": patient.patient_id})
    of_study = _study(study, connection, record, patient.patient_id, own)
    series_id = of_study.series_id
    kinds = {
        ConflictKind.STUDY: bool(rows) and study is None,
        ConflictKind.PATIENT: bool(own) and not may_be_one_person(of_patient, record.patient),
        ConflictKind.SERIES: series_id is None and _is_elsewhere(connection, record),
    }
    return Parents(
        patient_id=patient.patient_id,
        study_id=of_study.study_id,
        series_id=series_id or _insert_series(connection, record, of_study.study_id, own),
        new_study=study is None,
        new_series=series_id is None,
        modalities=_with(of_study.modalities, record.series.get("Modality", "")),
        sop_classes=_with(of_study.sop_classes, record.sop_class_uid),
        own_patient=own,
        conflicts=tuple(_conflict(kind, record) for kind, is_so in kinds.items() if is_so),
    )


@dataclass(frozen=True, kw_only=True)
class _Study:
    """A study's row, with that of the series in it where it exists."""

    study_id: int
    series_id: int | None
    modalities: str
    sop_classes: str


def _study(
    found: Row | None,
    connection: sa.Connection,
    record: InstanceRecord,
    patient_id: int,
    own: str,
) -> _Study:
    """The study that was found, or a new one."""
    if found is not None:
        return _Study(
            study_id=found.study_id,
            series_id=found.series_id,
            modalities=found.modalities_in_study,
            sop_classes=found.sop_classes_in_study,
        )
    values = {
        **attribute_values(Level.STUDY, record.study),
        "patient_id": patient_id,
        "own_patient": own,
        "modalities_in_study": "",
        "sop_classes_in_study": "",
    }
    study_id = _insert(connection, schema.study, values)
    return _Study(study_id=study_id, series_id=None, modalities="", sop_classes="")


def _insert_series(
    connection: sa.Connection, record: InstanceRecord, study_id: int, own: str
) -> int:
    values = attribute_values(Level.SERIES, record.series)
    return _insert(connection, schema.series, {**values, "study_id": study_id, "own_patient": own})


def _patient(connection: sa.Connection, record: InstanceRecord, identity: str) -> Row:
    """The patient of a new study."""
    key = {"identity_key": identity}
    found = connection.execute(_PATIENT, key).first()
    if found is not None:
        return found
    values = {**attribute_values(Level.PATIENT, record.patient), "identity": identity}
    _insert(connection, schema.patient, values)
    return connection.execute(_PATIENT, key).one()


def _insert(connection: sa.Connection, table: sa.Table, values: Mapping[str, object]) -> int:
    [key] = connection.execute(sa.insert(table), values).inserted_primary_key or [0]
    return int(key)


def _is_elsewhere(connection: sa.Connection, record: InstanceRecord) -> bool:
    """Whether another study has a series of this UID."""
    uids = {"series_uid": record.series_instance_uid, "study_uid": record.study_instance_uid}
    return connection.scalar(_SERIES_ELSEWHERE, uids) is not None


def _conflict(kind: ConflictKind, record: InstanceRecord) -> IdentityConflict:
    of_series = kind is ConflictKind.SERIES
    return IdentityConflict(
        kind=kind,
        study_instance_uid=record.study_instance_uid,
        series_instance_uid=record.series_instance_uid if of_series else "",
    )


def count_in(connection: sa.Connection, parents: Parents) -> None:
    """Count one more instance, and what is new above it."""
    for statement, values in zip(
        (COUNT_SERIES, COUNT_STUDY, COUNT_PATIENT), counted_in(parents), strict=True
    ):
        connection.execute(statement, values)


def counted_in(parents: Parents) -> tuple[dict[str, object], dict[str, object], dict[str, object]]:
    """The parameters of COUNT_SERIES, COUNT_STUDY and COUNT_PATIENT for one more instance."""
    of_series: dict[str, object] = {
        "series_row": parents.series_id,
        "more_number_of_series_related_instances": 1,
    }
    of_study: dict[str, object] = {
        "study_row": parents.study_id,
        "more_number_of_study_related_series": int(parents.new_series),
        "more_number_of_study_related_instances": 1,
        "modalities": parents.modalities,
        "sop_classes": parents.sop_classes,
    }
    of_patient: dict[str, object] = {
        "patient_row": parents.patient_id,
        "more_number_of_patient_related_studies": int(parents.new_study),
        "more_number_of_patient_related_series": int(parents.new_series),
        "more_number_of_patient_related_instances": 1,
    }
    return of_series, of_study, of_patient


def _with(values: str, value: str) -> str:
    """A set, as values joined by backslashes, with one more."""
    if not value:
        return values
    held = set(values.split("\\")) - {""}
    return values if value in held else "\\".join(sorted(held | {value}))
