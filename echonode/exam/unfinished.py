"""What was begun on an exam and cut off, gone on with in the background.

The disk refused it, the node was killed, or a capture became durable after its exam had its
patient. Each piece of work finds by itself what is left, and may be done any number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from echonode.errors import EchoNodeError, described
from echonode.log import get_logger
from echonode.threads import RecurringThread

log = get_logger(__name__)

LOOK_EVERY_S = 5.0  # a late capture is rare, and a full disk is emptied by people


class UnfinishedWorker:
    """Runs each of `works` now and then, on one thread; an error of one does not stop another."""

    def __init__(
        self,
        works: Sequence[Callable[[], object]],
        *,
        look_every_s: float = LOOK_EVERY_S,
        name: str = "exam-unfinished",
    ) -> None:
        self._works, self._look_every_s = tuple(works), look_every_s
        self._thread = RecurringThread(
            name, self._step, on_stalled=_log_stalled, stalled_s=look_every_s
        )

    def only_while(self, may: Callable[[], bool]) -> None:
        """Work only while `may` is true: of several nodes one does."""
        self._thread.only_while(may)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """End after the exam under way."""
        self._thread.ask_stop()
        self._thread.join(deadline_s)

    def _step(self) -> float:
        for work in self._works:
            try:
                work()
            except Exception as error:  # noqa: BLE001  # the border of one work
                _log_stalled(error)
        return self._look_every_s


def _log_stalled(error: Exception) -> None:
    reason = str(error) if isinstance(error, EchoNodeError) else described(error)
    log.error("exam_unfinished", reason=reason)
