"""The delay before a repetition."""

from __future__ import annotations

import pytest

from echonode.model.backoff import Doubling, step_s

EIGHT = Doubling(first_s=0.5, cap_s=8, jitter=0.2)


def test_a_delay_doubles_up_to_its_cap() -> None:
    """0.5, 1, 2, 4, 8 and then 8 s, however often it failed before."""
    failures = (0, 1, 2, 3, 4, 5, 100, 10**9)
    assert [EIGHT.delay_s(n, lambda: 0.0) for n in failures] == [0.5, 1, 2, 4, 8, 8, 8, 8]


@pytest.mark.parametrize(("random", "delay_s"), [(0.0, 1.0), (0.5, 1.1), (1.0, 1.2)])
def test_jitter_adds_a_share_of_the_delay(random: float, delay_s: float) -> None:
    """Two nodes that failed at the same moment do not try again at the same moment."""
    assert EIGHT.delay_s(1, lambda: random) == pytest.approx(delay_s)
    assert step_s((0.1, 1.0), 1, lambda: random) == pytest.approx(delay_s)


def test_jitter_does_not_exceed_the_cap() -> None:
    """The cap is the longest pause."""
    assert EIGHT.delay_s(9, lambda: 0.999) == 8


def test_the_last_step_repeats() -> None:
    """A list of steps has no end."""
    assert [step_s((1, 5), n, lambda: 0.0) for n in (0, 1, 2, 99)] == [1, 5, 5, 5]
