"""Which peers are not called for reports now, and when each is called again. Pure.

Rules
- A peer that could not be called is paused, for longer each time, whatever is due to it. None of
  its requests is to blame. One that answered, whatever the status, is not paused.
- Times are arguments, of the monotonic clock: setting the wall clock neither ends nor extends a
  pause.
"""

from __future__ import annotations

from dataclasses import dataclass

from echonode.model.backoff import Random, step_s

# A refused connection costs little, a dead address the time-out of a connection; the last repeats.
PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True, kw_only=True)
class _Pause:
    failures: int
    until_s: float


class ReportPauses:
    """Peers by AE title; for one thread."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._pauses: dict[str, _Pause] = {}

    def failed(self, ae_title: str, now_s: float) -> None:
        """The peer could not be called, or was lost before it answered."""
        known = self._pauses.get(ae_title)
        failures = known.failures if known else 0
        until_s = now_s + step_s(PAUSES_S, failures, self._random)
        self._pauses[ae_title] = _Pause(failures=failures + 1, until_s=until_s)

    def answered(self, ae_title: str) -> None:
        """The peer answered."""
        self._pauses.pop(ae_title, None)

    @property
    def suspects(self) -> frozenset[str]:
        """Those whose last call failed, whether or not their pause is over."""
        return frozenset(self._pauses)

    def paused(self, now_s: float) -> frozenset[str]:
        """Those that are not to be called yet."""
        return frozenset(name for name, pause in self._pauses.items() if pause.until_s > now_s)

    def next_of(self, ae_title: str, now_s: float) -> float:
        """Seconds until the peer may be called again."""
        pause = self._pauses.get(ae_title)
        return max(0.0, pause.until_s - now_s) if pause else 0.0

    def next_s(self, now_s: float) -> float | None:
        """Seconds until the next pause ends; None where none is running."""
        waits = (pause.until_s - now_s for pause in self._pauses.values())
        return min((wait for wait in waits if wait > 0), default=None)
