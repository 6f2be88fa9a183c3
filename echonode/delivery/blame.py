"""Whether an instance or the archive is to blame for a lost association. Pure.

Rules
- An archive that breaks the association off at every instance is ill, and nothing is held for it.
  One that does so at this instance, and stored another since it first did, is otherwise well.
- It is not otherwise well while an instance that was never lost before is lost too, after the last
  one that it stored.
- Only what the peer ended counts (A-ABORT, PS3.8 9.3.8, or a closed connection): a time-out is the
  line's.
"""

from __future__ import annotations

# Losses of an instance while the archive is otherwise well. They are spread over two hours (see
# Backoff), so that an archive that breaks off now and then under load is very unlikely to be
# taken for one that cannot bear this instance.
LOSSES_BEFORE_HOLD = 8


class Blame:
    """Lost and stored instances of one destination, by delivery; in memory only."""

    def __init__(self) -> None:
        self._step = 0
        self._last_stored = 0
        self._first_lost: dict[int, int] = {}
        self._losses: dict[int, int] = {}

    def lost(self, job_id: int) -> int:
        """The peer broke the association off at it; how often it did while otherwise well."""
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
        """It is not tried any more, or from the beginning."""
        self._first_lost.pop(job_id, None)
        self._losses.pop(job_id, None)
