"""A recording is shown at the pace at which it was made."""

from __future__ import annotations

import pytest

from echonode.probe.pace import LONGEST_PAUSE_S, Pace


def dues(pace: Pace, *times: float | None) -> list[float]:
    return [pace.due_s(at) for at in times]


def test_the_recorded_times_count_from_the_first() -> None:
    """However the recorder's clock stood."""
    assert dues(Pace(None, 0.05), 232.5, 232.6, 233.1) == pytest.approx([0.0, 0.1, 0.6])


def test_frames_without_times_come_at_the_usual_pace() -> None:
    """All of them, or those between others."""
    assert dues(Pace(None, 0.05), None, None, None) == pytest.approx([0.0, 0.05, 0.1])


def test_fps_stands_above_the_times() -> None:
    """A higher speed is wanted."""
    assert dues(Pace(100.0, 0.05), 1.0, 5.0, 9.0) == pytest.approx([0.0, 0.01, 0.02])


def test_a_recording_that_begins_again_keeps_its_pace() -> None:
    """Time went back: a usual step, not all frames at once."""
    assert dues(Pace(None, 0.05), 1.0, 1.1, 1.0, 1.1) == pytest.approx([0.0, 0.1, 0.15, 0.25])


def test_nobody_waits_for_an_hour() -> None:
    """A long pause in a recording is cut short."""
    assert dues(Pace(None, 0.05), 0.0, 3600.0)[1] == LONGEST_PAUSE_S
