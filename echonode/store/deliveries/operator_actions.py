"""What an operator does to the deliveries of an instance; each action is one transaction or two.

`destination` None means all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import OperatorRefused
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.database import schema
from echonode.store.database.connections import Writer
from echonode.store.database.derived_copies import proof_remark
from echonode.store.database.exam_holds import REASONS, Hold, hold_of
from echonode.store.database.rows import parse_enum
from echonode.store.deliveries.attempts import apply_attempt
from echonode.store.deliveries.noted_commitments import is_noted
from echonode.store.index.identity_conflicts import acknowledge
from echonode.store.values import Attempt, OnDue

_delivery = schema.delivery.c


_HOLD = {
    DeliveryState.QUEUED: DeliveryEvent.HOLD,
    DeliveryState.SENT: DeliveryEvent.HOLD,
    DeliveryState.COMMIT_REQUESTED: DeliveryEvent.HOLD,
}
_RELEASE = {DeliveryState.HELD: DeliveryEvent.RELEASE}


class OperatorActions:
    """Hold, release, retry and acknowledge. Thread-safe. Each returns how many rows it changed.

    on_due: called with the destinations of deliveries that became due.
    """

    def __init__(self, writer: Writer, *, on_due: OnDue) -> None:
        self._writer = writer
        self._on_due = on_due

    def hold(self, sop_instance_uid: str, *, now: datetime, destination: str | None = None) -> int:
        """Hold an instance's deliveries that are neither done nor being sent."""
        moved = self._move(
            sop_instance_uid, destination, _HOLD, now=now, error="held by the operator"
        )
        return len(moved)

    def release(
        self, sop_instance_uid: str, *, now: datetime, destination: str | None = None
    ) -> int:
        """Queue held deliveries, due now, with the count of attempts reset.

        One that the archive committed to while it was held is committed, and not sent again.
        A local copy that a warning kept (B006, B007) may be deleted again: a person has looked.
        """
        moved = self._move(sop_instance_uid, destination, _RELEASE, now=now, reset_attempts=True)
        self._on_due(moved)
        cleared = self._clear_keep_flag(sop_instance_uid, destination)
        return len(set(moved) | set(cleared))

    def retry(self, sop_instance_uid: str, *, now: datetime, destination: str | None = None) -> int:
        """Make deliveries that are queued for later, or held, due now.

        For those that were sent and not committed, the next request for commitment is due now.
        """
        moved = self._move(sop_instance_uid, destination, _RELEASE, now=now, reset_attempts=True)
        made_due = self._make_due(sop_instance_uid, destination, now=now)
        self._on_due([*moved, *made_due])
        return len(set(moved) | set(made_due))

    def _move(
        self,
        sop_instance_uid: str,
        destination: str | None,
        events: Mapping[DeliveryState, DeliveryEvent],
        *,
        now: datetime,
        error: str = "",
        reset_attempts: bool = False,
    ) -> list[str]:
        """Apply the event of each delivery's state; a state that is not named changes nothing.

        reset_attempts: the count of attempts starts again at zero. Returns the destinations of the
        deliveries that were moved. Raises OperatorRefused for a release of what waits for its
        exam's patient.
        """

        def work(connection: sa.Connection) -> list[str]:
            found = connection.execute(
                sa.select(_delivery.id, _delivery.state, _delivery.destination).where(
                    *_of_instance(sop_instance_uid, destination),
                    _delivery.state.in_([state.value for state in events]),
                )
            ).all()
            if found and DeliveryEvent.RELEASE in events.values():
                _refuse_without_patient(connection, sop_instance_uid)
            for row in found:
                event = events[parse_enum(DeliveryState, row.state)]
                words = error
                if event is DeliveryEvent.RELEASE and is_noted(connection, row.id):
                    # The archive has committed to it since: there is nothing to send.
                    event, words = DeliveryEvent.COMMITTED, proof_remark(connection, row.id)
                attempt = Attempt(job_id=row.id, event=event, error=words)
                apply_attempt(connection, attempt, now=now)
                if reset_attempts:
                    connection.execute(
                        sa.update(schema.delivery)
                        .where(_delivery.id == row.id)
                        .values(attempts=0, commitments_failed=0)
                    )
            return [row.destination for row in found]

        return self._writer.run(work)

    def _make_due(
        self, sop_instance_uid: str, destination: str | None, *, now: datetime
    ) -> list[str]:
        """Make the next try of an instance's deliveries due now; returns their destinations.

        That is the next sending of what is queued, and the next request for commitment of what was
        sent and not committed.
        """
        waits = sa.or_(
            _delivery.state == DeliveryState.QUEUED.value,
            # Without a time no request was made: it is due already, or none is wanted.
            sa.and_(
                _delivery.state == DeliveryState.SENT.value, _delivery.next_attempt_at.is_not(None)
            ),
        )
        return self._update(sop_instance_uid, destination, waits, {"next_attempt_at": now})

    def _clear_keep_flag(self, sop_instance_uid: str, destination: str | None) -> list[str]:
        """Allow retention to delete copies that a warning kept; returns the destinations."""
        kept = _delivery.keep_local_copy.is_(True)
        return self._update(sop_instance_uid, destination, kept, {"keep_local_copy": False})

    def _update(
        self,
        sop_instance_uid: str,
        destination: str | None,
        condition: sa.ColumnElement[bool],
        values: Mapping[str, object],
    ) -> list[str]:
        """Set values of an instance's deliveries; returns the destinations of those changed."""

        def work(connection: sa.Connection) -> list[str]:
            chosen = [*_of_instance(sop_instance_uid, destination), condition]
            found = connection.execute(sa.select(_delivery.destination).where(*chosen)).scalars()
            destinations = list(found)
            connection.execute(sa.update(schema.delivery).where(*chosen).values(values))
            return destinations

        return self._writer.run(work)

    def acknowledge_conflict(self, study_instance_uid: str, *, now: datetime) -> int:
        """A person has seen a study's conflicts (identity_conflicts.py); their alarm ends."""
        return self._writer.run(
            lambda connection: acknowledge(connection, study_instance_uid, now=now)
        )


def _refuse_without_patient(connection: sa.Connection, sop_instance_uid: str) -> None:
    """An image without its patient must not leave, even where the operator releases it."""
    hold = hold_of(connection, sop_instance_uid)
    if hold is not Hold.NONE:
        raise OperatorRefused(f"{sop_instance_uid} is not released: {REASONS[hold]}")


def _of_instance(sop_instance_uid: str, destination: str | None) -> list[sa.ColumnElement[bool]]:
    """Conditions on the deliveries of an instance, to one destination or to all."""
    chosen = sa.select(schema.instance.c.id).where(
        schema.instance.c.sop_instance_uid == sop_instance_uid
    )
    conditions: list[sa.ColumnElement[bool]] = [_delivery.instance_id.in_(chosen)]
    if destination is not None:
        conditions.append(_delivery.destination == destination)
    return conditions
