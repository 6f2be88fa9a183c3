"""A cine plays at the pace at which it was taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.tag import Tag

from echonode.errors import InvalidObject
from echonode.frames.frame import Played
from echonode.objects.cine_timing import EVEN_WITHIN, set_cine, timing_of
from tests.unit.objects.acquisitions import frames


def cine(
    times: list[float], stamps: list[float | None] | None = None, *, played: Played | None = None
) -> Dataset:
    dataset = Dataset()
    set_cine(dataset, timing_of(frames(times, rows=2, columns=2, stamps=stamps, played=played)))
    return dataset


def test_an_even_cine_has_one_frame_time() -> None:
    """Twenty frames a second, evenly: Frame Time 50 ms, rates 20, duration first to last."""
    dataset = cine([1.0 + 0.05 * n for n in range(5)])
    assert dataset.FrameIncrementPointer == Tag("FrameTime")
    assert dataset.FrameTime == 50
    assert "FrameTimeVector" not in dataset
    assert (dataset.RecommendedDisplayFrameRate, dataset.CineRate) == (20, 20)
    assert dataset.EffectiveDuration == 0.2
    assert (dataset.NumberOfFrames, dataset.StartTrim, dataset.StopTrim) == (5, 1, 5)


def test_an_uneven_cine_has_every_increment_and_the_first_is_zero() -> None:
    """Real timestamps: Frame Time Vector holds each increment in ms, 0 for the first frame."""
    dataset = cine([1.0, 1.05, 1.2, 1.2012345])
    assert dataset.FrameIncrementPointer == Tag("FrameTimeVector")
    assert [str(value) for value in dataset.FrameTimeVector] == ["0", "50", "150", "1.234"]
    assert "FrameTime" not in dataset


@pytest.mark.parametrize(("shift", "even"), [(0.9, True), (1.1, False)])
def test_the_tolerance_is_a_twentieth_of_a_frame_time(shift: float, even: bool) -> None:
    """A frame that is further than that from its even place makes the cine uneven."""
    times = [0.1 * n for n in range(11)]
    times[5] += 0.1 * EVEN_WITHIN * shift
    assert timing_of(frames(times)).even is even


def test_slow_drift_is_not_taken_for_an_even_rate() -> None:
    """Intervals that each differ a little, but add up, are written one by one."""
    times = [0.0]
    for n in range(40):
        times.append(times[-1] + 0.05 * (1.02 if n < 20 else 0.98))
    assert not timing_of(frames(times)).even


def test_the_senders_clock_is_used_where_it_has_one() -> None:
    """Arrival jitters over a network; the sender's own stamps are what the frames were taken by."""
    dataset = cine([1.0, 1.09, 1.1], stamps=[7.0, 7.04, 7.08])
    assert dataset.FrameTime == 40


@pytest.mark.parametrize(
    ("stamps", "word"),
    [
        ([7.0, 6.0, 8.0], "went back"),
        ([7.0, 7.0, 8.0], "stood still"),
        ([7.0, None, 8.0], "without a time"),
        ([7.0, float("nan"), 8.0], "no numbers"),
        ([0.0, 0.04, 1.7e9], "jumped"),
    ],
)
def test_a_senders_clock_that_cannot_be_trusted_is_not_used_and_the_reason_is_told(
    stamps: list[float | None], word: str
) -> None:
    """Then arrival times count, and the timing says why."""
    timing = timing_of(frames([1.0, 1.05, 1.1], stamps=stamps))
    assert timing.source == "arrival"
    assert timing.frame_time_ms == pytest.approx(50)
    assert word in timing.note


def test_frames_that_all_came_at_once_have_no_rate() -> None:
    """No time passed: no rate is invented, and no zero is divided by."""
    dataset = cine([1.0, 1.0, 1.0])
    assert [float(value) for value in dataset.FrameTimeVector] == [0, 0, 0]
    assert "CineRate" not in dataset
    assert "RecommendedDisplayFrameRate" not in dataset


def test_a_very_slow_cine_still_has_a_rate_that_viewers_can_play() -> None:
    """Less than one frame in two seconds would round to 0, which no viewer can play."""
    assert cine([0.0, 5.0]).RecommendedDisplayFrameRate == 1


def test_arrival_times_that_go_back_refuse_the_object() -> None:
    """It cannot happen with a monotonic clock; if it does, it is not written as if it were true."""
    with pytest.raises(InvalidObject, match=r"FrameTimeVector \(0018,1065\)"):
        timing_of(frames([1.0, 0.5]))


@pytest.mark.slow
def test_a_vector_too_long_for_explicit_vr_becomes_a_mean_frame_time() -> None:
    """DS of more than 65534 bytes cannot be written in Explicit VR; the comment says so."""
    times = [0.0]
    for n in range(12_000):
        times.append(times[-1] + (0.001123 if n % 3 else 0.001987))
    few = frames(times, rows=1, columns=1)
    timing = timing_of(few)
    assert timing.even
    assert timing.mean


def test_a_recording_without_times_is_spaced_and_claims_no_rate() -> None:
    """Whatever the clock said when its frames were shown: Frame Time, and a recommendation."""
    shown = [0.0, 0.1028, 0.1095, 0.1666, 0.324, 0.327]
    dataset = cine(shown, played=Played(interval_s=0.05, assumed=True))
    assert dataset.FrameTime == 50
    assert dataset.RecommendedDisplayFrameRate == 20
    assert "CineRate" not in dataset
    assert "EffectiveDuration" not in dataset


def test_a_recording_with_a_rate_has_it() -> None:
    """It says how far its frames are apart, though not when each was taken."""
    dataset = cine([0.0, 0.3, 0.4], played=Played(interval_s=0.04, assumed=False))
    assert (dataset.FrameTime, dataset.CineRate, dataset.EffectiveDuration) == (40, 25, 0.08)


def test_a_recordings_stamps_are_not_held_against_the_pace_at_which_it_is_shown() -> None:
    """Played fifteen times as fast, with one stamp missing: half a second between frames still."""
    stamps = [50 + 0.5 * n if n != 4 else None for n in range(10)]
    played = Played(interval_s=0.05, assumed=True)
    dataset = cine([n / 30 for n in range(10)], stamps, played=played)
    assert (dataset.FrameTime, dataset.CineRate, dataset.EffectiveDuration) == (500, 2, 4.5)


def test_a_clock_that_is_set_forward_in_a_cine_reaches_no_attribute() -> None:
    """Rates, duration and vector all tell the second and a half that it was."""
    times = [1.0 + n / 20 for n in range(31)]
    dataset = cine(times, [t + 3600 * (t > 1.7) for t in times])
    assert dataset.FrameTime == 50
    assert (dataset.CineRate, dataset.EffectiveDuration) == (20, 1.5)


@pytest.mark.slow
@given(st.lists(st.integers(1, 500_000), min_size=1, max_size=60))
def test_increments_add_up_to_the_duration(gaps: list[int]) -> None:
    """However uneven, the sum of a Frame Time Vector is the time from first to last frame."""
    times = [1000.0]
    for gap in gaps:
        times.append(times[-1] + gap / 1e6)
    dataset = Dataset()
    timing = timing_of(frames(times, rows=1, columns=1))
    set_cine(dataset, timing)
    if timing.even:
        total = float(dataset.FrameTime) * len(gaps)
    else:
        vector = dataset.FrameTimeVector
        total = float(sum(float(v) for v in vector))
    assert total == pytest.approx(sum(gaps) / 1000, abs=0.002)
