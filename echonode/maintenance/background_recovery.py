"""What a start left for later is done while the node runs; store/recovery/recovery.py says what.

Rules
- One bounded part after the other, and after each a pause as long as the part took: at most half of
  one core, and half of what the disk gives.
- A part that the disk refuses comes again a little later. Damage of the database ends it: only a
  restart settles that, and nothing is deleted until then.
- Where other nodes keep instances in the same place, all is compared again once a day.
- The log says what was found once all is done, as a start says what it found first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from echonode.errors import IndexDamaged, StoreError
from echonode.log import get_logger
from echonode.store.recovery.recovery import Recovery
from echonode.store.values import RecoveryReport

_AGAIN_AFTER_S = 10.0  # after a part that failed
_A_DAY_S = 24 * 3600.0

log = get_logger(__name__)


class BackgroundRecovery:
    """A thread that ends by itself. on_done: called in it once everything is done."""

    def __init__(
        self,
        recovery: Recovery,
        *,
        on_found: Callable[[RecoveryReport], None],
        on_done: Callable[[], None],
        again_after_s: float = _A_DAY_S,
    ) -> None:
        self._recovery = recovery
        self._on_found = on_found
        self._on_done = on_done
        self._again_after_s = again_after_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recovery", daemon=True)

    def start(self) -> None:
        """Begin; once the listeners answer."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End after the part under way, or within it; False when it did not in time."""
        self._stopping.set()
        self._recovery.stop()
        if self._thread.is_alive():
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._once()
        while self._recovery.is_shared and not self._stopping.wait(self._again_after_s):
            self._recovery.look_again()
            self._once()

    def _once(self) -> None:
        began, first = time.monotonic(), self._recovery.report
        pause_s = 0.0
        while self._recovery.is_running:
            if self._stopping.wait(pause_s):
                return
            part_began = time.monotonic()
            try:
                self._recovery.step()
                pause_s = time.monotonic() - part_began
            except IndexDamaged:
                log.error("recovery_stopped", reason="the database is damaged: restart the node")
                return
            except StoreError as error:
                log.warning("recovery_stalled", reason=str(error))
                pause_s = _AGAIN_AFTER_S
            except Exception:  # the thread's top: the same part may go well later
                log.exception("recovery_stalled")
                pause_s = _AGAIN_AFTER_S
        found = self._recovery.report
        if found != first:
            self._on_found(found)
        log.info("recovery_finished", seconds=round(time.monotonic() - began, 1))
        self._on_done()
