"""Moves an instance to the patient that its file names, with its own patient attributes.

For rows of an older EchoNode, which kept everything under one Study Instance UID with the first
patient. Each call is part of the caller's transaction and leaves every count right; a second call
changes nothing.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.model.instance import InstanceRecord
from echonode.store.database import schema
from echonode.store.index.identity_conflicts import note_conflict
from echonode.store.index.parents import Parents, count_in, parents_of
from echonode.store.index.removal import leave, place_of

_instance, _series, _study = schema.instance.c, schema.series.c, schema.study.c


def place_by_file(
    connection: sa.Connection, instance_id: int, record: InstanceRecord, *, now: datetime
) -> bool:
    """Move an instance to the patient that its file names; returns whether it was another's."""
    place = place_of(connection, instance_id)
    parents = parents_of(connection, record)
    values = {"series_id": parents.series_id, "own_patient": parents.own_patient}
    connection.execute(
        sa.update(schema.instance)
        .where(
            _instance.id == instance_id,
            sa.or_(
                _instance.series_id != parents.series_id,
                _instance.own_patient != parents.own_patient,
            ),
        )
        .values(values)
    )
    for conflict in parents.conflicts:
        note_conflict(connection, conflict, record.sop_instance_uid, now=now)
    if parents.series_id == place.series_id:
        _show_first(connection, instance_id, parents)
        return False
    leave(connection, place)
    count_in(connection, parents)
    return True


def _show_first(connection: sa.Connection, instance_id: int, parents: Parents) -> None:
    """Series and study show their patient with the attributes of their first instance."""
    in_series = sa.select(sa.func.min(_instance.id)).where(_instance.series_id == parents.series_id)
    in_study = (
        sa.select(sa.func.min(_instance.id))
        .select_from(schema.instance.join(schema.series))
        .where(_series.study_id == parents.study_id)
    )
    for table, key, first in (
        (schema.series, parents.series_id, in_series),
        (schema.study, parents.study_id, in_study),
    ):
        connection.execute(
            sa.update(table)
            .where(
                table.c.id == key,
                table.c.own_patient != parents.own_patient,
                first.scalar_subquery() == instance_id,
            )
            .values(own_patient=parents.own_patient)
        )
