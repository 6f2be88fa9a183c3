"""A sender's clock is believed for as long as it runs with the arrival of its frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.objects.source_times import (
    DRIFT_SHARE,
    DRIFT_WITHIN_S,
    STEP_WITHIN_S,
    SourceTimes,
    StampedFrame,
    source_times,
)

FRAMES = 31
INTERVAL_S = 1 / 21
TAKEN = [INTERVAL_S * n for n in range(FRAMES)]
"""When the frames were taken, by a good clock: 31 at 21 frames/s."""


def arrivals(taken: Sequence[float], *, jitter_s: float = 0.04, seed: int = 1) -> list[float]:
    """Each frame some time after it was taken, and none before the one in front of it."""
    chance, found = Random(seed), [0.0]
    for moment in taken:
        found.append(max(found[-1], 5.0 + moment + chance.uniform(0, jitter_s)))
    return found[1:]


def live(stamps: Sequence[float | None], arrived: Sequence[float]) -> SourceTimes:
    return source_times(
        [
            StampedFrame(sequence=n, stamp_s=stamp, arrived_s=at)
            for n, (stamp, at) in enumerate(zip(stamps, arrived, strict=True))
        ]
    )


def recorded(stamps: Sequence[float | None], sequences: Sequence[int] | None = None) -> SourceTimes:
    return source_times(
        [
            StampedFrame(sequence=n, stamp_s=stamp, arrived_s=None)
            for n, stamp in zip(sequences or range(len(stamps)), stamps, strict=True)
        ]
    )


def errors_s(verdict: SourceTimes, taken: Sequence[float] = TAKEN) -> float:
    """The largest error of a frame's moment, counted from the first frame."""
    first = verdict.times_s[0]
    return max(
        abs(moment - first - (true - taken[0]))
        for moment, true in zip(verdict.times_s, taken, strict=True)
    )


@pytest.mark.parametrize("base", [0.0, 232.5, 1.8e9])
def test_a_good_clock_is_exact_however_the_network_shakes(base: float) -> None:
    """To the microsecond, of a clock that counts from anywhere."""
    for seed in range(20):
        verdict = live([base + t for t in TAKEN], arrivals(TAKEN, jitter_s=0.12, seed=seed))
        assert verdict.reason == ""
        assert errors_s(verdict) < 1e-6


def test_a_network_that_holds_frames_back_changes_nothing() -> None:
    """Half a second of silence, then all of them at once, in the middle or at the end."""
    for held in (range(10, 20), range(25, 31)):
        late = [t + 5.0 for t in TAKEN]
        for n in held:
            late[n] = 5.0 + max(TAKEN[n], TAKEN[held[0]] + 0.5)
        late = [max(late[: n + 1]) for n in range(FRAMES)]
        assert errors_s(live(TAKEN, late)) < 1e-6


@pytest.mark.parametrize(
    ("clock", "word"),
    [
        (lambda n, t: t + 3600 * (n >= 15), "jumped"),
        (lambda n, t: t + 5 * (n >= 15), "jumped"),
        (lambda n, t: t + 0.5 * (n >= 15), "not run with ours"),
        (lambda n, t: t - 0.5 * (n >= 15), "went back"),
        (lambda n, t: t - 3600 * (n >= 15), "went back"),
        (lambda n, t: t / 2, "not run with ours"),
        (lambda n, t: t * 2, "not run with ours"),
        (lambda n, t: t * 1e3, "jumped"),  # milliseconds, sent as seconds
        (lambda n, t: t / 1e9, "not run with ours"),  # a fraction read as nanoseconds
        (lambda n, t: 7.0, "stood still"),
        (lambda n, t: float("nan"), "no numbers"),
        (lambda n, t: None if n % 2 else t, "without a time"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_clock_that_does_not_run_with_arrival_is_not_believed(
    clock: Callable[[int, float], float | None], word: str
) -> None:
    """Set forward or back, too slow, too fast, or standing: no times, and the reason."""
    verdict = live([clock(n, t) for n, t in enumerate(TAKEN)], arrivals(TAKEN))
    assert verdict.times_s == ()
    assert word in verdict.reason


def test_a_clock_that_leaps_within_a_clip_and_comes_back_is_not_believed() -> None:
    """Nine tenths of a second behind, then as much ahead: neither is far, their distance is."""
    leads = [0, 0, 0, -0.9, 0.9, 0, 0, 0]
    verdict = live([n + lead for n, lead in enumerate(leads)], [50.0 + n for n in range(8)])
    assert verdict.reason == "the source clock jumped"


def test_a_source_without_a_clock_has_no_times() -> None:
    """It says so, and nothing is wrong with it."""
    assert live([None] * FRAMES, arrivals(TAKEN)).reason == "the source sends none"


@pytest.mark.parametrize("place", [0, 1, 15, 29, 30])
@pytest.mark.parametrize("bad", [None, float("inf"), -1e9, "the one before", "an hour on"], ids=str)
def test_one_bad_stamp_does_not_cost_the_others(place: int, bad: float | str | None) -> None:
    """Missing, no number, repeated or far out: that frame is placed, all others are exact."""
    stamps: list[float | None] = [100.0 + t for t in TAKEN]
    if bad == "the one before":
        place = max(place, 1)
        stamps[place] = stamps[place - 1]
    else:
        stamps[place] = 3700.0 + TAKEN[place] if bad == "an hour on" else bad  # type: ignore[assignment]
    arrived = arrivals(TAKEN, jitter_s=0.02)
    verdict = live(stamps, arrived)
    assert verdict.reason == ""
    assert verdict.placed == 1
    away = {place} if 0 < place < 30 else {0, 1, 30}
    base = verdict.times_s[10] - TAKEN[10]
    for n, moment in enumerate(verdict.times_s):
        assert moment - base == pytest.approx(TAKEN[n], abs=0.021 if n in away else 1e-6)


def test_a_repeated_stamp_is_left_out_where_it_came_the_second_time() -> None:
    """The frame after it stands in the middle between its neighbours."""
    stamps = [0.0, 0.1, 0.2, 0.2, 0.4, 0.5, 0.6, 0.7]
    verdict = live(stamps, [9.0 + 0.1 * n for n in range(8)])
    assert verdict.placed == 1
    assert verdict.times_s == pytest.approx([0.1 * n for n in range(8)])


def test_a_recording_keeps_the_stamps_that_it_has() -> None:
    """One of ten missing in the middle, at the beginning or at the end; 2 frames a second."""
    for place in range(10):
        stamps = [50 + 0.5 * n if n != place else None for n in range(10)]
        verdict = recorded(stamps)
        assert (verdict.placed, verdict.reason) == (1, "")
        times = [moment - verdict.times_s[0] for moment in verdict.times_s]
        assert times == pytest.approx([0.5 * n for n in range(10)])


def test_frames_that_were_left_out_keep_their_room() -> None:
    """Frames 0, 1, 4, 6 of which 4 has no time: it is placed by its number."""
    verdict = recorded([1.0, 1.1, None, 1.6], [0, 1, 4, 6])
    assert verdict.times_s == pytest.approx([0, 0.1, 0.4, 0.6])


@pytest.mark.parametrize("stamps", [[None, 5.0], [3.0, 3.0], [9.0, 1.0], [0.0, 1e6]])
def test_a_recording_with_fewer_than_two_good_stamps_has_no_times(
    stamps: list[float | None],
) -> None:
    """And a recorder's clock that was set by days is not a pause."""
    assert recorded(stamps).times_s == ()


def test_a_frame_that_arrived_with_the_last_stamped_one_is_not_before_it() -> None:
    """Not by the last bit either: no viewer plays a negative time from frame to frame."""
    late = 6.261511562753022
    verdict = live([3.0, 3.5, 4.0, late, None], [3.0, 3.5, 4.0, late - 0.05, late - 0.05])
    assert verdict.times_s[-1] == verdict.times_s[-2]


@st.composite
def clips(draw: st.DrawFn) -> tuple[list[float | None], list[float]]:
    """Any arrival, and stamps that are good, shaken, missing, or anything at all."""
    gaps = draw(st.lists(st.floats(0, 0.8), min_size=1, max_size=40))
    arrived = [3.0]
    for gap in gaps:
        arrived.append(arrived[-1] + gap)
    stamp = st.one_of(
        st.none(),
        st.floats(allow_nan=True, allow_infinity=True),
        st.sampled_from([0.0, 1.0, 3600.0]),
    )
    shift = st.one_of(st.just(0.0), st.floats(-0.05, 0.05), st.floats(-5, 5))
    stamps = [draw(stamp) if draw(st.integers(0, 9)) == 0 else at + draw(shift) for at in arrived]
    return stamps, arrived


@pytest.mark.slow
@given(clips())
def test_whatever_is_sent_times_rise_and_their_sum_is_near_arrival(
    clip: tuple[list[float | None], list[float]],
) -> None:
    """Or there are none, and a reason."""
    stamps, arrived = clip
    verdict = live(stamps, arrived)
    assert bool(verdict.times_s) != bool(verdict.reason)
    if not verdict.times_s:
        return
    assert len(verdict.times_s) == len(stamps)
    assert all(earlier <= later for earlier, later in pairwise(verdict.times_s))
    lasts_s = verdict.times_s[-1] - verdict.times_s[0]
    assert abs(lasts_s - (arrived[-1] - arrived[0])) <= STEP_WITHIN_S + 1e-6
    for (one, other), (came, went) in zip(
        pairwise(verdict.times_s), pairwise(arrived), strict=True
    ):
        assert abs((other - one) - (went - came)) <= 2 * STEP_WITHIN_S + 1e-6


@pytest.mark.slow
@given(st.floats(0.2, 5).filter(lambda rate: abs(rate - 1) > 0.4), st.integers(10, 400))
def test_a_clock_of_another_speed_is_found_in_any_clip_of_a_second_or_more(
    rate: float, frames: int
) -> None:
    """Its gain over two thirds of the clip is beyond what delays explain."""
    taken = [n / 10 for n in range(frames + 1)]
    assert abs(rate - 1) * 2 / 3 > DRIFT_SHARE + DRIFT_WITHIN_S
    assert live([t * rate for t in taken], [t + 1 for t in taken]).times_s == ()


@pytest.mark.slow
@given(st.lists(st.floats(0.001, 2), min_size=1, max_size=60), st.data())
def test_good_stamps_come_out_as_they_went_in(gaps: list[float], data: st.DataObject) -> None:
    """However many others are missing from a recording."""
    stamps: list[float | None] = [7.0]
    for gap in gaps:
        stamps.append((stamps[-1] or 0.0) + gap)
    missing = data.draw(st.sets(st.integers(0, len(gaps)), max_size=len(gaps) - 1))
    shown = [None if n in missing else stamp for n, stamp in enumerate(stamps)]
    verdict = recorded(shown)
    assert verdict.placed == len(missing)
    good = [n for n, stamp in enumerate(shown) if stamp is not None]
    for n in good:
        said = verdict.times_s[n] - verdict.times_s[good[0]]
        assert said == pytest.approx((stamps[n] or 0) - (stamps[good[0]] or 0), abs=1e-9)
