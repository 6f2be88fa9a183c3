"""A thread that repeats one step until it is stopped; and how a lack of threads or memory shows.

Rules
- Between two steps it waits until the next is due or it is woken.
- `wake` during a step is not lost: the event is cleared before the step, so the wait after it ends
  at once. A stop is not lost either: it is recorded before the event is set, and read after the
  event is cleared.
- An error of a step ends the step, not the thread: `on_stalled` logs it, and the next step comes
  after `stalled_s`.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable

_LOOK_AGAIN_S = 2.0  # whether the work is this node's by now


class RecurringThread:
    """Runs `step` until it is stopped; `wake`, `ask_stop` and `join` from any thread.

    step: does what is due and returns the seconds until more is. on_stalled: takes the error of a
    step. on_end: called on the thread at its end.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], float],
        *,
        on_stalled: Callable[[Exception], None],
        stalled_s: float,
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._step = step
        self._on_stalled = on_stalled
        self._stalled_s = stalled_s
        self._on_end = on_end
        self._may: Callable[[], bool] = lambda: True
        self._wake_up = threading.Event()
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def only_while(self, may: Callable[[], bool]) -> None:
        """Take steps only while `may` is true: of several nodes one does this work."""
        self._may = may

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._stopping.is_set()

    @property
    def was_started(self) -> bool:
        """Whether the thread runs or has run."""
        return self.thread.ident is not None

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self.thread.is_alive()

    def start(self) -> None:
        """Begin with a step at once."""
        self.thread.start()

    def wake(self) -> None:
        """Something is due: take the next step now."""
        self._wake_up.set()

    def ask_stop(self) -> None:
        """End after the step under way. Does not wait."""
        self._stopping.set()
        self._wake_up.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; False where it did not end in time."""
        if self.was_started:
            self.thread.join(timeout_s)
        return not self.is_alive

    def _run(self) -> None:
        while True:
            self._wake_up.clear()
            if self._stopping.is_set():
                break
            self._wake_up.wait(self._taken())
        self._on_end()

    def _taken(self) -> float:
        """Take a step; returns the seconds to wait after it."""
        try:
            return self._step() if self._may() else _LOOK_AGAIN_S
        except Exception as error:  # noqa: BLE001  # the thread's top
            self._on_stalled(error)
            return self._stalled_s


def is_shortage(error: BaseException) -> bool:
    """Whether it says that memory or threads are wanting, in Python's several words for that.

    RuntimeError is what CPython raises without a thread, and for a part that was to be stopped
    before its thread ran; ImportError is of a library that found no address space, SystemError of
    an extension that did not look.
    """
    if isinstance(error, RuntimeError):
        return "thread" in str(error)
    if isinstance(error, ImportError):
        return any(sign in str(error) for sign in ("map segment", "allocate", "static TLS"))
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EAGAIN)
    if isinstance(error, SystemError):
        return "without exception set" in str(error)
    return isinstance(error, MemoryError)
