"""How many associations: found by trying, within a cap, and fewer when the archive says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from echonode.delivery.concurrency import (
    HOLD_S,
    PATIENCE_S,
    REFUSAL_BELIEVED_S,
    WINDOW_S,
    ConcurrencyController,
)

STILL = 300_000  # bytes


class Line:
    """A line that answers so many instances a second at each level, on a clock of its own."""

    def __init__(self, concurrency: ConcurrencyController, rate: Callable[[int], float]) -> None:
        self.concurrency, self.rate, self.now = concurrency, rate, 0.0
        self.most_lanes = 10_000

    def run(self, seconds: float, *, more: bool = True, size: int = STILL) -> int:
        """Let it work; the level at the end."""
        until = self.now + seconds
        while self.now < until:
            lanes = min(self.concurrency.level, self.most_lanes)
            self.now += 1 / self.rate(lanes)
            self.concurrency.finished(size, now=self.now, lanes=lanes, more=more)
        return self.concurrency.level


def waiting_line(level: int) -> float:
    """A round trip of 60 ms: each association more brings its whole share."""
    return 16.0 * level


def busy_archive(level: int) -> float:
    """An archive of one thread: nothing is gained by a second association."""
    return 100.0


@pytest.mark.parametrize(("cap", "found"), [(1, 1), (2, 2), (6, 6), (8, 8)])
def test_on_a_line_that_waits_it_grows_to_its_cap(cap: int, found: int) -> None:
    """Where the round trip is what costs, all associations that are allowed are used."""
    line = Line(ConcurrencyController(cap), waiting_line)
    assert line.run(10) == found


def test_it_grows_within_two_seconds() -> None:
    """An exam of 200 stills must gain by it: eight associations before a tenth of it is sent."""
    line = Line(ConcurrencyController(8), waiting_line)
    assert line.run(2.0) == 8


def test_with_a_busy_archive_it_goes_back_to_two() -> None:
    """What does not help is taken back, and tried again only after a while."""
    line = Line(ConcurrencyController(8), busy_archive)
    assert line.run(HOLD_S[0] - WINDOW_S) == 2
    levels = {line.run(0.1) for _ in range(int(HOLD_S[0] * 10))}
    assert levels == {2, 4}
    assert line.concurrency.level == 2


@pytest.mark.slow
def test_trials_become_rare() -> None:
    """An archive that gains nothing is left in peace: a handful of trials in an hour."""
    line = Line(ConcurrencyController(8), busy_archive)
    trials = 0
    before = 2
    while line.now < 3600:
        level = line.run(0.2)
        trials += level > before
        before = level
    assert trials <= 15


def test_it_stops_where_growth_ends() -> None:
    """Four associations fill the line: eight would only take the archive's slots."""
    line = Line(ConcurrencyController(16), lambda level: 20.0 * min(level, 4))
    line.run(12)
    assert line.concurrency.level == 4


def test_a_refusal_is_the_limit_for_a_while() -> None:
    """An archive that gives three associations is asked for three, and later whether for more."""
    line = Line(ConcurrencyController(8), waiting_line)
    line.run(1.0)
    line.concurrency.refused(3, now=line.now)
    assert {line.run(0.5) for _ in range(60)} <= {1, 2, 3}
    assert line.concurrency.level == 3
    line.run(REFUSAL_BELIEVED_S)
    assert line.concurrency.level > 3


def test_an_archive_that_leaves_callers_waiting_gives_no_more() -> None:
    """A handshake that is never answered counts as a refusal, after some patience."""
    line = Line(ConcurrencyController(8), waiting_line)
    line.most_lanes = 2
    line.run(PATIENCE_S + 3)
    assert line.concurrency.level == 2


def test_an_hours_rest_changes_nothing() -> None:
    """What was found in the morning is used at once for the backlog of the afternoon, though its
    lanes have yet to be opened.
    """
    line = Line(ConcurrencyController(8), waiting_line)
    line.run(10)
    line.now += 3600
    line.most_lanes = 1
    assert line.run(1.0) == 8
    line.most_lanes = 8
    assert line.run(10) == 8


def test_the_clocks_zero_means_nothing() -> None:
    """A monotonic clock begins anywhere: the first instance does not ask for more lanes."""
    line = Line(ConcurrencyController(8), waiting_line)
    line.now = 1e6
    line.most_lanes = 1
    assert line.run(1.0) == 2


def test_without_a_backlog_nothing_is_judged() -> None:
    """Single stills, each sent at once, say nothing about the line."""
    line = Line(ConcurrencyController(8), waiting_line)
    assert line.run(60, more=False) == 2


def test_long_cines_and_stills_are_weighed_alike() -> None:
    """Bytes count: a line that is full with two associations of cines is not given a third."""
    bandwidth = 10e6
    line = Line(ConcurrencyController(8), lambda level: bandwidth / 50e6)
    levels = [line.run(5, size=50_000_000) for _ in range(400)]
    assert max(levels) == 4  # tried now and then, and taken back
    assert levels.count(2) > 2 * levels.count(4)


def test_at_least_one() -> None:
    """A cap of none would deliver nothing."""
    with pytest.raises(ValueError):
        ConcurrencyController(0)
