"""Whether an instance or the archive is to blame for a lost association. Pure.

Rules
- An archive that breaks the association off at every instance has a fault of its own, and no
  instance is held for it. An archive that breaks off at one instance, and has stored another since
  the first time, is otherwise well.
- It does not count as otherwise well where, after the last instance that it stored, it also broke
  off at an instance that it never broke off at before.
- Only an end by the peer counts (A-ABORT, PS3.8 9.3.8, or a closed connection): a time-out is
  the fault of the network.
"""

from __future__ import annotations

# Losses of an instance while the archive is otherwise well. They are spread over two hours (see
# Backoff), so an archive that breaks off now and then under load is very unlikely to be taken
# for one that fails at this instance.
LOSSES_BEFORE_HOLD = 8


class Blame:
    """Lost and stored instances of one destination, by delivery; in memory only."""

    def __init__(self) -> None:
        self._step = 0
        self._last_stored = 0
        self._first_lost: dict[int, int] = {}
        self._losses: dict[int, int] = {}

    def lost(self, job_id: int) -> int:
        """The peer broke the association off at it. Returns how often, while otherwise well."""
        self._step += 1
        first = self._first_lost.setdefault(job_id, self._step)
        if first < self._last_stored and not self._others_began_since():
            self._losses[job_id] = self._losses.get(job_id, 0) + 1
        return self._losses.get(job_id, 0)

    def _others_began_since(self) -> bool:
        return any(first > self._last_stored for first in self._first_lost.values())

    def stored(self, job_id: int) -> None:
        """It was stored."""
        self._step += 1
        self._last_stored = self._step
        self.forget(job_id)

    def forget(self, job_id: int) -> None:
        """It is no longer tried, or its count starts again."""
        self._first_lost.pop(job_id, None)
        self._losses.pop(job_id, None)
