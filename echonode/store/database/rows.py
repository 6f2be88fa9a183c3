"""Rows of the database as the values that leave the store."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeVar

import sqlalchemy as sa

from echonode.errors import IndexDamaged
from echonode.model.delivery import DeliveryState
from echonode.model.instance import StoredInstance
from echonode.store.database import derived_copies, schema
from echonode.store.files.layout import Layout
from echonode.store.values import DeliveryJob

E = TypeVar("E", bound=StrEnum)

JOINED = schema.patient.join(schema.study).join(schema.series).join(schema.instance)
_UPWARDS = schema.instance.join(schema.series).join(schema.study)
_INSTANCE_COLUMNS = (
    schema.instance.c.sop_class_uid,
    schema.instance.c.sop_instance_uid,
    schema.study.c.study_instance_uid,
    schema.series.c.series_instance_uid,
    schema.instance.c.transfer_syntax_uid,
    schema.instance.c.file_id,
    schema.instance.c.size,
    schema.instance.c.dataset_offset,
    schema.instance.c.dataset_sha256,
)
_JOB = schema.delivery.c

# With the patient, because a C-MOVE may name one.
SELECT_INSTANCES = sa.select(*_INSTANCE_COLUMNS).select_from(JOINED)
SELECT_INSTANCE = sa.select(*_INSTANCE_COLUMNS).select_from(_UPWARDS)
SELECT_JOBS = sa.select(
    _JOB.id,
    _JOB.destination,
    _JOB.state,
    _JOB.attempts,
    _JOB.last_status,
    _JOB.last_error,
    _JOB.next_attempt_at,
    _JOB.acquired_at,
    _JOB.sent_at,
    _JOB.commitments_asked,
    _JOB.commitments_failed,
    _JOB.first_asked_at,
    *_INSTANCE_COLUMNS,
    *derived_copies.COLUMNS,
).select_from(schema.delivery.join(_UPWARDS).outerjoin(schema.derived_copy))


def parse_enum(values: type[E], text: str) -> E:
    """The enum member that a column holds. Raises IndexDamaged where it is not one of them."""
    try:
        return values(text)
    except ValueError:
        raise IndexDamaged(f"the database holds what is no {values.__name__}") from None


def stored_instance(row: sa.Row[*tuple[Any, ...]], layout: Layout) -> StoredInstance:
    """A row of SELECT_INSTANCE, or of a statement with the same columns."""
    return StoredInstance(
        sop_class_uid=row.sop_class_uid,
        sop_instance_uid=row.sop_instance_uid,
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        path=layout.instance_file(row.file_id),
        size=row.size,
        dataset_offset=row.dataset_offset,
        dataset_sha256=row.dataset_sha256,
        remote=layout.remote,
        cipher=layout.cipher,
    )


def delivery_job(row: sa.Row[*tuple[Any, ...]], layout: Layout) -> DeliveryJob:
    """A row of SELECT_JOBS."""
    return DeliveryJob(
        id=row.id,
        destination=row.destination,
        state=parse_enum(DeliveryState, row.state),
        attempts=row.attempts,
        last_status=row.last_status,
        last_error=row.last_error,
        next_attempt_at=row.next_attempt_at,
        acquired_at=row.acquired_at,
        sent_at=row.sent_at,
        commitments_asked=row.commitments_asked,
        commitments_failed=row.commitments_failed,
        first_asked_at=row.first_asked_at,
        instance=stored_instance(row, layout),
        derived=derived_copies.derived_copy_of(row),
    )
