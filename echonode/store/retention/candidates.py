"""The observed clock in the database, and the instances that may be deleted (rules: policy.py)."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from echonode.model.delivery import DeliveryState
from echonode.store.database import counters, schema
from echonode.store.database.rows import parse_enum
from echonode.store.retention.policy import DestinationProof, RetentionPolicy, why_kept

ROWS_AT_ONCE = 500  # deliveries read at once; instances deleted by one transaction
# What `next_page` begins with: (observed seconds, id of the delivery).
START = (0, 0)

_delivery = schema.delivery.c
_copy = schema.derived_copy.c
WITH_COPIES = schema.delivery.outerjoin(schema.derived_copy)
_OBSERVED = "observed_seconds"

_SEEN = (
    sa.select(_delivery.id, _delivery.instance_id, _delivery.proof_seen_s)
    .where(
        _delivery.proof_seen_s.is_not(None),
        _delivery.proof_seen_s <= sa.bindparam("latest", type_=sa.Integer),
        sa.tuple_(_delivery.proof_seen_s, _delivery.id)
        > sa.tuple_(
            sa.bindparam("after_s", type_=sa.Integer), sa.bindparam("after_id", type_=sa.Integer)
        ),
    )
    .order_by(_delivery.proof_seen_s, _delivery.id)
    .limit(ROWS_AT_ONCE)
)
# The literal text of the partial index, or SQLite would not use it.
_UNSEEN = sa.select(_delivery.id).where(
    sa.text("state IN ('committed', 'verified') AND proof_seen_s IS NULL")
)


def observe(connection: sa.Connection, seconds: int) -> int:
    """Advance the observed clock, and mark the proofs that it sees now; returns the clock."""
    observed_s = counters.add(connection, _OBSERVED, seconds)
    connection.execute(
        sa.update(schema.delivery).where(_delivery.id.in_(_UNSEEN)).values(proof_seen_s=observed_s)
    )
    return observed_s


def read_observed_s(connection: sa.Connection) -> int:
    """The observed clock, in seconds since this database was made."""
    return counters.read(connection, _OBSERVED)


def next_page(
    connection: sa.Connection, policy: RetentionPolicy, after: tuple[int, int]
) -> tuple[list[int], tuple[int, int]]:
    """The instances that may be deleted of the next deliveries with proof, and where to go on.

    The place is START again after the last delivery.
    """
    observed_s = read_observed_s(connection)
    page = connection.execute(
        _SEEN,
        {
            "latest": observed_s - int(policy.keep_s),
            "after_s": after[0],
            "after_id": after[1],
        },
    ).all()
    is_full = len(page) == ROWS_AT_ONCE
    ids = list(dict.fromkeys(row.instance_id for row in page))
    place = (page[-1].proof_seen_s, page[-1].id) if is_full else START
    return may_be_deleted(connection, ids, policy), place


def may_be_deleted(
    connection: sa.Connection, ids: Sequence[int], policy: RetentionPolicy
) -> list[int]:
    """Those of `ids` that the policy allows to be deleted now."""
    observed_s = read_observed_s(connection)
    holdings: dict[int, list[DestinationProof]] = {}
    rows = connection.execute(
        sa.select(
            _delivery.instance_id,
            _delivery.destination,
            _delivery.state,
            _delivery.keep_local_copy,
            _delivery.proof_seen_s,
            _copy.anonymised_by,
        )
        .select_from(WITH_COPIES)
        .where(_delivery.instance_id.in_(ids))
    )
    for row in rows:
        holdings.setdefault(row.instance_id, []).append(
            DestinationProof(
                destination=row.destination,
                state=parse_enum(DeliveryState, row.state),
                keep_local_copy=row.keep_local_copy,
                lossy_copy=row.anonymised_by == "",
                anonymised_copy=bool(row.anonymised_by),
                proof_seen_s=row.proof_seen_s,
            )
        )
    return [
        key for key, held in holdings.items() if not why_kept(held, policy, observed_s=observed_s)
    ]
