"""What an archive was sent instead of an instance, stored with the delivery.

Written by the transaction that makes the delivery `sent`, and read with every job: requests for
commitment and queries name what the archive really has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from echonode.model.instance import DerivedCopy
from echonode.store.database import schema
from echonode.store.values import Attempt

_copy = schema.derived_copy.c

# For statements with an outer join of derived_copy; read by `derived_copy_of`.
COLUMNS = (
    _copy.sop_class_uid.label("derived_sop_class_uid"),
    _copy.sop_instance_uid.label("derived_sop_instance_uid"),
    _copy.transfer_syntax_uid.label("derived_transfer_syntax_uid"),
    _copy.dataset_sha256.label("derived_dataset_sha256"),
    _copy.study_instance_uid.label("derived_study_instance_uid"),
    _copy.series_instance_uid.label("derived_series_instance_uid"),
    _copy.anonymised_by.label("derived_anonymised_by"),
)


def derived_copy_of(row: sa.Row[*tuple[Any, ...]]) -> DerivedCopy | None:
    """The copy in a row with COLUMNS; None where the instance itself or nothing was sent."""
    if row.derived_sop_instance_uid is None:
        return None
    return DerivedCopy(
        sop_class_uid=row.derived_sop_class_uid,
        sop_instance_uid=row.derived_sop_instance_uid,
        transfer_syntax_uid=row.derived_transfer_syntax_uid,
        dataset_sha256=row.derived_dataset_sha256,
        study_instance_uid=row.derived_study_instance_uid,
        series_instance_uid=row.derived_series_instance_uid,
        anonymised_by=row.derived_anonymised_by,
    )


def remember(connection: sa.Connection, attempts: Sequence[Attempt]) -> None:
    """What each of these attempts sent to its archive, where it was stored; the last one counts."""
    connection.execute(
        sa.delete(schema.derived_copy).where(
            _copy.delivery_id.in_([attempt.job_id for attempt in attempts])
        )
    )
    copies = [
        {"delivery_id": attempt.job_id, **asdict(attempt.derived)}
        for attempt in attempts
        if attempt.derived is not None
    ]
    if copies:
        connection.execute(sa.insert(schema.derived_copy), copies)


def derived_uids(connection: sa.Connection, delivery_ids: Sequence[int]) -> dict[int, str]:
    """Delivery -> SOP Instance UID of the copy that was sent, of those that have one."""
    found = connection.execute(
        sa.select(_copy.delivery_id, _copy.sop_instance_uid).where(
            _copy.delivery_id.in_(delivery_ids)
        )
    )
    return {row.delivery_id: row.sop_instance_uid for row in found}


def proof_remark(connection: sa.Connection, delivery_id: int) -> str:
    """What a proof of this delivery concerns, for the ledger; '' for the instance itself."""
    row = connection.execute(sa.select(*COLUMNS).where(_copy.delivery_id == delivery_id)).first()
    copy = None if row is None else derived_copy_of(row)
    return f"the archive holds {copy.remark}" if copy else ""
