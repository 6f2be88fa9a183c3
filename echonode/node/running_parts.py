"""The parts that run: stopped in the reverse order of their start, within one deadline for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Protocol, Self

# Of the deadline, for what has to be broken off at the end: callers, lanes, a moment for each part.
BREAKING_OFF_S = 8.0
_A_MOMENT_S = 0.3


class Stoppable(Protocol):
    """A part of the node that can be stopped."""

    def stop(self, deadline_s: float, /) -> object: ...


class Together:
    """Parts that stop at the same time: none waits for another that does not end in good time."""

    def __init__(self, parts: Iterable[Stoppable]) -> None:
        self._parts = tuple(parts)

    def stop(self, deadline_s: float) -> None:
        """Stop all of them, each within `deadline_s`."""
        threads = [threading.Thread(target=part.stop, args=(deadline_s,)) for part in self._parts]
        for thread, part in zip(threads, self._parts, strict=True):
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads: one after another, then
                part.stop(deadline_s)
        for thread in threads:
            if thread.ident is not None:
                thread.join()


class Startable(Stoppable, Protocol):
    """A part of the node that can be started."""

    def start(self) -> object: ...


class RunningParts:
    """What was started and not stopped yet. One thread at a time.

    As a context it stops what was started where the block fails, and keeps it where it ends well.
    """

    def __init__(self) -> None:
        self._undo = ExitStack()
        self._stop_at = 0.0

    def start(self, *parts: Startable | None) -> None:
        """Start them one after another. A part whose start fails is stopped as well: it may have
        started by half. None is a part that this node does not have.
        """
        for part in parts:
            if part is not None:
                self.stop_later(part)
                part.start()

    def start_together(self, parts: Sequence[Startable]) -> None:
        """The same for parts that are stopped at the same time."""
        self.stop_later(Together(parts))
        for part in parts:
            part.start()

    def stop_later(self, part: Stoppable) -> None:
        """Stop it in its turn; another has started it, or will."""
        self._undo.callback(self._stop_part, part)

    def close_later(self, close: Callable[[], object]) -> None:
        """Call `close` in its turn: of what cannot be waited for."""
        self._undo.callback(close)

    def stop_by(self, deadline_s: float) -> None:
        """From now on all have `deadline_s`, what has to be broken off at the end included."""
        self._stop_at = time.monotonic() + max(0.0, deadline_s - BREAKING_OFF_S)

    def stop(self) -> None:
        """Stop every part, the last started first. Nothing is left running."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.stop()

    def _stop_part(self, part: Stoppable) -> None:
        """Stop it in what is left of the deadline; one whose turn comes late gets a moment."""
        part.stop(max(_A_MOMENT_S, self._stop_at - time.monotonic()))
