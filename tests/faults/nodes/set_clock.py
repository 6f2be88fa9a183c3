"""A wall clock that can be set, and a monotonic one that cannot; both stand until the test moves
them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)  # the night before summer time ends in Europe


class SetClock:
    """Thread-safe as far as it goes: one thread moves it, any may read."""

    def __init__(self) -> None:
        self._passed_s = 0.0
        self._wrong_by = timedelta()

    def now(self) -> datetime:
        """What the wall clock says."""
        return START + timedelta(seconds=self._passed_s) + self._wrong_by

    def monotonic(self) -> float:
        """Seconds since some moment, whatever the wall clock is set to."""
        return 1_000.0 + self._passed_s

    @property
    def passed_s(self) -> float:
        """Seconds that really passed."""
        return self._passed_s

    def go(self, seconds: float) -> None:
        """Time passes, on both clocks."""
        self._passed_s += seconds

    def set_by(self, step: timedelta) -> None:
        """The wall clock is set; no time passes."""
        self._wrong_by += step
