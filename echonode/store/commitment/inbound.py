"""Commitments that peers ask of us (PS3.4 J.3.2), until each is reported or given up.

Each is recorded before the N-ACTION is answered. What we commit to is determined when it is
reported (`answer`), from row, class and bytes: only the truth of that moment counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from echonode.errors import Damaged, described
from echonode.log import get_logger, place_of
from echonode.model.commitment import (
    INBOUND_TRANSITIONS,
    CommitmentReport,
    CommitmentRequest,
    FailureReason,
    InboundEvent,
    InboundState,
    ReferencedInstance,
)
from echonode.model.instance import StoredInstance
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.values import InboundCommitment

_inbound = schema.inbound_commitment.c
_item = schema.inbound_commitment_item.c
_COLUMNS = (
    _inbound.id,
    _inbound.peer_ae_title,
    _inbound.transaction_uid,
    _inbound.state,
    _inbound.attempts,
    _inbound.requested_at,
    _inbound.next_attempt_at,
)

log = get_logger(__name__)


class InboundCommitments:
    """Transactions in which peers ask. Thread-safe."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        instance: Callable[[str], StoredInstance | None],
        check_bytes: Callable[[StoredInstance], None],
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._instance = instance
        self._check_bytes = check_bytes

    def create(
        self, peer_ae_title: str, request: CommitmentRequest, now: datetime
    ) -> InboundCommitment | None:
        """Record a peer's request before its N-ACTION is answered; due at once.

        None where that peer used the Transaction UID before: answer 0131.
        """

        def work(connection: sa.Connection) -> InboundCommitment | None:
            row = connection.execute(
                sa.select(*_COLUMNS).where(
                    _inbound.peer_ae_title == peer_ae_title,
                    _inbound.transaction_uid == request.transaction_uid,
                )
            ).first()
            if row is not None:
                known = _read_inbound(connection, row)
                # The same request again, whose answer was lost, is not a second use.
                same = row.state == InboundState.PENDING.value and known.request == request
                return known if same else None
            return _insert(connection, peer_ae_title, request, now)

        return self._writer.run(work)

    def pending(
        self,
        now: datetime,
        *,
        limit: int,
        without: Collection[str] = (),
        but_with: Collection[int] = (),
    ) -> list[InboundCommitment]:
        """Requests that are due for a report, at most `limit`, the oldest first.

        without: AE titles whose requests are left out, except those with the IDs `but_with`.
        """
        statement = (
            sa.select(*_COLUMNS)
            .where(
                _inbound.state == InboundState.PENDING.value,
                _inbound.next_attempt_at <= now,
                sa.or_(_inbound.peer_ae_title.not_in(without), _inbound.id.in_(but_with)),
            )
            .order_by(_inbound.next_attempt_at, _inbound.id)
            .limit(limit)
        )
        with reading(self._readers) as connection:
            rows = connection.execute(statement).all()
            return [_read_inbound(connection, row) for row in rows]

    def next_due(self, *, without: Collection[str] = ()) -> datetime | None:
        """When the next report is due, leaving out those to the AE titles `without`."""
        earliest = sa.func.min(_inbound.next_attempt_at, type_=schema.UtcTime)
        with reading(self._readers) as connection:
            due: datetime | None = connection.scalar(
                sa.select(earliest).where(
                    _inbound.state == InboundState.PENDING.value,
                    _inbound.peer_ae_title.not_in(without),
                )
            )
            return due

    def answer(self, request: CommitmentRequest) -> CommitmentReport:
        """What we can promise now; row, class and bytes are checked (reasons: PS3.3 C.14.1.1)."""
        committed: list[ReferencedInstance] = []
        failed: dict[ReferencedInstance, int] = {}
        for item in request.instances:
            reason = self._why_not(item)
            if reason is None:
                committed.append(item)
            else:
                failed[item] = reason
        return CommitmentReport(
            transaction_uid=request.transaction_uid, committed=tuple(committed), failed=failed
        )

    def _why_not(self, item: ReferencedInstance) -> FailureReason | None:
        instance = self._instance(item.sop_instance_uid)
        if instance is None:
            return FailureReason.NO_SUCH_OBJECT_INSTANCE
        if instance.sop_class_uid != item.sop_class_uid:
            return FailureReason.CLASS_INSTANCE_CONFLICT
        try:
            self._check_bytes(instance)
        except (Damaged, OSError):
            return FailureReason.PROCESSING_FAILURE
        except Exception as error:  # noqa: BLE001  # the border of one instance
            log.error(
                "check_failed",
                sop_instance_uid=item.sop_instance_uid,
                error=described(error),
                where=place_of(error),
            )
            return FailureReason.PROCESSING_FAILURE
        return None

    def mark_reported(self, inbound_id: int, now: datetime) -> None:
        """The peer took the report (it answered 0000)."""
        self._apply(inbound_id, InboundEvent.REPORTED, ended_at=now)

    def give_up(self, inbound_id: int, now: datetime, error: str = "") -> None:
        """The report is not tried again; the peer has to ask again."""
        self._apply(inbound_id, InboundEvent.GIVE_UP, error, ended_at=now)

    def retry_later(self, inbound_id: int, next_attempt_at: datetime, error: str = "") -> None:
        """The peer could not be reached or did not take the report; try again later."""
        self._apply(inbound_id, InboundEvent.RETRY, error, next_attempt_at=next_attempt_at)

    def _apply(
        self, inbound_id: int, event: InboundEvent, error: str = "", **times: datetime
    ) -> None:
        """Make the table's transition; a request that has ended stays as it is."""
        for (before, what), state in INBOUND_TRANSITIONS.items():
            if what is event:
                self._writer.execute(
                    sa.update(schema.inbound_commitment)
                    .where(_inbound.id == inbound_id, _inbound.state == before.value)
                    .values(
                        state=state.value,
                        attempts=_inbound.attempts + 1,
                        last_error=error,
                        **times,
                    )
                )


def _insert(
    connection: sa.Connection, peer_ae_title: str, request: CommitmentRequest, now: datetime
) -> InboundCommitment:
    [key] = connection.execute(
        sa.insert(schema.inbound_commitment),
        {
            "peer_ae_title": peer_ae_title,
            "transaction_uid": request.transaction_uid,
            "state": InboundState.PENDING.value,
            "requested_at": now,
            "next_attempt_at": now,
            "last_error": "",
        },
    ).inserted_primary_key or [0]
    items = [
        {
            "inbound_commitment_id": key,
            "position": position,
            "sop_class_uid": item.sop_class_uid,
            "sop_instance_uid": item.sop_instance_uid,
        }
        for position, item in enumerate(request.instances)
    ]
    if items:
        connection.execute(sa.insert(schema.inbound_commitment_item), items)
    return InboundCommitment(
        id=int(key),
        peer_ae_title=peer_ae_title,
        request=request,
        attempts=0,
        requested_at=now,
        next_attempt_at=now,
    )


def _read_inbound(connection: sa.Connection, row: sa.Row[*tuple[Any, ...]]) -> InboundCommitment:
    items = connection.execute(
        sa.select(_item.sop_class_uid, _item.sop_instance_uid)
        .where(_item.inbound_commitment_id == row.id)
        .order_by(_item.position)
    )
    instances = tuple(
        ReferencedInstance(sop_class_uid=item.sop_class_uid, sop_instance_uid=item.sop_instance_uid)
        for item in items
    )
    return InboundCommitment(
        id=row.id,
        peer_ae_title=row.peer_ae_title,
        request=CommitmentRequest(transaction_uid=row.transaction_uid, instances=instances),
        attempts=row.attempts,
        requested_at=row.requested_at,
        next_attempt_at=row.next_attempt_at,
    )
