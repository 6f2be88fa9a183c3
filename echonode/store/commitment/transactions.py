"""Storage commitment transactions of ours, from before the N-ACTION to their end.

A transaction and the waiting of its deliveries begin and end together, each in one database
transaction: no delivery ever waits for a report that no open transaction could bring. reports.py
says what a report does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import UsageError
from echonode.model.commitment import TransactionEvent, TransactionState
from echonode.model.commitment import after as transaction_after
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.delivery import after as delivery_after
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.derived_copies import derived_uids
from echonode.store.database.event_log import NewEvent, add_delivery_events, add_event
from echonode.store.database.rows import parse_enum
from echonode.store.deliveries.attempts import apply_attempt
from echonode.store.values import Attempt, Transaction

_transaction = schema.commitment_transaction.c
_delivery = schema.delivery.c
_item = schema.commitment_item.c
_OPEN = [TransactionState.CREATED.value, TransactionState.REQUESTED.value]

_OPEN_TRANSACTIONS = (
    sa.select(
        _transaction.transaction_uid,
        _transaction.destination,
        _transaction.peer_ae_title,
        _transaction.state,
        _transaction.requested_at,
        _transaction.first_requested_at,
        _transaction.times_asked,
        sa.select(sa.func.count())
        .where(_item.commitment_transaction_id == _transaction.id)
        .scalar_subquery()
        .label("instances"),
    )
    .where(_transaction.destination == sa.bindparam("destination"), _transaction.state.in_(_OPEN))
    .order_by(_transaction.requested_at, _transaction.id)
)


class Transactions:
    """Transactions in which we ask. Thread-safe."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def create(
        self,
        destination: str,
        transaction_uid: str,
        job_ids: Sequence[int],
        *,
        peer_ae_title: str,
        now: datetime,
    ) -> None:
        """Record a transaction before its N-ACTION; its jobs, all `sent`, wait for its report.

        peer_ae_title: the only AE whose report will count. Raises IllegalTransition, UsageError.
        """
        if not job_ids:
            raise UsageError("a commitment transaction names at least one instance")

        def work(connection: sa.Connection) -> None:
            asked, first = _ask(connection, destination, job_ids, now)
            [key] = connection.execute(
                sa.insert(schema.commitment_transaction),
                {
                    "transaction_uid": transaction_uid,
                    "destination": destination,
                    "peer_ae_title": peer_ae_title,
                    "state": TransactionState.CREATED.value,
                    "requested_at": now,
                    "first_requested_at": first,
                    "times_asked": asked,
                },
            ).inserted_primary_key or [0]
            connection.execute(
                sa.insert(schema.commitment_item), _items(connection, int(key), job_ids)
            )
            _wait_for(connection, int(key), job_ids)
            add_delivery_events(
                connection, job_ids, kind="ask", now=now, transaction_uid=transaction_uid
            )

        self._writer.run(work)

    def apply_event(
        self,
        transaction_uid: str,
        event: TransactionEvent,
        *,
        now: datetime,
        next_attempt_at: datetime | None = None,
        error: str = "",
    ) -> int:
        """Apply ACCEPTED, REFUSED or GIVE_UP; returns how many jobs still waited for its report.

        After REFUSED and GIVE_UP they are `sent` again, to be asked for from `next_attempt_at` on.
        Raises IllegalTransition, UsageError for an unknown transaction.
        """
        if event is TransactionEvent.REPORT:
            raise UsageError("a report is applied by Reports.apply")

        def work(connection: sa.Connection) -> int:
            row = connection.execute(
                sa.select(_transaction.id, _transaction.state, _transaction.destination).where(
                    _transaction.transaction_uid == transaction_uid
                )
            ).first()
            if row is None:
                raise UsageError("there is no such transaction")
            state = transaction_after(parse_enum(TransactionState, row.state), event)
            end_transaction(connection, row.id, state, now=now)
            what = NewEvent(
                kind=f"transaction_{event}",
                destination=row.destination,
                transaction_uid=transaction_uid,
                detail=error,
            )
            add_event(connection, what, now=now)
            waiting = waiting_for(connection, row.id)
            if state is TransactionState.ABANDONED:
                lost = DeliveryEvent.REQUEST_LOST
                for job_id in waiting:
                    attempt = Attempt(
                        job_id=job_id, event=lost, next_attempt_at=next_attempt_at, error=error
                    )
                    apply_attempt(connection, attempt, now=now)
            return len(waiting)

        return self._writer.run(work)

    def list_open(self, destination: str) -> list[Transaction]:
        """Transactions that may still be reported, the oldest first."""
        with reading(self._readers) as connection:
            rows = connection.execute(_OPEN_TRANSACTIONS, {"destination": destination}).all()
        return [
            Transaction(
                transaction_uid=row.transaction_uid,
                destination=row.destination,
                peer_ae_title=row.peer_ae_title,
                state=parse_enum(TransactionState, row.state),
                requested_at=row.requested_at,
                first_requested_at=row.first_requested_at,
                times_asked=row.times_asked,
                instances=row.instances,
            )
            for row in rows
        ]


def end_transaction(
    connection: sa.Connection, transaction_id: int, state: TransactionState, *, now: datetime
) -> None:
    """Set the state, and the time where it is an end."""
    connection.execute(
        sa.update(schema.commitment_transaction)
        .where(_transaction.id == transaction_id)
        .values(state=state.value, ended_at=None if state.value in _OPEN else now)
    )


def waiting_for(connection: sa.Connection, transaction_id: int) -> list[int]:
    """The deliveries that wait for this transaction, and not already for a later one."""
    found = connection.execute(
        sa.select(_delivery.id)
        .where(_delivery.commitment_transaction_id == transaction_id)
        .order_by(_delivery.id)
    )
    return list(found.scalars())


def _ask(
    connection: sa.Connection, destination: str, job_ids: Sequence[int], now: datetime
) -> tuple[int, datetime]:
    """Check that all may be asked for; returns how often the most asked one was, and since when."""
    rows = connection.execute(
        sa.select(
            _delivery.id,
            _delivery.state,
            _delivery.destination,
            _delivery.commitments_asked,
            _delivery.first_asked_at,
        ).where(_delivery.id.in_(job_ids))
    ).all()
    if len(rows) != len(set(job_ids)) or any(row.destination != destination for row in rows):
        raise UsageError("a transaction names deliveries of its own destination only")
    for row in rows:
        delivery_after(parse_enum(DeliveryState, row.state), DeliveryEvent.REQUEST_COMMITMENT)
    connection.execute(
        sa.update(schema.delivery)
        .where(_delivery.id.in_(job_ids))
        .values(
            commitments_asked=_delivery.commitments_asked + 1,
            first_asked_at=sa.func.coalesce(
                _delivery.first_asked_at, sa.literal(now, schema.UtcTime)
            ),
        )
    )
    asked = max(row.commitments_asked for row in rows) + 1
    return asked, min((row.first_asked_at or now) for row in rows)


def _items(
    connection: sa.Connection, transaction_id: int, job_ids: Sequence[int]
) -> list[dict[str, object]]:
    """The items of the request, by delivery."""
    derived = derived_uids(connection, job_ids)
    return [
        {
            "commitment_transaction_id": transaction_id,
            "delivery_id": job_id,
            "derived_sop_instance_uid": derived.get(job_id, ""),
        }
        for job_id in job_ids
    ]


def _wait_for(connection: sa.Connection, transaction_id: int, job_ids: Sequence[int]) -> None:
    state = delivery_after(DeliveryState.SENT, DeliveryEvent.REQUEST_COMMITMENT)
    connection.execute(
        sa.update(schema.delivery)
        .where(_delivery.id.in_(job_ids))
        .values(state=state.value, commitment_transaction_id=transaction_id, next_attempt_at=None)
    )
