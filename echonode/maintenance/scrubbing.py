"""Every kept file is read once in so many days, at a low rate, and compared with what was stored.

Rules
- The share of each look is what the time since the last one is of the whole period; so a store of a
  million reads some dozens a minute, and a small one a file now and then. Only time in which the
  node ran counts.
- The place is remembered in the database: a node that is restarted every night gets round as well.
- What is found damaged is marked and logged with its UID; the alarms count the marks.
- A disk that cannot be read just now is tried again at the next look, from the same place.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from echonode.errors import StoreError
from echonode.log import get_logger
from echonode.store.database.key_value import KeyValue
from echonode.store.recovery.scrub import Scrub, Scrubbed

log = get_logger(__name__)

LOOK_EVERY_S = 60.0
_LONGEST_LOOK_S = 20.0  # of reading; a disk that is slower than the share gets round later
_PLACE = "scrub_after"  # a note of the store


@dataclass(frozen=True, kw_only=True)
class ScrubCounters:
    """Since the node started: files read, and those of them found damaged or gone.

    plain: files of an encrypted store that are not sealed, by the round under way or the last.
    """

    files: int = 0
    damaged: int = 0
    plain: int = 0


def share_of(rows: int, *, elapsed_s: float, period_s: float) -> float:
    """How many of `rows` are to be read for an interval, so that all are in `period_s`.

    An interval longer than two looks (a sleeping machine) counts as two.
    """
    return rows * min(max(0.0, elapsed_s), 2 * LOOK_EVERY_S) / period_s


class Scrubbing:
    """A thread of its own; `look` is what it does, once a minute. period_s: of a whole round."""

    def __init__(
        self,
        scrub: Scrub,
        key_value: KeyValue,
        *,
        period_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._scrub = scrub
        self._key_value = key_value
        self._period_s = period_s
        self._monotonic = monotonic
        self._every_s = every_s
        self._looked_at = monotonic()
        self._owed = 0.0  # rows, a fraction of one included
        self._after: int | None = None
        self._round = ScrubCounters()
        self._counters = ScrubCounters()
        self._plain_before = 0  # in the last round
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)

    @property
    def counters(self) -> ScrubCounters:
        """A snapshot."""
        return self._counters

    def start(self) -> None:
        """Begin; the first look is after the first interval."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End after the file under way; False when it did not in time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def look(self) -> None:
        """Read the share that is due. Raises StoreError."""
        now = self._monotonic()
        first, last = self._scrub.span()
        self._owed += share_of(
            last - first + 1, elapsed_s=now - self._looked_at, period_s=self._period_s
        )
        self._looked_at = now
        rows = int(self._owed)
        if rows < 1 or last == 0:
            return
        after = max(self._place(), first - 1)
        if after >= last:
            after = self._begin_round(first)
        done = self._scrub.run(
            after, min(after + rows, last), longest_s=_LONGEST_LOOK_S, stop=self._stopping.is_set
        )
        self._owed = min(self._owed - rows, 1.0)
        self._after = done.after
        self._key_value.write(_PLACE, str(done.after))
        self._tell(done)

    def _place(self) -> int:
        if self._after is None:
            text = self._key_value.read(_PLACE)
            self._after = int(text) if text.isdecimal() else 0
        return self._after

    def _begin_round(self, first: int) -> int:
        log.info("scrub_finished", files=self._round.files, damaged=self._round.damaged)
        self._plain_before = self._round.plain
        self._round = ScrubCounters()
        return first - 1

    def _tell(self, done: Scrubbed) -> None:
        for uid in done.damaged:
            log.error("file_damaged", sop_instance_uid=uid, missing=False)
        for uid in done.missing:
            log.error("file_damaged", sop_instance_uid=uid, missing=True)
        for uid in done.whole_again:
            log.info("file_whole_again", sop_instance_uid=uid)
        bad = len(done.damaged) + len(done.missing)
        self._round = _more(self._round, done.files, bad, self._round.plain + done.plain)
        plain = max(self._plain_before, self._round.plain)
        self._counters = _more(self._counters, done.files, bad, plain)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.look()
            except StoreError as error:
                log.error("scrub_stalled", reason=str(error))
            except Exception as error:  # noqa: BLE001  # the thread's top: the next may go well
                log.error("scrub_stalled", reason=type(error).__name__)


def _more(counters: ScrubCounters, files: int, damaged: int, plain: int) -> ScrubCounters:
    return ScrubCounters(
        files=counters.files + files, damaged=counters.damaged + damaged, plain=plain
    )
