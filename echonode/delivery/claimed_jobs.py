"""The deliveries of one destination that are claimed and not yet sent, given to one lane at a time.

Rules
- They keep the store's order, whichever lane takes them. With one association an exam arrives in
  order. With several, an instance is overtaken only by those that are sent at the same time.
- A delivery that was claimed and not sent (stop, lost association, failing disk) goes back as
  INTERRUPTED: it does not stay `sending`, and no attempt is counted against it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from echonode.delivery.context import DestinationContext
from echonode.errors import StoreError, described
from echonode.log import get_logger, place_of
from echonode.model.delivery import DeliveryEvent
from echonode.model.instance import StoredInstance
from echonode.store.values import Attempt, DeliveryJob

# Claimed in one transaction. It is also the most that a crash can make us send again.
BATCH = 100

log = get_logger(__name__)


class ClaimedJobs:
    """The queue of one destination in memory. Thread-safe."""

    def __init__(self, context: DestinationContext) -> None:
        self._destination = context.destination.name
        self._store = context.store
        self._now = context.now
        self._waiting: deque[DeliveryJob] = deque()
        self._kinds: tuple[StoredInstance, ...] = ()
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """How many are claimed and wait for a lane."""
        return len(self._waiting)

    def take(self, *, limit: int = BATCH) -> DeliveryJob | None:
        """The next one; claims up to `limit` more where none waits. None where nothing is due.

        Raises StoreError.
        """
        with self._changed:
            if not self._waiting:
                claimed = self._store.claim(self._destination, now=self._now(), limit=limit)
                self._waiting.extend(claimed)
                self._kinds = _one_of_each_kind(job.instance for job in claimed)
                self._changed.notify_all()
            return self._waiting.popleft() if self._waiting else None

    def upcoming(self) -> tuple[StoredInstance, ...]:
        """One instance of each kind that was claimed last, in order: what to negotiate for."""
        return self._kinds

    def give_back(self, job: DeliveryJob) -> None:
        """It was taken and not sent: it is the next one again."""
        with self._changed:
            self._waiting.appendleft(job)
            self._changed.notify_all()

    def wait_for_more(self, timeout_s: float) -> bool:
        """Wait until one waits for a lane; False where none does within the time."""
        with self._changed:
            return self._changed.wait_for(lambda: bool(self._waiting), timeout_s)

    def put_back(self) -> None:
        """Return all that wait to the store's queue.

        Raises StoreError: then they still wait here, and are sent or put back later.
        """
        with self._changed:
            jobs = deque(self._waiting)
            self._waiting.clear()
        try:
            self._interrupt(jobs)
        finally:
            with self._changed:
                self._waiting.extendleft(reversed(jobs))

    def _interrupt(self, jobs: deque[DeliveryJob]) -> None:
        """Record INTERRUPTED; remove each job once that is durable. Raises StoreError."""
        if not jobs:
            return
        try:
            self._store.record_attempts([_interrupted(job) for job in jobs], now=self._now())
        except StoreError:
            raise
        except Exception:  # noqa: BLE001  # the border of one job, which is found below
            # One of them cannot go back, and nothing was written. Each goes back by itself.
            while jobs:
                self._interrupt_one(jobs)
        jobs.clear()

    def _interrupt_one(self, jobs: deque[DeliveryJob]) -> None:
        """Put the first of them back. Raises StoreError: then it still waits."""
        job = jobs[0]
        try:
            self._store.record_attempts([_interrupted(job)], now=self._now())
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # the border of one job
            log.warning(
                "outcome_ignored",
                sop_instance_uid=job.instance.sop_instance_uid,
                job=job.id,
                error=described(error),
                where=place_of(error),
            )
        jobs.popleft()


def _interrupted(job: DeliveryJob) -> Attempt:
    return Attempt(job_id=job.id, event=DeliveryEvent.INTERRUPTED)


def _one_of_each_kind(instances: Iterable[StoredInstance]) -> tuple[StoredInstance, ...]:
    """The first of each SOP class and transfer syntax."""
    first: dict[tuple[str, str], StoredInstance] = {}
    for instance in instances:
        first.setdefault((instance.sop_class_uid, instance.transfer_syntax_uid), instance)
    return tuple(first.values())
