"""How fast an archive takes what is sent."""

from __future__ import annotations

import pytest

from echonode.delivery.sending_rate import SendingRate


class Second:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_nothing_sent_is_no_rate() -> None:
    """Not a division by nothing either."""
    assert SendingRate(Second()).per_minute() == 0


def test_the_rate_is_over_the_last_five_minutes() -> None:
    """What was before does not count."""
    clock = Second()
    rate = SendingRate(clock)
    for _ in range(600):
        rate.count()
        clock.now += 1
    assert rate.per_minute() == pytest.approx(60, abs=0.3)
    clock.now += 150
    assert rate.per_minute() == pytest.approx(30, abs=0.2)
    clock.now += 300
    assert rate.per_minute() == 0


def test_the_first_instance_is_one_a_minute() -> None:
    """And not sixty, because it took a second."""
    clock = Second()
    rate = SendingRate(clock)
    rate.count()
    clock.now += 1
    assert rate.per_minute() == 1
