"""What the database knows of an instance before it is inserted: all of it by one statement.

Rules
- One statement and not five: on a PostgreSQL server each costs a way there and back, which is most
  of what an insertion takes.
- It reads within the caller's transaction, after the locks that the transaction began with
  (database/connections.py, `locking`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from echonode.model.attributes import ATTRIBUTES
from echonode.model.instance import InstanceRecord
from echonode.store.database import schema
from echonode.store.database.exam_holds import HOLD_COLUMNS, Hold, hold_from
from echonode.store.index.patient_identity import DIFFERING

Row = sa.Row[*tuple[Any, ...]]

_patient, _study, _series = schema.patient.c, schema.study.c, schema.series.c
_exam, _capture = schema.exam.c, schema.exam_capture.c
_tombstone, _deleted = schema.tombstone.c, schema.deleted_instance.c
_DIGEST_BYTES = 16

OF_PATIENT = {keyword: _patient[ATTRIBUTES[keyword].column] for keyword in DIFFERING}
PATIENT_COLUMNS = (
    _patient.id.label("patient_id"),
    _patient.identity,
    _patient.varied,
    *OF_PATIENT.values(),
)
_STUDY_COLUMNS = (
    _series.id.label("series_id"),
    _study.id.label("study_id"),
    _study.modalities_in_study,
    _study.sop_classes_in_study,
    *PATIENT_COLUMNS,
)
_OF_STUDY = _study.study_instance_uid == sa.bindparam("study_uid")
_OF_SERIES = sa.and_(
    _series.study_id == _study.id, _series.series_instance_uid == sa.bindparam("series_uid")
)
_STUDIES = (
    sa.select(*_STUDY_COLUMNS)
    .select_from(schema.study.join(schema.patient).outerjoin(schema.series, _OF_SERIES))
    .where(_OF_STUDY)
)
# A row in any case, and one for each study of the UID: of several patients there are several.
_ASKED = sa.select(sa.literal_column("1").label("one")).subquery("asked")
_KNOWN = sa.select(
    sa.select(schema.instance.c.dataset_sha256)
    .where(schema.instance.c.sop_instance_uid == sa.bindparam("uid"))
    .scalar_subquery()
    .label("stored_sha256"),
    sa.select(_tombstone.dataset_sha256)
    .where(_tombstone.sop_instance_uid == sa.bindparam("uid"))
    .scalar_subquery()
    .label("deleted_sha256"),
    sa.select(_deleted.dataset_digest)
    .where(_deleted.uid_digest == sa.bindparam("uid_digest", type_=sa.LargeBinary))
    .scalar_subquery()
    .label("deleted_digest"),
    _exam.id.label("exam_id"),
    *(column.label(name) for name, column in HOLD_COLUMNS.items()),
    *_STUDY_COLUMNS,
).select_from(
    _ASKED.outerjoin(schema.exam_capture, _capture.sop_instance_uid == sa.bindparam("uid"))
    .outerjoin(schema.exam, _exam.id == _capture.exam_id)
    .outerjoin(schema.study, _OF_STUDY)
    .outerjoin(schema.patient, _patient.id == _study.patient_id)
    .outerjoin(schema.series, _OF_SERIES)
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """stored_sha256: of the instance that is here; None where none is.

    deleted_sha256, deleted_digest: of one that retention deleted, as long as the whole is kept and
    after. hold: why its deliveries wait. studies: see `studies_of`.
    """

    stored_sha256: str | None
    deleted_sha256: str | None
    deleted_digest: bytes | None
    hold: Hold
    studies: tuple[Row, ...]

    def was_deleted_with_other_bytes(self, dataset_sha256: str) -> bool:
        """Whether an instance with this UID and other bytes was deleted here: archives hold it."""
        if self.deleted_sha256 is not None:
            return self.deleted_sha256 != dataset_sha256
        return self.deleted_digest is not None and self.deleted_digest != _short(dataset_sha256)


def look_up(connection: sa.Connection, record: InstanceRecord) -> Known:
    """What is known of an instance, and of the studies and series that its dataset names."""
    rows = connection.execute(
        _KNOWN,
        {
            "uid": record.sop_instance_uid,
            "uid_digest": uid_digest(record.sop_instance_uid),
            "study_uid": record.study_instance_uid,
            "series_uid": record.series_instance_uid,
        },
    ).all()
    first = rows[0]
    return Known(
        stored_sha256=first.stored_sha256,
        deleted_sha256=first.deleted_sha256,
        deleted_digest=first.deleted_digest,
        hold=hold_from(first if first.exam_id is not None else None),
        studies=tuple(row for row in rows if row.study_id is not None),
    )


def studies_of(connection: sa.Connection, record: InstanceRecord) -> tuple[Row, ...]:
    """The studies of its UID, each with its patient, and with the series where it is in it."""
    uids = {"study_uid": record.study_instance_uid, "series_uid": record.series_instance_uid}
    return tuple(connection.execute(_STUDIES, uids))


def uid_digest(sop_instance_uid: str) -> bytes:
    """What stays of a deleted instance's UID (history_schema.deleted_instance)."""
    return hashlib.sha256(sop_instance_uid.encode()).digest()[:_DIGEST_BYTES]


def _short(dataset_sha256: str) -> bytes:
    return bytes.fromhex(dataset_sha256)[:_DIGEST_BYTES]


def digests(sop_instance_uid: str, dataset_sha256: str) -> tuple[bytes, bytes]:
    """What stays of a deleted instance's UID and bytes (history_schema.deleted_instance)."""
    return uid_digest(sop_instance_uid), _short(dataset_sha256)
