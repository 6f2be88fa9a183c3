"""Writes down what was stored, many at a time, while the next ones are on their way.

Rules
- One transaction takes all outcomes of GATHER_S: a commit waits for the disk, and so does an
  archive that is on the same one (seen: with a commit for each instance Orthanc took half as many).
  Where there is no more to send, `flush` does not wait.
- An outcome that is not yet durable when the node is killed means one instance sent once more, the
  same bytes, which harms nothing; so only what was stored comes here. Failures, which change what
  is done next, are written by the lane itself.
- Said (logged) is only what is durable.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from echonode.delivery.ports import DeliveryStore
from echonode.errors import StoreError, described
from echonode.log import get_logger, place_of
from echonode.store.values import Attempt, DeliveryJob

GATHER_S = 0.25
# Beyond this a lane that brings another writes them itself: nobody runs ahead of the disk.
MOST_UNWRITTEN = 256
_STALLED_S = 5.0  # after a failure of the disk

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A delivery and what is to be written of it."""

    job: DeliveryJob
    attempt: Attempt


class Clerk:
    """One destination's; `note` and `flush` may be called from any thread."""

    def __init__(
        self,
        name: str,
        store: DeliveryStore,
        *,
        now: Callable[[], datetime],
        written: Callable[[Outcome], None],
    ) -> None:
        """written: called for each outcome once it is durable."""
        self._store = store
        self._now = now
        self._written = written
        self._writing = threading.Lock()
        self._changed = threading.Condition()
        self._unwritten: list[Outcome] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"outcomes-{name}", daemon=True)

    def start(self) -> None:
        """Write from now on without being asked."""
        self._thread.start()

    def note(self, outcome: Outcome) -> None:
        """Take it; durable soon, or when `flush` returns. Raises StoreError where too many wait."""
        with self._changed:
            self._unwritten.append(outcome)
            self._changed.notify_all()
            too_many = len(self._unwritten) > MOST_UNWRITTEN
        if too_many:
            self.flush()

    def flush(self) -> None:
        """Write everything that was noted. Raises StoreError: then it is still to be written."""
        with self._writing:
            with self._changed:
                waiting, self._unwritten = deque(self._unwritten), []
            try:
                self._write(waiting)
            finally:
                with self._changed:
                    self._unwritten = [*waiting, *self._unwritten]

    def _write(self, waiting: deque[Outcome]) -> None:
        """Write the outcomes, taking each off once it is durable. Raises StoreError."""
        if not waiting:
            return
        try:
            self._store.record_attempts([outcome.attempt for outcome in waiting], now=self._now())
        except StoreError:
            raise
        except Exception:  # noqa: BLE001  # the border of one outcome, which is found below
            # One of them is to blame; none was written. The others count all the same.
            while waiting:
                self._write_one(waiting)
            return
        while waiting:
            self._written(waiting.popleft())

    def _write_one(self, waiting: deque[Outcome]) -> None:
        """The first of them. Raises StoreError: then it still waits."""
        outcome = waiting[0]
        try:
            self._store.record_attempts([outcome.attempt], now=self._now())
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # the border of one outcome
            waiting.popleft()  # its delivery was moved or deleted meanwhile
            log.warning(
                "outcome_ignored",
                sop_instance_uid=outcome.job.instance.sop_instance_uid,
                job=outcome.job.id,
                error=described(error),
                where=place_of(error),
            )
            return
        waiting.popleft()
        self._written(outcome)

    def stop(self, deadline_s: float) -> None:
        """Write what is left and end. Raises StoreError."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(deadline_s)
        self.flush()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._unwritten) or self._stopping)
                self._changed.wait_for(lambda: self._stopping, GATHER_S)
                if self._stopping:
                    return
            try:
                self.flush()
            except Exception as error:  # noqa: BLE001  # the thread's top
                log.error("delivery_stalled", error=described(error), where=place_of(error))
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, _STALLED_S)
