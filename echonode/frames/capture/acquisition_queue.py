"""The queue of finished acquisitions, so that the probe never waits for the disk.

Rules
- In order, one at a time, on a thread of its own.
- Few wait (they are large). When that many do, `put` waits too: frames then pile up in the frames'
  own backlog, where what must be dropped is counted.
- A full disk is no reason to give an acquisition up: it is offered again until it is taken, or
  until we stop; then it is offered once more.
- What cannot be kept at all is logged and counted, never dropped in silence.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

from echonode.errors import OutOfSpace
from echonode.frames.frame import Acquisition
from echonode.log import get_logger

log = get_logger(__name__)

WAITING_LIMIT = 2
OFFER_AGAIN_S = 1.0


class AcquisitionQueue:
    """Calls `take` with each acquisition. name: of the probe, for the thread and the log."""

    def __init__(
        self,
        name: str,
        take: Callable[[Acquisition], None],
        *,
        offer_again_s: float = OFFER_AGAIN_S,
    ) -> None:
        self._name, self._take, self._offer_again_s = name, take, offer_again_s
        self._waiting: queue.Queue[Acquisition | None] = queue.Queue(WAITING_LIMIT)
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"probe-{name}-handover", daemon=True
        )
        self.taken = 0
        self.lost = 0

    def start(self) -> None:
        """Begin to hand over."""
        self._thread.start()

    def put(self, acquisition: Acquisition) -> None:
        """Hand over when its turn comes; waits while too many are before it."""
        self._waiting.put(acquisition)

    def stop_retrying(self) -> None:
        """We are stopping: offer what waits once, and do not wait for space on the disk."""
        self._stopping.set()

    def stop(self, deadline_s: float) -> bool:
        """Hand over what waits, then end; whether all of it was in time."""
        ends = time.monotonic() + deadline_s
        self._stopping.set()
        try:
            self._waiting.put(None, timeout=deadline_s)
        except queue.Full:
            return False
        self._thread.join(max(0.0, ends - time.monotonic()))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (acquisition := self._waiting.get()) is not None:
            if self._offer(acquisition):
                self.taken += 1
            else:
                self.lost += 1

    def _offer(self, acquisition: Acquisition) -> bool:
        """Offer until taken; whether it was."""
        while True:
            last_time = self._stopping.is_set()
            try:
                self._take(acquisition)
            except OutOfSpace as error:
                log.error("acquisition_waits", **self._about(acquisition), error=str(error))
                if last_time:
                    log.error("acquisition_lost", **self._about(acquisition))
                    return False
                self._stopping.wait(self._offer_again_s)
            except Exception:  # the thread's top: the next acquisition must still get through
                log.exception("acquisition_lost", **self._about(acquisition))
                return False
            else:
                return True

    def _about(self, acquisition: Acquisition) -> dict[str, object]:
        return {
            "probe": self._name,
            "connection_id": acquisition.connection_id,
            "number": acquisition.number,
            "frames": len(acquisition.frames),
        }
