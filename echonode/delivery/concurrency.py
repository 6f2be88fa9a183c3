"""How many associations with one destination improve the rate: found by trying.

Rules
- Over a network with a long round trip one association mostly waits for answers (PS3.7 9.1.1: one
  C-STORE at a time, unless more were negotiated), and several wait at the same time. On a fast
  network, or with an archive that is the slow part, more associations gain nothing.
- Begin with two: one sends while the other waits for its answer, which helps on any network.
  Measure the rate for a window, then double. Keep the larger number where the rate grew by GROWTH,
  else go back and wait before the next trial, longer each time.
- A rate counts bytes, and INSTANCE_BYTES for the round trip of each instance, so that stills and
  cines can be compared.
- A window counts only if work was always waiting and every lane had its association: the rate of an
  idle association does not show what the network can do.
- An archive that refuses one more association has shown how many it gives. That is the maximum for
  REFUSAL_BELIEVED_S.
- Time is an argument, in seconds of a monotonic clock.
"""

from __future__ import annotations

FIRST_LEVEL = 2
GROWTH = 1.05
WINDOW_S = 0.3  # the shortest window that counts
INSTANCES_IN_WINDOW = 4  # for each association
INSTANCE_BYTES = 256 * 1024  # added to the length of each instance
HOLD_S = (5.0, 15.0, 60.0, 300.0)  # after growth that did not help; the last repeats
REFUSAL_BELIEVED_S = 60.0
# Lanes without an association for this long count as refused.
PATIENCE_S = 15.0


class ConcurrencyController:
    """The number of associations for one destination, `cap` at most. Not thread-safe."""

    def __init__(self, cap: int) -> None:
        if cap < 1:
            raise ValueError("at least one association")
        self.cap = cap
        self._level = min(FIRST_LEVEL, cap)
        self._proved: tuple[int, float] | None = None  # the smaller level and its rate, in a trial
        self._failures = 0
        self._no_growth_before = 0.0
        self._most, self._most_until = cap, 0.0
        self._short_since: float | None = None  # fewer lanes than the level, with work for them
        self._began: float | None = None
        self._work = 0
        self._instances = 0

    @property
    def level(self) -> int:
        """How many associations there should be while there is work for them."""
        return self._level

    def finished(self, size: int, *, now: float, lanes: int, more: bool) -> None:
        """An instance of so many bytes was answered.

        lanes: associations open just now. more: whether work is waiting.
        """
        if not more or lanes != self._level:
            self._began = None
            self._look_at_lanes(lanes, now, short=more and lanes < self._level)
            return
        self._short_since = None
        if self._began is None:
            self._began, self._work, self._instances = now, 0, 0
            return
        self._work += size + INSTANCE_BYTES
        self._instances += 1
        elapsed = now - self._began
        if elapsed >= WINDOW_S and self._instances >= INSTANCES_IN_WINDOW * self._level:
            self._measured(self._work / elapsed, now)

    def _look_at_lanes(self, lanes: int, now: float, *, short: bool) -> None:
        if not short:
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now
        elif now - self._short_since > PATIENCE_S:
            self.refused(lanes, now=now)

    def refused(self, lanes: int, *, now: float) -> None:
        """The archive refused one association more than the `lanes` that are open."""
        self._most, self._most_until = max(1, lanes), now + REFUSAL_BELIEVED_S
        self._proved = None
        self._change(min(self._level, self._most))

    def _measured(self, rate: float, now: float) -> None:
        self._began = None
        if self._proved is not None:
            smaller, its_rate = self._proved
            self._proved = None
            if rate < its_rate * GROWTH:
                self._no_growth_before = now + HOLD_S[min(self._failures, len(HOLD_S) - 1)]
                self._failures += 1
                self._change(smaller)
                return
            self._failures = 0
        larger = min(2 * self._level, self.cap if now >= self._most_until else self._most)
        if larger > self._level and now >= self._no_growth_before:
            self._proved = (self._level, rate)
            self._change(larger)

    def _change(self, level: int) -> None:
        self._level, self._short_since, self._began = level, None, None
