"""Removes one instance from the index: its rows, empty rows above them, and their counts.

The counterpart of index/writer.insert_instance, in the caller's transaction.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from echonode.store.database import schema

_PLACE = (
    sa.select(
        schema.series.c.id.label("series_id"),
        schema.study.c.id.label("study_id"),
        schema.study.c.patient_id,
        schema.series.c.number_of_series_related_instances.label("in_series"),
        schema.study.c.number_of_study_related_instances.label("in_study"),
        schema.patient.c.number_of_patient_related_instances.label("of_patient"),
    )
    .select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    .where(schema.instance.c.id == sa.bindparam("instance_id"))
)


def remove_instance(connection: sa.Connection, instance_id: int) -> None:
    """Delete the instance, its deliveries, and series, study and patient that become empty."""
    place = place_of(connection, instance_id)
    _remove_deliveries(connection, instance_id)
    _delete(connection, schema.instance, instance_id)
    leave(connection, place)


def place_of(connection: sa.Connection, instance_id: int) -> sa.Row[*tuple[Any, ...]]:
    """Series, study and patient of an instance, and how many instances each has."""
    return connection.execute(_PLACE, {"instance_id": instance_id}).one()


def leave(connection: sa.Connection, place: sa.Row[*tuple[Any, ...]]) -> None:
    """Count one instance less above an instance that no longer belongs there."""
    last_of_series, last_of_study = place.in_series == 1, place.in_study == 1
    if last_of_series:
        _delete(connection, schema.series, place.series_id)
    else:
        _subtract(connection, schema.series, place.series_id, number_of_series_related_instances=1)
    if last_of_study:
        _delete(connection, schema.study, place.study_id)
    else:
        _subtract(
            connection,
            schema.study,
            place.study_id,
            number_of_study_related_instances=1,
            number_of_study_related_series=int(last_of_series),
        )
        _sum_up_study(connection, place.study_id)
    if place.of_patient == 1:
        _delete(connection, schema.patient, place.patient_id)
        return
    _subtract(
        connection,
        schema.patient,
        place.patient_id,
        number_of_patient_related_instances=1,
        number_of_patient_related_series=int(last_of_series),
        number_of_patient_related_studies=int(last_of_study),
    )


def _remove_deliveries(connection: sa.Connection, instance_id: int) -> None:
    """Delete deliveries and the items of transactions that name them; the transactions stay."""
    deliveries = sa.select(schema.delivery.c.id).where(schema.delivery.c.instance_id == instance_id)
    item = schema.commitment_item
    connection.execute(sa.delete(item).where(item.c.delivery_id.in_(deliveries)))
    connection.execute(
        sa.delete(schema.delivery).where(schema.delivery.c.instance_id == instance_id)
    )


def _delete(connection: sa.Connection, table: sa.Table, row_id: int) -> None:
    connection.execute(sa.delete(table).where(table.c.id == row_id))


def _subtract(connection: sa.Connection, table: sa.Table, row_id: int, **fewer: int) -> None:
    changes = {count: table.c[count] - by for count, by in fewer.items()}
    connection.execute(sa.update(table).where(table.c.id == row_id).values(changes))


def _sum_up_study(connection: sa.Connection, study_id: int) -> None:
    """Modalities in Study and SOP Classes in Study, of the instances that stay."""
    in_study = schema.series.c.study_id == study_id
    modalities = sa.select(schema.series.c.modality).where(in_study).distinct()
    classes = (
        sa.select(schema.instance.c.sop_class_uid)
        .select_from(schema.instance.join(schema.series))
        .where(in_study)
        .distinct()
    )
    connection.execute(
        sa.update(schema.study)
        .where(schema.study.c.id == study_id)
        .values(
            modalities_in_study=_set(connection, modalities),
            sop_classes_in_study=_set(connection, classes),
        )
    )


def _set(connection: sa.Connection, statement: sa.Select[str]) -> str:
    """Distinct values, sorted, joined by backslashes."""
    return "\\".join(sorted(value for value in connection.execute(statement).scalars() if value))
