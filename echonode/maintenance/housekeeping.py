"""What the node does every minute by itself: clocks, deleting old copies, reporting alarms.

Rules
- The observed clock (store/retention/policy.py) goes on here and nowhere else: by what the
  monotonic clock has passed since the last look, a bounded step each time.
- A wall clock that was set back is noticed here, and what waits is moved with it
  (store/deliveries/clock_changes.py).
- A small durable write each time finds out that the disk has turned read-only where nothing else is
  written for hours (store/files/durability.py).
- What is no longer needed is deleted, and the database's files shrink with it
  (store/retention/pruning.py, store/database/file_size.py).
- An alarm is logged when it comes and when it goes, not every minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from echonode.errors import StoreError
from echonode.log import get_logger
from echonode.store.retention.deletion import Deleted
from echonode.store.retention.policy import LOOK_EVERY_S, RetentionPolicy, observed_step
from echonode.store.store import Store
from echonode.web.health import Alarm

# Of some hundred instances each: ten thousand a minute empties any disk, and lets others write.
_ROUNDS = 20
# While the disk refuses: senders and operators wait for the node to be ready again.
RETRY_EVERY_S = 5.0

log = get_logger(__name__)


class Housekeeping:
    """A thread of its own; `look` is what it does, once a minute."""

    def __init__(
        self,
        store: Store,
        *,
        policy: RetentionPolicy,
        alarms: Callable[[], Sequence[Alarm]],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        every_s: float = LOOK_EVERY_S,
        on_deleted: Callable[[Sequence[Deleted]], None] = lambda deleted: None,
        on_alarms: Callable[[Sequence[Alarm]], None] = lambda alarms: None,
    ) -> None:
        """The work on the store is done while this node leads. on_deleted: called with what
        retention deleted. on_alarms: with those that stand, at each look.
        """
        self._on_deleted, self._on_alarms = on_deleted, on_alarms
        self._store = store
        self._policy = policy
        self._alarms = alarms
        self._now = now
        self._monotonic = monotonic
        self._every_s = every_s
        self._looked_at = self._watched_at = monotonic()
        self._standing: dict[str, Alarm] = {}
        self._stopping = threading.Event()
        self._early = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        """Begin, with a look at once: what the start found is reported without delay."""
        self._thread.start()

    def look_now(self) -> None:
        """Do not wait for the minute to be over."""
        self._early.set()

    def stop(self, deadline_s: float) -> bool:
        """End after the look under way; False when it did not in time."""
        self._stopping.set()
        self._early.set()
        if self._thread.is_alive():
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def look(self) -> None:
        """Once around; alarms are reported also where the rest fails. Raises StoreError."""
        self._store.prove_writable()
        try:
            if not self._store.nodes.leads():
                self._looked_at = self._watched_at = self._monotonic()
            elif not self._store.unwritable:
                self._watch_clock()
                self._observe()
                self._recycle()
                self._keep_house()
        finally:
            self._tell()

    def _watch_clock(self) -> None:
        now = self._monotonic()
        set_back = self._store.deliveries.watch_clock(
            now=self._now(), elapsed_s=now - self._watched_at
        )
        self._watched_at = now
        if set_back:
            log.warning("clock_set_back", seconds=round(set_back.total_seconds()))

    def _observe(self) -> None:
        now = self._monotonic()
        elapsed_s = now - self._looked_at
        whole_s = int(observed_step(elapsed_s))
        self._store.retention.observe(whole_s)
        # A fraction of a second is carried over; what is beyond the longest step is lost.
        is_honest = 0 <= elapsed_s < whole_s + 1
        self._looked_at = self._looked_at + whole_s if is_honest else now

    def _recycle(self) -> None:
        for _ in range(_ROUNDS):
            if self._stopping.is_set():
                return
            deleted = self._store.retention.recycle(self._policy, now=self._now())
            for gone in deleted:
                log.info("instance_deleted", sop_instance_uid=gone.sop_instance_uid)
            if not deleted:
                return
            self._on_deleted(deleted)

    def _keep_house(self) -> None:
        self._store.order_messages.prune(now=self._now())
        for _ in range(_ROUNDS):
            done = self._store.retention.prune(now=self._now())
            if done.starved_wal_bytes:
                log.warning("checkpoint_starved", wal_bytes=done.starved_wal_bytes)
            if self._stopping.is_set() or not done.pages_given_back:
                return

    def _tell(self) -> None:
        alarms = {alarm.name: alarm for alarm in self._alarms()}
        for name, alarm in alarms.items():
            if name not in self._standing:
                log.error("alarm_raised", name=name, text=alarm.whole, alarm=True)
        for name in self._standing.keys() - alarms.keys():
            log.info("alarm_cleared", name=name)
        self._standing = alarms
        self._on_alarms(list(alarms.values()))

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except StoreError as error:
                log.error("housekeeping_stalled", reason=str(error))
            except Exception:  # the thread's top: the next look may go well
                log.exception("housekeeping_stalled")
            self._wait()

    def _wait(self) -> None:
        """Until the next look is due: soon, where the disk refuses, and at once when asked to."""
        waited_s, step_s = 0.0, min(self._every_s, RETRY_EVERY_S)
        while waited_s < self._every_s and not self._early.wait(step_s):
            waited_s += step_s
            if self._store.durability.problem:
                return
        self._early.clear()
