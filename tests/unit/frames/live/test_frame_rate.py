"""The rate is that of the frames that come now."""

from __future__ import annotations

import pytest

from echonode.frames.live.frame_rate import SILENCE_S, FrameRate


def test_the_rate_is_of_the_last_frames() -> None:
    """Ten a second, then twenty: after enough of them, twenty."""
    rate = FrameRate()
    for number in range(50):
        rate.arrived(number / 10)
    assert rate.per_s(4.9) == pytest.approx(10)
    for number in range(50):
        rate.arrived(5 + number / 20)
    assert rate.per_s(7.5) == pytest.approx(20)


def test_a_probe_that_sends_nothing_has_no_rate() -> None:
    """Nor one that sent a single frame, nor two at the same moment."""
    rate = FrameRate()
    assert rate.per_s(0.0) == 0
    rate.arrived(1.0)
    assert rate.per_s(1.0) == 0
    rate.arrived(1.0)
    assert rate.per_s(1.0) == 0
    rate.arrived(1.1)
    assert rate.per_s(1.1) > 0
    assert rate.per_s(1.1 + SILENCE_S + 0.1) == 0
