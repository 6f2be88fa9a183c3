"""Writes the outcomes of stored instances, many in one transaction, while the next are sent.

Rules
- One transaction takes all outcomes of GATHER_S: a commit waits for the disk, and it delays an
  archive on the same disk (seen: with one commit for each instance Orthanc took half as many).
  Where there is no more to send, `flush` does not wait.
- Only stored instances come here. If the node is killed before their outcome is durable, the same
  bytes are sent once more, which is harmless. A failure changes what is done next, so the lane
  itself writes it.
- An outcome is logged once it is durable, not before.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from echonode.delivery.context import DestinationContext
from echonode.errors import StoreError, described
from echonode.log import get_logger, place_of
from echonode.store.values import Attempt, DeliveryJob

GATHER_S = 0.25
# Beyond this the lane that brings another writes them itself: no lane runs ahead of the disk.
MOST_UNWRITTEN = 256
_STALLED_S = 5.0  # after a failure of the disk

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A delivery and the attempt to write."""

    job: DeliveryJob
    attempt: Attempt


class OutcomeWriter:
    """The outcomes of one destination; any thread may call `note` and `flush`."""

    def __init__(self, context: DestinationContext, *, written: Callable[[Outcome], None]) -> None:
        """written: called for each outcome once it is durable."""
        self._store = context.store
        self._now = context.now
        name = context.destination.name
        self._written = written
        self._writing = threading.Lock()
        self._changed = threading.Condition()
        self._unwritten: list[Outcome] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"outcomes-{name}", daemon=True)

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def note(self, outcome: Outcome) -> None:
        """Take an outcome; it is durable after GATHER_S, or when `flush` returns.

        Raises StoreError where too many wait and cannot be written.
        """
        with self._changed:
            self._unwritten.append(outcome)
            self._changed.notify_all()
            too_many = len(self._unwritten) > MOST_UNWRITTEN
        if too_many:
            self.flush()

    def flush(self) -> None:
        """Write everything that was noted. Raises StoreError: then it still waits here."""
        with self._writing:
            with self._changed:
                waiting, self._unwritten = deque(self._unwritten), []
            try:
                self._write(waiting)
            finally:
                with self._changed:
                    self._unwritten = [*waiting, *self._unwritten]

    def _write(self, waiting: deque[Outcome]) -> None:
        """Write the outcomes; remove each once it is durable. Raises StoreError."""
        if not waiting:
            return
        try:
            self._store.record_attempts([outcome.attempt for outcome in waiting], now=self._now())
        except StoreError:
            raise
        except Exception:  # noqa: BLE001  # the border of one outcome, which is found below
            # One of them cannot be written, and nothing was. Each is written by itself.
            while waiting:
                self._write_one(waiting)
            return
        while waiting:
            self._written(waiting.popleft())

    def _write_one(self, waiting: deque[Outcome]) -> None:
        """Write the first of them. Raises StoreError: then it still waits."""
        outcome = waiting[0]
        try:
            self._store.record_attempts([outcome.attempt], now=self._now())
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # the border of one outcome
            waiting.popleft()  # its delivery was changed or deleted meanwhile
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
        """Write what is left and end the thread. Raises StoreError."""
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
