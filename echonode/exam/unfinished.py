"""What was begun on an exam and cut off, gone on with in the background.

The disk refused it, the node was killed, or a capture became durable after its exam had its
patient. Each piece of work finds by itself what is left, and may be done any number of times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from echonode.errors import EchoNodeError, described
from echonode.log import get_logger

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
        self._works, self._look_every_s, self._name = tuple(works), look_every_s, name
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """End after the exam under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(deadline_s)

    def _run(self) -> None:
        while True:
            for work in self._works:
                self._do(work)
            if self._stopping.wait(self._look_every_s):
                return

    def _do(self, work: Callable[[], object]) -> None:
        try:
            work()
        except EchoNodeError as error:
            log.error("exam_unfinished", reason=str(error))
        except Exception as error:  # noqa: BLE001  a thread's top: it is looked for again
            log.error("exam_unfinished", reason=described(error))
