"""A clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


class Clock:
    """Wall and monotonic time that pass only when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 1000.0 + self.seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds
