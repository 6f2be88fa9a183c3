"""The part of the store's door that an operator's hand is on: hold, release and retry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.store.deliveries.operator_actions import OperatorMoves

_HOLD = {
    DeliveryState.QUEUED: DeliveryEvent.HOLD,
    DeliveryState.SENT: DeliveryEvent.HOLD,
    DeliveryState.COMMIT_REQUESTED: DeliveryEvent.HOLD,
}
_RELEASE = {DeliveryState.HELD: DeliveryEvent.RELEASE}


class OperatorDoor:
    """What Store does for a person; Store sets the attributes. Each returns how many it changed.

    `destination` None means all.
    """

    _moves: OperatorMoves

    def _due(self, destinations: Sequence[str]) -> None:
        """Tell the workers of these destinations that something became due."""
        raise NotImplementedError

    def acknowledge_conflict(self, study_instance_uid: str, *, now: datetime) -> int:
        """A person has seen the conflicts of a study (identity_conflicts.py); they are silent."""
        return self._moves.acknowledge_conflict(study_instance_uid, now=now)

    def hold(self, sop_instance_uid: str, *, now: datetime, destination: str | None = None) -> int:
        """Hold an instance's deliveries that are not done nor being sent."""
        moved = self._moves.move(
            sop_instance_uid, destination, _HOLD, now=now, error="held by the operator"
        )
        return len(moved)

    def release(
        self, sop_instance_uid: str, *, now: datetime, destination: str | None = None
    ) -> int:
        """Held deliveries are queued, due now, with attempts counted from nothing.

        One that the archive committed to while it was held is committed, and not sent again.
        A local copy that a warning kept (B006, B007) is let go as well: a person has looked.
        """
        moved = self._moves.move(sop_instance_uid, destination, _RELEASE, now=now, fresh=True)
        self._due(moved)
        cleared = self._moves.let_go(sop_instance_uid, destination)
        return len(set(moved) | set(cleared))

    def retry(self, sop_instance_uid: str, *, now: datetime, destination: str | None = None) -> int:
        """Deliveries that are queued for later, or held, are due now.

        Of those that were sent and not promised, the next request for commitment is due now.
        """
        moved = self._moves.move(sop_instance_uid, destination, _RELEASE, now=now, fresh=True)
        hurried = self._moves.make_due(sop_instance_uid, destination, now=now)
        self._due([*moved, *hurried])
        return len(set(moved) | set(hurried))
