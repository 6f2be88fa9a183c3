"""What DICOMweb answers of each instance is made in the background, soon after it is stored.

Rules
- Storing comes first: while instances come in, it works a twentieth of the time; once they do not,
  half of it. What is asked for before its turn is made then (dicomweb/metadata.py).
- A part is one transaction. An instance that cannot be described is passed over until the next
  start; the log says how many they were.
- The newest rows are looked at again each time: an exam that was given its patient has new files.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from echonode.errors import StoreError, Unreadable
from echonode.log import get_logger
from echonode.model.instance import StoredInstance
from echonode.store.index.descriptions import Description, Descriptions
from echonode.threads import RecurringThread

log = get_logger(__name__)

Describe = Callable[[StoredInstance], Description]

AT_ONCE = 50
LOOK_EVERY_S = 1.0
_AGAIN_S = 10.0
_NEWEST_ROWS = 2_000
_PAUSE_WHEN_BUSY = 19.0  # times as long as the part took
_PAUSE_WHEN_QUIET = 1.0


class Describing:
    """A thread of its own; `step` is what it does."""

    def __init__(
        self,
        descriptions: Descriptions,
        describe: Describe,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._descriptions = descriptions
        self._describe = describe
        self._monotonic = monotonic
        self._after = self._newest = self._passed_over = 0
        self._refused: set[int] = set()
        self._thread = RecurringThread(
            "describing", self.step, on_stalled=self._stalled, stalled_s=_AGAIN_S
        )

    def only_while(self, may: Callable[[], bool]) -> None:
        """Work only while `may` is true: of several nodes one does."""
        self._thread.only_while(may)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End after the part under way; False when it did not in time."""
        self._thread.ask_stop()
        return self._thread.join(deadline_s)

    def step(self) -> float:
        """Describe some instances; the seconds until the next step."""
        newest = self._descriptions.newest()
        is_busy, self._newest = newest != self._newest, newest
        began = self._monotonic()
        missing = self._descriptions.missing(self._after, most=AT_ONCE)
        if not missing:
            self._say_passed_over()
            self._after = max(0, newest - _NEWEST_ROWS)
            return LOOK_EVERY_S
        made = [
            (row, instance, found)
            for row, instance in missing
            if row not in self._refused and (found := self._described(row, instance)) is not None
        ]
        self._descriptions.keep(made)
        self._after = missing[-1][0]
        took = self._monotonic() - began
        return took * (_PAUSE_WHEN_BUSY if is_busy else _PAUSE_WHEN_QUIET)

    def _described(self, row: int, instance: StoredInstance) -> Description | None:
        try:
            return self._describe(instance)
        except (StoreError, Unreadable):
            self._passed_over += 1
            self._refused.add(row)
            return None

    def _say_passed_over(self) -> None:
        if self._passed_over:
            log.warning("instances_not_described", instances=self._passed_over)
            self._passed_over = 0

    def _stalled(self, error: Exception) -> None:
        log.warning("describing_stalled", error=type(error).__name__)


def describe_all(
    descriptions: Descriptions, describe: Describe, progress: Callable[[int], None]
) -> None:
    """Describe every instance again; nothing else may use the store. Raises OutOfSpace.

    progress: called with the row that was done last.
    """
    descriptions.forget()
    after = 0
    while missing := descriptions.missing(after, most=AT_ONCE):
        made = []
        for row, instance in missing:
            try:
                made.append((row, instance, describe(instance)))
            except (StoreError, Unreadable):
                continue  # `reindex` says itself which files cannot be read
        descriptions.keep(made)
        after = missing[-1][0]
        progress(after)
