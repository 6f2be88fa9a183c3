"""An instance's row, the counts above it and its deliveries, by one statement of PostgreSQL.

Rules
- It does what writer.py does by five statements where each costs nothing on its way.
- The parts of such a statement (data-modifying WITH) see none of each other's changes: each changes
  another table, and the deliveries get the instance's key from what its part returns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from echonode.store.database import schema
from echonode.store.index.parents import (
    COUNT_PATIENT,
    COUNT_SERIES,
    COUNT_STUDY,
    Parents,
    counted_in,
)

_delivery = schema.delivery.c
_NOT_GIVEN = frozenset({"id", "file_missing"})
_COLUMNS = [column for column in schema.instance.c if column.name not in _NOT_GIVEN]
_inserted = (
    sa.insert(schema.instance)
    .values({column.name: sa.bindparam(f"new_{column.name}") for column in _COLUMNS})
    .values(file_missing=False)
    .returning(schema.instance.c.id)
    .cte("inserted")
)
# One for each destination; what else a new delivery holds is the same for all of an instance.
_destination = sa.func.unnest(sa.bindparam("destinations", type_=postgresql.ARRAY(sa.Text)))
_SAME = (
    _delivery.state,
    _delivery.last_error,
    _delivery.next_attempt_at,
    _delivery.acquired_at,
)
# SQLAlchemy fills in no defaults of a statement that has another within.
_COUNTS = (_delivery.attempts, _delivery.commitments_asked, _delivery.commitments_failed)
_TOGETHER = (
    sa.insert(schema.delivery)
    .from_select(
        [_delivery.instance_id, _delivery.destination, *_SAME, *_COUNTS],
        sa.select(
            _inserted.c.id,
            _destination,
            *(sa.bindparam(f"due_{column.name}", type_=column.type) for column in _SAME),
            *(sa.literal_column("0", column.type) for column in _COUNTS),
        ),
        include_defaults=False,
    )
    .add_cte(
        COUNT_SERIES.cte("counted_series"),
        COUNT_STUDY.cte("counted_study"),
        COUNT_PATIENT.cte("counted_patient"),
    )
)
_NO_DELIVERY: Mapping[str, object] = {
    "state": "queued",
    "last_error": "",
    "next_attempt_at": None,
    "acquired_at": None,
}


def insert_together(
    connection: sa.Connection,
    values: Mapping[str, object],
    parents: Parents,
    deliveries: Sequence[Mapping[str, object]],
) -> None:
    """Insert an instance and its deliveries, and count it in.

    values: of the instance's columns. deliveries: without `instance_id`; they differ in their
    destination alone.
    """
    same = deliveries[0] if deliveries else _NO_DELIVERY
    of_series, of_study, of_patient = counted_in(parents)
    connection.execute(
        _TOGETHER,
        {
            **{f"new_{name}": value for name, value in values.items()},
            **of_series,
            **of_study,
            **of_patient,
            "destinations": [delivery["destination"] for delivery in deliveries],
            **{f"due_{column.name}": same[column.name] for column in _SAME},
        },
    )
