"""How long a lost probe is left alone before it is tried again."""

from __future__ import annotations

import pytest

from echonode.probe.link.reconnecting import DEFAULT_LINK, LinkSettings, pause_before

STEADY = LinkSettings(first_pause_s=0.5, longest_pause_s=8, jitter=0)


def test_pauses_double_up_to_their_bound() -> None:
    """0.5, 1, 2, 4, 8 and then always 8 s, however long the probe stays away."""
    attempts = (0, 1, 2, 3, 4, 5, 100, 10**9)
    assert [pause_before(a, STEADY, lambda: 0.5) for a in attempts] == [0.5, 1, 2, 4, 8, 8, 8, 8]


@pytest.mark.parametrize("attempt", [0, 1, 5, 10**9])
def test_who_switches_a_probe_on_waits_four_seconds_at_most(attempt: int) -> None:
    """By default, however long it was away, with the longest jitter."""
    assert pause_before(attempt, DEFAULT_LINK, lambda: 1.0) < 4.0


@pytest.mark.parametrize(("random", "pause"), [(0.0, 1.0), (0.5, 1.15), (1.0, 1.3)])
def test_jitter_spreads_a_pause(random: float, pause: float) -> None:
    """Two nodes that lost one probe at once do not come back at once."""
    assert pause_before(1, LinkSettings(jitter=0.3), lambda: random) == pytest.approx(pause)


@pytest.mark.parametrize("wrong", [{"first_pause_s": 0}, {"first_pause_s": 99}, {"jitter": 1}])
def test_settings_that_would_knock_without_pause_are_refused(wrong: dict[str, float]) -> None:
    """A pause of nothing would be a storm."""
    with pytest.raises(ValueError):
        LinkSettings(**wrong)  # type: ignore[arg-type]
