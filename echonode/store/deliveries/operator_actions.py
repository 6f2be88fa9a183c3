"""What an operator's hand does to the deliveries of an instance; each in one transaction.

`destination` None means all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import OperatorRefused
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.instance import lossy_copy_words
from echonode.store.database import schema
from echonode.store.database.connections import Writer
from echonode.store.database.derived_copies import derived_uids
from echonode.store.database.exam_holds import REASONS, Hold, hold_of
from echonode.store.database.rows import member
from echonode.store.deliveries.deliveries import apply_attempt
from echonode.store.deliveries.noted_commitments import is_noted
from echonode.store.index.identity_conflicts import acknowledge
from echonode.store.values import Attempt

_D = schema.delivery.c


class OperatorMoves:
    """Thread-safe. Each returns the destinations of the deliveries it changed."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def move(
        self,
        sop_instance_uid: str,
        destination: str | None,
        events: Mapping[DeliveryState, DeliveryEvent],
        *,
        now: datetime,
        error: str = "",
        fresh: bool = False,
    ) -> list[str]:
        """The operator's hand: the event for each delivery whose state is named.

        fresh: the attempts are counted anew. Returns the destinations of those that were moved.
        Raises OperatorRefused for a release of what waits for its exam's patient.
        """

        def work(connection: sa.Connection) -> list[str]:
            found = connection.execute(
                sa.select(_D.id, _D.state, _D.destination).where(
                    *_of_instance(sop_instance_uid, destination),
                    _D.state.in_([state.value for state in events]),
                )
            ).all()
            if found and DeliveryEvent.RELEASE in events.values():
                _refuse_without_patient(connection, sop_instance_uid)
            for row in found:
                event = events[member(DeliveryState, row.state)]
                words = error
                if event is DeliveryEvent.RELEASE and is_noted(connection, row.id):
                    # The archive has promised it meanwhile: there is nothing to send.
                    event, words = DeliveryEvent.COMMITTED, _proof_remark(connection, row.id)
                attempt = Attempt(job_id=row.id, event=event, error=words)
                apply_attempt(connection, attempt, now=now)
                if fresh:
                    connection.execute(
                        sa.update(schema.delivery)
                        .where(_D.id == row.id)
                        .values(attempts=0, commitments_failed=0)
                    )
            return [row.destination for row in found]

        return self._writer.run(work)

    def make_due(
        self, sop_instance_uid: str, destination: str | None, *, now: datetime
    ) -> list[str]:
        """What of an instance's deliveries waits for its next try is due now; their destinations.

        That is the next sending of what is queued, and the next request for commitment of what was
        sent and not promised.
        """

        def work(connection: sa.Connection) -> list[str]:
            conditions = [
                *_of_instance(sop_instance_uid, destination),
                sa.or_(
                    _D.state == DeliveryState.QUEUED.value,
                    # Without a time it was never asked for: it is due already, or nobody asks.
                    sa.and_(_D.state == DeliveryState.SENT.value, _D.next_attempt_at.is_not(None)),
                ),
            ]
            found = connection.execute(sa.select(_D.destination).where(*conditions)).scalars().all()
            connection.execute(
                sa.update(schema.delivery).where(*conditions).values(next_attempt_at=now)
            )
            return list(found)

        return self._writer.run(work)

    def let_go(self, sop_instance_uid: str, destination: str | None) -> list[str]:
        """Local copies that a warning kept need not be kept any more; returns the destinations."""

        def work(connection: sa.Connection) -> list[str]:
            conditions = [
                *_of_instance(sop_instance_uid, destination),
                _D.keep_local_copy.is_(True),
            ]
            found = connection.execute(sa.select(_D.destination).where(*conditions)).scalars().all()
            connection.execute(
                sa.update(schema.delivery).where(*conditions).values(keep_local_copy=False)
            )
            return list(found)

        return self._writer.run(work)

    def acknowledge_conflict(self, study_instance_uid: str, *, now: datetime) -> int:
        """The conflicts of a study are acknowledged; returns how many were not yet."""
        return self._writer.run(
            lambda connection: acknowledge(connection, study_instance_uid, now=now)
        )


def _refuse_without_patient(connection: sa.Connection, sop_instance_uid: str) -> None:
    """An image without its patient must not go out because somebody pressed `release`."""
    hold = hold_of(connection, sop_instance_uid)
    if hold is not Hold.NONE:
        raise OperatorRefused(f"{sop_instance_uid} is not released: {REASONS[hold]}")


def _proof_remark(connection: sa.Connection, delivery_id: int) -> str:
    copy = derived_uids(connection, [delivery_id]).get(delivery_id)
    return f"the archive holds {lossy_copy_words(copy)}" if copy else ""


def _of_instance(sop_instance_uid: str, destination: str | None) -> list[sa.ColumnElement[bool]]:
    """Conditions on the deliveries of an instance, to one destination or to all."""
    chosen = sa.select(schema.instance.c.id).where(
        schema.instance.c.sop_instance_uid == sop_instance_uid
    )
    conditions: list[sa.ColumnElement[bool]] = [_D.instance_id.in_(chosen)]
    if destination is not None:
        conditions.append(_D.destination == destination)
    return conditions
