"""Conflicts of identity: noted as they come, standing until acknowledged or one side has gone.

Rules
- A conflict is noted by the transaction that stores the image which makes it, once; the same again
  changes nothing, also after it was acknowledged.
- Whether it stands is read from the index, not remembered: as soon as one side has gone (deleted,
  or moved by `reindex`) it does not stand any more. `forget_settled` then removes it, so that it
  is told again should it come again.
- UIDs only; no patient data.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.model.instance import ConflictKind, IdentityConflict
from echonode.store.database import schema
from echonode.store.database.event_log import Note, note
from echonode.store.database.rows import member

MOST_TOLD = (
    100  # standing conflicts that an alarm counts; a sender that reuses UIDs makes thousands
)

_C = schema.identity_conflict.c
_I, _S, _T = schema.instance.c, schema.series.c, schema.study.c
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
    """Write it down, with the flight recorder's event, unless it is known."""
    values = {
        "kind": conflict.kind.value,
        "study_instance_uid": conflict.study_instance_uid,
        "series_instance_uid": conflict.series_instance_uid,
    }
    same = [_C[name] == value for name, value in values.items()]
    if connection.scalar(sa.select(_C.id).where(*same)) is not None:
        return
    connection.execute(sa.insert(schema.identity_conflict), {**values, "found_at": now})
    what = Note(
        kind="identity_conflict",
        study_instance_uid=conflict.study_instance_uid,
        sop_instance_uid=sop_instance_uid,
        detail=_DETAIL[conflict.kind],
    )
    note(connection, what, now=now)


def _both_sides() -> sa.ColumnElement[bool]:
    """Whether what a row of identity_conflict tells of is still so."""
    two_studies = sa.exists().where(
        _OF_STUDY.c.study_instance_uid == _C.study_instance_uid,
        _OTHER.c.study_instance_uid == _C.study_instance_uid,
        _OTHER.c.id > _OF_STUDY.c.id,
    )
    in_two_studies = sa.exists().where(
        _SERIES.c.series_instance_uid == _C.series_instance_uid,
        _OTHER_SERIES.c.series_instance_uid == _C.series_instance_uid,
        _OF_STUDY.c.id == _SERIES.c.study_id,
        _OTHER.c.id == _OTHER_SERIES.c.study_id,
        _OF_STUDY.c.study_instance_uid == _C.study_instance_uid,
        _OTHER.c.study_instance_uid != _C.study_instance_uid,
    )
    below = schema.instance.join(schema.series).join(schema.study)
    with_own = sa.exists(
        sa.select(_I.id)
        .select_from(below)
        .where(_T.study_instance_uid == _C.study_instance_uid, _I.own_patient != "")
    )
    without = sa.exists(
        sa.select(_I.id)
        .select_from(below.join(_OF_STUDY, _OF_STUDY.c.patient_id == _T.patient_id))
        .where(_OF_STUDY.c.study_instance_uid == _C.study_instance_uid, _I.own_patient == "")
    )
    return sa.case(
        (_C.kind == ConflictKind.STUDY.value, two_studies),
        (_C.kind == ConflictKind.SERIES.value, in_two_studies),
        else_=sa.and_(with_own, without),
    )


_STANDING = (
    sa.select(_C.kind, _C.study_instance_uid, _C.series_instance_uid)
    .where(_C.acknowledged_at.is_(None), _both_sides())
    .order_by(_C.id)
    .limit(MOST_TOLD)
)


def standing(connection: sa.Connection) -> tuple[IdentityConflict, ...]:
    """What a person has not acknowledged yet and is still so, the eldest first."""
    return tuple(
        IdentityConflict(
            kind=member(ConflictKind, row.kind),
            study_instance_uid=row.study_instance_uid,
            series_instance_uid=row.series_instance_uid,
        )
        for row in connection.execute(_STANDING)
    )


def forget_settled(connection: sa.Connection) -> int:
    """Remove those of which one side has gone; how many."""
    settled = sa.delete(schema.identity_conflict).where(sa.not_(_both_sides()))
    return connection.execute(settled).rowcount


def acknowledge(connection: sa.Connection, study_instance_uid: str, *, now: datetime) -> int:
    """A person has seen the conflicts of a study; how many were not acknowledged yet."""
    found = connection.execute(
        sa.update(schema.identity_conflict)
        .where(_C.study_instance_uid == study_instance_uid, _C.acknowledged_at.is_(None))
        .values(acknowledged_at=now)
    )
    if found.rowcount:
        what = Note(
            kind="identity_conflict_acknowledged",
            study_instance_uid=study_instance_uid,
            detail="by the operator",
        )
        note(connection, what, now=now)
    return found.rowcount
