"""One instance into the index: its rows, those above it, their counts, and its deliveries.

Rules
- All of it happens in the caller's transaction.
- The first instance of a UID stays: the same bytes again change nothing, other bytes are a
  conflict that the caller puts into quarantine.
- Values of a patient, study or series are those of the first instance that brought them.
- A study stays with the patient it first came with; a series is found within its own study.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

import sqlalchemy as sa

from echonode.model.criteria import Level
from echonode.model.delivery import DeliveryState
from echonode.model.instance import InstanceRecord, Origin
from echonode.store import schema
from echonode.store.index_values import attribute_values, patient_identity


@dataclass(frozen=True, kw_only=True)
class NewInstance:
    """What is to be inserted; the file has its final name and is durable."""

    record: InstanceRecord
    file_id: str
    size: int
    dataset_offset: int
    dataset_sha256: str
    origin: Origin
    source_ae_title: str
    acquired_at: datetime | None
    stored_at: datetime
    evidence: Mapping[str, int | str]
    destinations: Sequence[str]


class Insertion(Enum):
    """What an insert did."""

    STORED = auto()
    FILE_REPLACED = auto()  # the row was there, and its file damaged or gone (keeping.py)
    DUPLICATE = auto()
    CONFLICT = auto()


_EXISTING = sa.select(schema.instance.c.dataset_sha256).where(
    schema.instance.c.sop_instance_uid == sa.bindparam("uid")
)

_SERIES_IN_STUDY = (
    sa.select(
        schema.series.c.id.label("series_id"),
        schema.study.c.id.label("study_id"),
        schema.study.c.patient_id.label("patient_id"),
        schema.study.c.modalities_in_study,
        schema.study.c.sop_classes_in_study,
    )
    .select_from(
        schema.study.outerjoin(
            schema.series,
            sa.and_(
                schema.series.c.study_id == schema.study.c.id,
                schema.series.c.series_instance_uid == sa.bindparam("series_uid"),
            ),
        )
    )
    .where(schema.study.c.study_instance_uid == sa.bindparam("study_uid"))
)
_PATIENT = sa.select(schema.patient.c.id).where(
    schema.patient.c.identity == sa.bindparam("identity_key")
)


def _adding(table: sa.Table, *counts: str) -> sa.Update:
    """Adds a parameter of its name to each count."""
    return (
        sa.update(table)
        .where(table.c.id == sa.bindparam("row_id"))
        .values({count: table.c[count] + sa.bindparam(f"more_{count}") for count in counts})
    )


_COUNT_PATIENT = _adding(
    schema.patient,
    "number_of_patient_related_studies",
    "number_of_patient_related_series",
    "number_of_patient_related_instances",
)
_COUNT_STUDY = _adding(
    schema.study, "number_of_study_related_series", "number_of_study_related_instances"
).values(
    modalities_in_study=sa.bindparam("modalities"), sop_classes_in_study=sa.bindparam("sop_classes")
)
_COUNT_SERIES = _adding(schema.series, "number_of_series_related_instances")


@dataclass(kw_only=True)
class _Parents:
    """The rows above an instance, and which of them are new."""

    patient_id: int
    study_id: int
    series_id: int
    new_study: bool
    new_series: bool
    modalities: str
    sop_classes: str


def insert_instance(connection: sa.Connection, new: NewInstance) -> Insertion:
    """Insert, or find what is there; see `Insertion`."""
    existing = connection.scalar(_EXISTING, {"uid": new.record.sop_instance_uid})
    if existing is not None:
        same = existing == new.dataset_sha256
        return Insertion.DUPLICATE if same else Insertion.CONFLICT
    parents = _parents(connection, new.record)
    inserted = connection.execute(
        sa.insert(schema.instance), _instance_values(new, parents.series_id)
    )
    _count(connection, parents)
    if new.destinations:
        [instance_id] = inserted.inserted_primary_key or [0]
        insert_deliveries(connection, instance_id, new)
    return Insertion.STORED


def insert_deliveries(connection: sa.Connection, instance_id: int, new: NewInstance) -> None:
    """One queued delivery for each destination, due at once."""
    connection.execute(
        sa.insert(schema.delivery),
        [
            queued_delivery(instance_id, destination, new.acquired_at, new.stored_at)
            for destination in new.destinations
        ],
    )


def queued_delivery(
    instance_id: int, destination: str, acquired_at: datetime | None, now: datetime
) -> dict[str, object]:
    """The values of a delivery that is due at once."""
    return {
        "instance_id": instance_id,
        "destination": destination,
        "state": DeliveryState.QUEUED.value,
        "last_error": "",
        "next_attempt_at": now,
        "acquired_at": acquired_at or now,
    }


def _parents(connection: sa.Connection, record: InstanceRecord) -> _Parents:
    """The patient, study and series of an instance; made where they are not there yet."""
    found = connection.execute(
        _SERIES_IN_STUDY,
        {"study_uid": record.study_instance_uid, "series_uid": record.series_instance_uid},
    ).first()
    if found is None:
        patient_id = _patient(connection, record)
        values = {
            **attribute_values(Level.STUDY, record.study),
            "patient_id": patient_id,
            "modalities_in_study": "",
            "sop_classes_in_study": "",
        }
        study_id, modalities, sop_classes = _insert(connection, schema.study, values), "", ""
    else:
        patient_id, study_id = found.patient_id, found.study_id
        modalities, sop_classes = found.modalities_in_study, found.sop_classes_in_study
    series_id = None if found is None else found.series_id
    new_series = series_id is None
    if series_id is None:
        values = {**attribute_values(Level.SERIES, record.series), "study_id": study_id}
        series_id = _insert(connection, schema.series, values)
    return _Parents(
        patient_id=patient_id,
        study_id=study_id,
        series_id=series_id,
        new_study=found is None,
        new_series=new_series,
        modalities=_with(modalities, record.series.get("Modality", "")),
        sop_classes=_with(sop_classes, record.sop_class_uid),
    )


def _patient(connection: sa.Connection, record: InstanceRecord) -> int:
    """The patient of a new study."""
    identity = patient_identity(record)
    found = connection.scalar(_PATIENT, {"identity_key": identity})
    if found is not None:
        return int(found)
    values = {**attribute_values(Level.PATIENT, record.patient), "identity": identity}
    return _insert(connection, schema.patient, values)


def _insert(connection: sa.Connection, table: sa.Table, values: Mapping[str, object]) -> int:
    [key] = connection.execute(sa.insert(table), values).inserted_primary_key or [0]
    return int(key)


def _count(connection: sa.Connection, parents: _Parents) -> None:
    """One instance more, and what is new above it."""
    connection.execute(
        _COUNT_SERIES,
        {"row_id": parents.series_id, "more_number_of_series_related_instances": 1},
    )
    connection.execute(
        _COUNT_STUDY,
        {
            "row_id": parents.study_id,
            "more_number_of_study_related_series": int(parents.new_series),
            "more_number_of_study_related_instances": 1,
            "modalities": parents.modalities,
            "sop_classes": parents.sop_classes,
        },
    )
    connection.execute(
        _COUNT_PATIENT,
        {
            "row_id": parents.patient_id,
            "more_number_of_patient_related_studies": int(parents.new_study),
            "more_number_of_patient_related_series": int(parents.new_series),
            "more_number_of_patient_related_instances": 1,
        },
    )


def _instance_values(new: NewInstance, series_id: int) -> dict[str, object]:
    record = new.record
    return {
        **attribute_values(Level.IMAGE, record.image),
        "series_id": series_id,
        "transfer_syntax_uid": record.transfer_syntax_uid,
        "frames": record.frames,
        "file_id": new.file_id,
        "size": new.size,
        "dataset_offset": new.dataset_offset,
        "dataset_sha256": new.dataset_sha256,
        "origin": new.origin.value,
        "source_ae_title": new.source_ae_title,
        "acquired_at": new.acquired_at,
        "stored_at": new.stored_at,
        "evidence": json.dumps(dict(new.evidence)) if new.evidence else "",
    }


def _with(values: str, value: str) -> str:
    """A set, as values joined by backslashes, with one more."""
    if not value:
        return values
    held = set(values.split("\\")) - {""}
    return values if value in held else "\\".join(sorted(held | {value}))
