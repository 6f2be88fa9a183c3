"""How a destination proves that it keeps what was sent: by its policy, one way each.

Every way is asked the same: `seek` does what is due now and says when to be called again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from echonode.delivery.association_holder import Line
from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.ports import CommitmentService, DeliveryStore
from echonode.errors import AssociationLost
from echonode.model.identity import Destination

_BATCH = 1000  # deliveries in one round of requests
_HORIZON_S = 600.0
_UNASKED_S = 5.0


def earliest(*waits: float | None) -> float | None:
    """The shortest of some waits; None, for no wait at all, does not count."""
    return min((wait for wait in waits if wait is not None), default=None)


class Proof(Protocol):
    """One way of getting proof."""

    @property
    def problem(self) -> str:
        """Why the archive gives none just now, and the remedy; '' when nothing is known against."""

    def seek(self, line: Line) -> float | None:
        """Do what is due. Returns seconds until more is; None: not before something is sent.

        Raises what Line.get raises, and AssociationLost.
        """


class NoProof:
    """Policy `none`: what was sent stays `sent`."""

    problem = ""

    def seek(self, line: Line) -> float | None:
        """Nothing is ever due."""
        return None


class CommitmentProof:
    """Policy `required`: storage commitment is requested for everything that was sent.

    It works from what the store holds as `sent`, not from what was just sent: requests that a
    crash, a refusal or a missing report undid are made again by the same way.
    """

    def __init__(
        self,
        destination: Destination,
        store: DeliveryStore,
        service: CommitmentService,
        *,
        health: DestinationHealth,
        now: Callable[[], datetime],
    ) -> None:
        self._destination = destination
        self._store = store
        self._service = service
        self._health = health
        self._now = now

    def seek(self, line: Line) -> float | None:
        """Request commitment for what is due; take back what is overdue, to ask anew."""
        overdue_s = self._service.give_up_overdue(self._destination, back_at=self._health.back_at)
        jobs = self._store.sent(self._destination.name, limit=_BATCH, now=self._now())
        if not jobs:
            return earliest(overdue_s, self._next_s())
        association = line.get().association
        try:
            asked = self._service.request(association, self._destination, jobs)
        except AssociationLost as error:
            if not error.by_peer:
                raise
            # It takes associations, and ends them at this request: it is not out of reach, and the
            # request is repeated when it is due.
            line.drop()
            return earliest(overdue_s, self._next_s())
        line.touch()
        if not asked:  # all were moved meanwhile, or cannot be asked for
            return earliest(overdue_s, _UNASKED_S)
        return 0.0  # there may be more; and when the request is overdue is found out then

    @property
    def problem(self) -> str:
        """Why it takes no requests."""
        return self._service.problem_of(self._destination.name)

    def _next_s(self) -> float | None:
        """Seconds until something sent is due for another request."""
        # What is due later than that is looked for later.
        horizon = self._now() + timedelta(seconds=_HORIZON_S)
        waiting = self._store.sent(self._destination.name, limit=_BATCH, now=horizon)
        due_at = min((job.next_attempt_at for job in waiting if job.next_attempt_at), default=None)
        if due_at is None:
            return _HORIZON_S
        return max(0.0, (due_at - self._now()).total_seconds())
