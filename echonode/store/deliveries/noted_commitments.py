"""An archive's promise for a delivery that is held: noted, and good for it once it is released.

Rules
- A hold keeps a delivery where it is, whatever is reported. A promise that comes meanwhile is noted
  with its transaction; on release the delivery is committed instead of sent again.
- It is one of what the archive has: of the last sending, by a request made since, and no request
  made since has failed. What was released before, and so waits to be sent again, has none.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.model.delivery import DeliveryState
from echonode.store.database import schema

COMMITTED = 0  # commitment_item.outcome; no Failure Reason is 0
_D = schema.delivery.c
_I = schema.commitment_item.c
_T = schema.commitment_transaction.c
_C = schema.derived_copy.c

# Of what the archive was last given, by requests made since then.
_ASKED_SINCE = (
    sa.select(_I.outcome, _I.commitment_transaction_id)
    .select_from(
        schema.commitment_item.join(schema.commitment_transaction)
        .join(schema.delivery, _D.id == _I.delivery_id)
        .outerjoin(schema.derived_copy, _C.delivery_id == _D.id)
    )
    .where(
        _D.id == sa.bindparam("delivery_id"),
        _D.state == DeliveryState.HELD.value,
        _D.attempts > 0,  # a release counts them from nothing
        _T.requested_at >= _D.sent_at,
        _I.derived_sop_instance_uid == sa.func.coalesce(_C.sop_instance_uid, ""),
    )
)


def can_be_noted(connection: sa.Connection, delivery_id: int, transaction_id: int) -> bool:
    """Whether a promise by this transaction is of what the archive has of a held delivery."""
    asked = connection.execute(_ASKED_SINCE, {"delivery_id": delivery_id}).all()
    by_this = any(row.commitment_transaction_id == transaction_id for row in asked)
    return by_this and all(row.outcome in (None, COMMITTED) for row in asked)


def is_noted(connection: sa.Connection, delivery_id: int) -> bool:
    """Whether a held delivery has a promise that is good for it."""
    outcomes = set(connection.execute(_ASKED_SINCE, {"delivery_id": delivery_id}).scalars())
    return COMMITTED in outcomes and outcomes <= {None, COMMITTED}
