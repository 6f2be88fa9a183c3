"""A costly figure is not read for each of its askers."""

from __future__ import annotations

import pytest

from echonode.monitoring.paced_reading import PacedReading


class Reading:
    """Takes as long as the test wants, on a clock of its own, and counts."""

    def __init__(self, cost_s: float) -> None:
        self.seconds, self.cost_s, self.times = 100.0, cost_s, 0
        self.figure = PacedReading(self._read, monotonic=lambda: self.seconds)

    def _read(self) -> int:
        self.seconds += self.cost_s
        self.times += 1
        if self.cost_s < 0.0:
            raise ValueError("no answer")
        return self.times


def test_a_reading_of_a_tenth_of_a_second_is_kept_for_two() -> None:
    """So that it takes a twentieth of the time at most."""
    reading = Reading(0.1)
    assert [reading.figure(), reading.figure()] == [1, 1]
    reading.seconds += 1.9
    assert reading.figure() == 1
    reading.seconds += 0.2
    assert reading.figure() == 2


def test_what_costs_nothing_is_always_new() -> None:
    """A small store: each asker gets the figure of now."""
    reading = Reading(0.0)
    assert [reading.figure(), reading.figure()] == [1, 2]


def test_a_failure_is_not_kept() -> None:
    """The next asker reads again."""
    reading = Reading(-0.1)
    for _ in range(2):
        with pytest.raises(ValueError, match="no answer"):
            reading.figure()
    assert reading.times == 2
