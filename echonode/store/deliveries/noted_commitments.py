"""An archive's commitment for a held delivery: noted, and valid for it once it is released.

Rules
- A hold keeps a delivery in its state, whatever is reported. A commitment that comes during the
  hold is noted with its transaction; on release the delivery is committed instead of sent again.
- The commitment must concern what the archive has now: the last sending, by a request made since
  then, and no request made since then has failed. A delivery that was released earlier, and so
  waits to be sent again, has none.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.model.delivery import DeliveryState
from echonode.store.database import schema

COMMITTED = 0  # commitment_item.outcome; no Failure Reason is 0
_delivery = schema.delivery.c
_item = schema.commitment_item.c
_transaction = schema.commitment_transaction.c
_copy = schema.derived_copy.c

# Of what the archive was last given, by requests made since then.
_ASKED_SINCE = (
    sa.select(_item.outcome, _item.commitment_transaction_id)
    .select_from(
        schema.commitment_item.join(schema.commitment_transaction)
        .join(schema.delivery, _delivery.id == _item.delivery_id)
        .outerjoin(schema.derived_copy, _copy.delivery_id == _delivery.id)
    )
    .where(
        _delivery.id == sa.bindparam("delivery_id"),
        _delivery.state == DeliveryState.HELD.value,
        _delivery.attempts > 0,  # a release resets them to zero
        _transaction.requested_at >= _delivery.sent_at,
        _item.derived_sop_instance_uid == sa.func.coalesce(_copy.sop_instance_uid, ""),
    )
)


def can_be_noted(connection: sa.Connection, delivery_id: int, transaction_id: int) -> bool:
    """Whether this transaction's commitment concerns what the archive has of a held delivery."""
    asked = connection.execute(_ASKED_SINCE, {"delivery_id": delivery_id}).all()
    by_this = any(row.commitment_transaction_id == transaction_id for row in asked)
    return by_this and all(row.outcome in (None, COMMITTED) for row in asked)


def is_noted(connection: sa.Connection, delivery_id: int) -> bool:
    """Whether a held delivery has a commitment that is valid for it."""
    outcomes = set(connection.execute(_ASKED_SINCE, {"delivery_id": delivery_id}).scalars())
    return COMMITTED in outcomes and outcomes <= {None, COMMITTED}
