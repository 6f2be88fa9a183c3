"""The part of the store's door that delivery/ uses: jobs, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from echonode.model.delivery import DeliveryEvent
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.values import Attempt, DeliveryJob


class DeliveryDoor:
    """What Store does for deliveries; Store sets the attributes."""

    _deliveries: Deliveries
    _now: Callable[[], datetime]

    def _due(self, destinations: Sequence[str]) -> None:
        """Tell the workers of these destinations that something became due."""
        raise NotImplementedError

    def add_deliveries(self, sop_instance_uids: Sequence[str], destinations: Sequence[str]) -> int:
        """Queue instances to destinations that they have no delivery to yet; returns how many."""
        added = self._deliveries.add(sop_instance_uids, destinations, now=self._now())
        if added:
            self._due(destinations)
        return added

    def claim(self, destination: str, *, now: datetime, limit: int) -> list[DeliveryJob]:
        """Up to `limit` jobs that are queued and due, now `sending`; see claim_order.py."""
        return self._deliveries.claim(destination, now=now, limit=limit)

    def record_attempt(
        self,
        job_id: int,
        event: DeliveryEvent,
        *,
        now: datetime,
        status: int | None = None,
        error: str = "",
        next_attempt_at: datetime | None = None,
    ) -> None:
        """Apply one event to one delivery; see Attempt. Raises IllegalTransition."""
        attempt = Attempt(
            job_id=job_id, event=event, status=status, error=error, next_attempt_at=next_attempt_at
        )
        self.record_attempts([attempt], now=now)

    def record_attempts(self, attempts: Sequence[Attempt], *, now: datetime) -> None:
        """Apply an event to each of many deliveries, all or none. Raises IllegalTransition."""
        self._deliveries.record(attempts, now=now)

    def sent(
        self, destination: str, *, limit: int, now: datetime | None = None
    ) -> list[DeliveryJob]:
        """Jobs that are sent and wait for proof; with `now`, those due to be asked for (again)."""
        return self._deliveries.sent(destination, limit=limit, now=now)

    def next_due(self, destination: str) -> datetime | None:
        """When the next queued job is due; None where none is queued."""
        return self._deliveries.next_due(destination)

    def deliveries(self, sop_instance_uid: str) -> list[DeliveryJob]:
        """The deliveries of one instance, by destination."""
        return self._deliveries.of_instance(sop_instance_uid)
