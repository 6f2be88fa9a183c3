"""How a destination proves that it keeps what was sent: one class for each policy.

All have the same method: `request_proof` does what is due now and returns when to call it again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from echonode.delivery.association_holder import AssociationHolder
from echonode.delivery.context import DestinationContext
from echonode.delivery.ports import CommitmentService
from echonode.errors import AssociationLost

_BATCH = 1000  # deliveries in one round of requests
_HORIZON_S = 600.0
_UNASKED_S = 5.0


def shortest_wait(*waits: float | None) -> float | None:
    """The shortest of some waits in seconds; None stands for no wait and is ignored."""
    return min((wait for wait in waits if wait is not None), default=None)


class Proof(Protocol):
    """Requests proof from one destination."""

    @property
    def problem(self) -> str:
        """Why the archive gives no proof now, and the remedy; '' where no problem is known."""

    def request_proof(self, holder: AssociationHolder) -> float | None:
        """Do what is due. Returns the seconds until more is; None: not before something is sent.

        Raises what AssociationHolder.get raises, and AssociationLost.
        """


class NoProof:
    """Policy `none`: what was sent stays `sent`."""

    problem = ""

    def request_proof(self, holder: AssociationHolder) -> float | None:
        """Nothing is ever due."""
        return None


class CommitmentProof:
    """Policy `required`: storage commitment is requested for everything that was sent.

    It reads from the store what is `sent`, not what was just sent. So a request that a crash, a
    refusal or a missing report undid is made again in the same way.
    """

    def __init__(self, context: DestinationContext, service: CommitmentService) -> None:
        self._destination = context.destination
        self._store = context.store
        self._service = service
        self._health = context.health
        self._now = context.now

    def request_proof(self, holder: AssociationHolder) -> float | None:
        """Request commitment for what is due; give up what is overdue, to request it again."""
        overdue_s = self._service.give_up_overdue(self._destination, back_at=self._health.back_at)
        jobs = self._store.sent(self._destination.name, limit=_BATCH, now=self._now())
        if not jobs:
            return shortest_wait(overdue_s, self._next_s())
        association = holder.get().association
        try:
            asked = self._service.request(association, self._destination, jobs)
        except AssociationLost as error:
            if not error.by_peer:
                raise
            # The archive accepts associations and ends them at this request. It can be reached, so
            # it is not paused; the request is repeated when it is due.
            holder.drop()
            return shortest_wait(overdue_s, self._next_s())
        holder.touch()
        if not asked:  # all were changed meanwhile, or cannot be requested
            return shortest_wait(overdue_s, _UNASKED_S)
        return 0.0  # there may be more; the next call returns when the request is overdue

    @property
    def problem(self) -> str:
        """Why the archive takes no requests."""
        return self._service.problem_of(self._destination.name)

    def _next_s(self) -> float | None:
        """Seconds until something sent is due for another request."""
        # A later call finds what is due after that.
        horizon = self._now() + timedelta(seconds=_HORIZON_S)
        waiting = self._store.sent(self._destination.name, limit=_BATCH, now=horizon)
        due_at = min((job.next_attempt_at for job in waiting if job.next_attempt_at), default=None)
        if due_at is None:
            return _HORIZON_S
        return max(0.0, (due_at - self._now()).total_seconds())
