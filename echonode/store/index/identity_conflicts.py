"""Conflicts of identity: recorded once, open until acknowledged or until one side is deleted.

Rules
- The transaction that stores the image which causes a conflict records it, once; the same conflict
  again changes nothing, also after it was acknowledged.
- Whether a conflict is open is read from the index, not stored: once one side is deleted (or moved
  by `reindex`) it is not. `forget_settled` then removes it, so that it is reported again when it
  returns.
- UIDs only; no patient data.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.model.instance import ConflictKind, IdentityConflict
from echonode.store.database import schema
from echonode.store.database.event_log import NewEvent, add_event
from echonode.store.database.rows import parse_enum

MOST_TOLD = 100  # open conflicts that an alarm counts; a sender that reuses UIDs causes thousands

_conflict = schema.identity_conflict.c
_instance, _series, _study = schema.instance.c, schema.series.c, schema.study.c
_OF_STUDY = schema.study.alias()
_OTHER = schema.study.alias()
_SERIES = schema.series.alias()
_OTHER_SERIES = schema.series.alias()
_DETAIL = {
    ConflictKind.STUDY: "its Study Instance UID is also another patient's",
    ConflictKind.SERIES: "its Series Instance UID is also in another study",
    ConflictKind.PATIENT: "its Patient ID came with a name or birth date of another person",
}


def note_conflict(
    connection: sa.Connection,
    conflict: IdentityConflict,
    sop_instance_uid: str,
    *,
    now: datetime,
) -> None:
    """Record it, with an event in the event log, unless it is known."""
    values = {
        "kind": conflict.kind.value,
        "study_instance_uid": conflict.study_instance_uid,
        "series_instance_uid": conflict.series_instance_uid,
    }
    same = [_conflict[name] == value for name, value in values.items()]
    if connection.scalar(sa.select(_conflict.id).where(*same)) is not None:
        return
    connection.execute(sa.insert(schema.identity_conflict), {**values, "found_at": now})
    what = NewEvent(
        kind="identity_conflict",
        study_instance_uid=conflict.study_instance_uid,
        sop_instance_uid=sop_instance_uid,
        detail=_DETAIL[conflict.kind],
    )
    add_event(connection, what, now=now)


def _both_sides() -> sa.ColumnElement[bool]:
    """Whether both sides of a row of identity_conflict still exist."""
    two_studies = sa.exists().where(
        _OF_STUDY.c.study_instance_uid == _conflict.study_instance_uid,
        _OTHER.c.study_instance_uid == _conflict.study_instance_uid,
        _OTHER.c.id > _OF_STUDY.c.id,
    )
    in_two_studies = sa.exists().where(
        _SERIES.c.series_instance_uid == _conflict.series_instance_uid,
        _OTHER_SERIES.c.series_instance_uid == _conflict.series_instance_uid,
        _OF_STUDY.c.id == _SERIES.c.study_id,
        _OTHER.c.id == _OTHER_SERIES.c.study_id,
        _OF_STUDY.c.study_instance_uid == _conflict.study_instance_uid,
        _OTHER.c.study_instance_uid != _conflict.study_instance_uid,
    )
    below = schema.instance.join(schema.series).join(schema.study)
    with_own = sa.exists(
        sa.select(_instance.id)
        .select_from(below)
        .where(
            _study.study_instance_uid == _conflict.study_instance_uid, _instance.own_patient != ""
        )
    )
    without = sa.exists(
        sa.select(_instance.id)
        .select_from(below.join(_OF_STUDY, _OF_STUDY.c.patient_id == _study.patient_id))
        .where(
            _OF_STUDY.c.study_instance_uid == _conflict.study_instance_uid,
            _instance.own_patient == "",
        )
    )
    return sa.case(
        (_conflict.kind == ConflictKind.STUDY.value, two_studies),
        (_conflict.kind == ConflictKind.SERIES.value, in_two_studies),
        else_=sa.and_(with_own, without),
    )


_STANDING = (
    sa.select(_conflict.kind, _conflict.study_instance_uid, _conflict.series_instance_uid)
    .where(_conflict.acknowledged_at.is_(None), _both_sides())
    .order_by(_conflict.id)
    .limit(MOST_TOLD)
)


def standing(connection: sa.Connection) -> tuple[IdentityConflict, ...]:
    """Conflicts that are open and not acknowledged, the oldest first."""
    return tuple(
        IdentityConflict(
            kind=parse_enum(ConflictKind, row.kind),
            study_instance_uid=row.study_instance_uid,
            series_instance_uid=row.series_instance_uid,
        )
        for row in connection.execute(_STANDING)
    )


def forget_settled(connection: sa.Connection) -> int:
    """Remove those of which one side is deleted; returns how many."""
    settled = sa.delete(schema.identity_conflict).where(sa.not_(_both_sides()))
    return connection.execute(settled).rowcount


def acknowledge(connection: sa.Connection, study_instance_uid: str, *, now: datetime) -> int:
    """A person has seen the conflicts of a study; returns how many were not acknowledged yet."""
    found = connection.execute(
        sa.update(schema.identity_conflict)
        .where(
            _conflict.study_instance_uid == study_instance_uid, _conflict.acknowledged_at.is_(None)
        )
        .values(acknowledged_at=now)
    )
    if found.rowcount:
        what = NewEvent(
            kind="identity_conflict_acknowledged",
            study_instance_uid=study_instance_uid,
            detail="by the operator",
        )
        add_event(connection, what, now=now)
    return found.rowcount
