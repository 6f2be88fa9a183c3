"""Datagrams to frames: in order whatever is lost, with everything counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echonode.frames.imaging.sweep import Sweep
from echonode.frames.streams.numbered_frames import NumberedFrames, first_line_us
from echonode.frames.streams.stream import StreamCounts
from echonode.probe.echopen.epf import LineDatagram
from tests.support.examples import examples

LINES, SAMPLES = 20, 4
LINE_US, FRAME_US = 500, 40_000


def datagram(frame: int, number: int, *, start_us: int = 0) -> LineDatagram:
    """Line `number` of frame `frame`, whose samples tell both; its time is the line's before."""
    sent_us = start_us + frame * FRAME_US + (number - 1) * LINE_US
    before = FRAME_US - (LINES - 1) * LINE_US if number == 1 else LINE_US
    return LineDatagram(
        previous_us=(sent_us - before) % 2**32,
        frame=frame % 256,
        number=number,
        channel=0,
        samples=np.full(SAMPLES, 100 * (frame % 300) + number, dtype=np.int16),
    )


def frames_of(first: int, count: int, *, start_us: int = 0) -> list[LineDatagram]:
    return [
        datagram(frame, number, start_us=start_us)
        for frame in range(first, first + count)
        for number in range(1, LINES + 1)
    ]


def received(
    datagrams: Sequence[LineDatagram], *, largest_gap: float = 0.25
) -> tuple[list[Sweep], StreamCounts]:
    assembler = NumberedFrames(lines=LINES, samples=SAMPLES, largest_gap=largest_gap)
    sweeps = [sweep for each in datagrams for sweep in assembler.take(each)]
    return [*sweeps, *assembler.flush()], assembler.counts


def test_every_frame_comes_out_the_moment_it_is_whole() -> None:
    """Not when the next begins."""
    assembler = NumberedFrames(lines=LINES, samples=SAMPLES, largest_gap=0)
    for each in frames_of(0, 1)[:-1]:
        assert assembler.take(each) == []
    (sweep,) = assembler.take(datagram(0, LINES))
    assert (sweep.sequence, sweep.missing_lines) == (0, 0)
    assert sweep.samples[:, 0].tolist() == list(range(1, LINES + 1))


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 100, 127, 250, 255])
def test_the_counter_wraps_where_it_is(first: int) -> None:
    """300 frames, past 127 and past 255: none lost, no gap (the app stops at 128)."""
    sweeps, counts = received(frames_of(first, 300))
    assert counts == StreamCounts(frames=300)
    assert [sweep.sequence for sweep in sweeps] == list(range(300))


def test_one_lost_frame_does_not_end_the_picture() -> None:
    """It is counted, leaves its gap in the sequence, and the next comes out (the app waits)."""
    sweeps, counts = received(frames_of(0, 2) + frames_of(3, 2))
    assert [sweep.sequence for sweep in sweeps] == [0, 1, 3, 4]
    assert counts == StreamCounts(frames=4, incomplete=1, lines_missing=LINES)


def test_missing_lines_are_black_and_counted() -> None:
    """A frame with three lines lost is partial; with six of twenty it is given up."""
    some = [each for each in frames_of(0, 3) if not (each.frame == 1 and each.number in (3, 4, 20))]
    sweeps, counts = received(some)
    assert [sweep.missing_lines for sweep in sweeps] == [0, 3, 0]
    assert not sweeps[1].samples[[2, 3, 19]].any()
    assert counts == StreamCounts(frames=3, partial=1, lines_missing=3)
    few = [each for each in frames_of(0, 3) if not (each.frame == 1 and each.number < 7)]
    sweeps, counts = received(few)
    assert [sweep.sequence for sweep in sweeps] == [0, 2]
    assert counts == StreamCounts(frames=2, incomplete=1, lines_missing=6)


def test_a_late_frame_does_not_wait_for_the_pause() -> None:
    """Eight lines of the next frame are enough to know that the last is not coming."""
    assembler = NumberedFrames(lines=LINES, samples=SAMPLES, largest_gap=0.25)
    early = [sweep for each in frames_of(0, 1)[:-1] for sweep in assembler.take(each)]
    assert early == []
    out = [len(assembler.take(datagram(1, number))) for number in range(1, 9)]
    assert out == [0, 0, 0, 0, 0, 0, 0, 1]


def test_lines_swapped_at_the_border_of_two_frames_find_their_place() -> None:
    """The last line of a frame comes after the first ones of the next: both are whole."""
    order = frames_of(0, 3)
    order[LINES - 1], order[LINES + 2] = order[LINES + 2], order[LINES - 1]
    sweeps, counts = received(order)
    assert counts == StreamCounts(frames=3)
    assert [sweep.sequence for sweep in sweeps] == [0, 1, 2]


def test_the_frame_that_had_begun_is_neither_a_frame_nor_a_loss() -> None:
    """We come in at line 7; a sweep that is joined at its first or last line is ours."""
    assert received(frames_of(5, 3)[6:])[1] == StreamCounts(frames=2)
    assert received(frames_of(5, 1)[:19])[1] == StreamCounts(frames=1, partial=1, lines_missing=1)


def test_one_stray_datagram_does_not_throw_the_count_out() -> None:
    """A counter far ahead is believed when it is said twice: after an outage of 100 frames.

    Said once, it is counted as bytes that were skipped.
    """
    order = frames_of(0, 4)
    order.insert(30, datagram(190, 3))
    assert received(order)[1] == StreamCounts(frames=4, bytes_skipped=26)
    for outage in (100, 200):
        sweeps, counts = received(frames_of(0, 2) + frames_of(2 + outage, 2))
        assert [sweep.sequence for sweep in sweeps] == [0, 1, 2 + outage, 3 + outage]
        assert counts == StreamCounts(frames=4, incomplete=outage, lines_missing=outage * LINES)


def test_a_line_that_comes_twice_is_the_first_one() -> None:
    """The second may be another channel's, or damaged: it changes nothing."""
    other = replace(datagram(0, 5), samples=np.full(SAMPLES, -1, dtype=np.int16))
    (sweep,), counts = received([*frames_of(0, 1)[:10], other, *frames_of(0, 1)[10:]])
    assert sweep.samples[4].tolist() == [5] * SAMPLES
    assert counts == StreamCounts(frames=1)


def test_a_pause_ends_what_is_open() -> None:
    """The probe rests in the middle of a frame: what is there comes out, or is counted."""
    assembler = NumberedFrames(lines=LINES, samples=SAMPLES, largest_gap=0.25)
    for each in frames_of(0, 1)[:16]:
        assembler.take(each)
    (sweep,) = assembler.flush()
    assert sweep.missing_lines == 4
    assert assembler.flush() == []
    assert assembler.take(datagram(0, 17)) == []
    assert assembler.counts == StreamCounts(frames=1, partial=1, lines_missing=4)


def test_a_frames_time_is_its_first_lines() -> None:
    """40 ms from frame to frame, over the end of the clock's 32 bits, also where line 2 is lost."""
    order = [
        each
        for each in frames_of(0, 40, start_us=2**32 - 700_000)
        if not (each.frame % 5 == 2 and each.number in (2, 3))
    ]
    sweeps, _ = received(order)
    stamps = [sweep.source_timestamp_s or 0.0 for sweep in sweeps]
    assert stamps[0] == pytest.approx((2**32 - 700_000) / 1e6)
    assert np.diff(stamps) == pytest.approx([0.04] * 39)
    assert stamps[-1] > 2**32 / 1e6


def test_a_clock_that_runs_backwards_is_told_as_it_is() -> None:
    """The probe restarts its clock: the frames still come; what to make of it is the cine's."""
    sweeps, counts = received(
        frames_of(0, 2, start_us=9_000_000) + frames_of(2, 2, start_us=1_000_000)
    )
    stamps = [sweep.source_timestamp_s for sweep in sweeps]
    assert stamps == pytest.approx([9.0, 9.04, 1.08, 1.12])
    assert counts == StreamCounts(frames=4)


def test_a_sweep_downwards_begins_with_its_last_line() -> None:
    """Line 20 first: line 19's datagram tells when that was."""
    times = {number: 7000 + (LINES - number - 1) * LINE_US for number in range(1, LINES)}
    assert first_line_us(times, lines=LINES) == 7000
    assert first_line_us({1: 5, LINES: 5}, lines=LINES) is None
    assert first_line_us({9: 5}, lines=LINES) == 5


@pytest.mark.slow
@settings(max_examples=examples(150))
@given(
    first=st.integers(0, 255),
    lost=st.floats(0, 0.3),
    doubled=st.floats(0, 0.3),
    reach=st.integers(0, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_loss_doubles_disorder_and_wrap_leave_order_and_the_sum(
    first: int, lost: float, doubled: float, reach: int, seed: int
) -> None:
    """Sequences rise; a line shown is the line sent; lines shown and missing add up."""
    chance = random.Random(seed)
    sent = frames_of(first, 12)
    kept = [each for each in sent if chance.random() >= lost]
    kept += [each for each in kept if chance.random() < doubled]
    order = {id(each): place for place, each in enumerate(sent)}
    kept.sort(key=lambda each: order[id(each)] + chance.uniform(0, reach))
    sweeps, counts = received(kept, largest_gap=0.9)
    sequences = [sweep.sequence for sweep in sweeps]
    assert sequences == sorted(set(sequences))
    assert counts.frames == len(sweeps)
    assert counts.partial == sum(1 for sweep in sweeps if sweep.missing_lines)
    total = len(sweeps) * LINES - sum(sweep.missing_lines for sweep in sweeps)
    assert total + counts.lines_missing <= 12 * LINES + counts.incomplete * LINES
    for sweep in sweeps:
        rows = np.flatnonzero(sweep.present)
        values = sweep.samples[rows, 0]
        assert len(set((values - rows - 1).tolist())) <= 1  # all lines are of one frame
        assert not sweep.samples[~sweep.present].any()


@settings(max_examples=examples(60))
@given(reach=st.integers(0, 5), first=st.integers(0, 255), seed=st.integers(0, 2**32 - 1))
def test_disorder_alone_costs_nothing(reach: int, first: int, seed: int) -> None:
    """Nothing lost, neighbours swapped, some twice: every frame whole, in order, none counted."""
    chance = random.Random(seed)
    sent = frames_of(first, 10)
    again = [each for each in sent if chance.random() < 0.2]
    order = {id(each): place for place, each in enumerate(sent)}
    shuffled = sorted(sent + again, key=lambda each: order[id(each)] + chance.uniform(0, reach))
    # The first datagram decides whether we joined: let it be the first line.
    sweeps, counts = received([sent[0], *shuffled])
    assert counts == StreamCounts(frames=10)
    assert [sweep.sequence for sweep in sweeps] == list(range(10))
    assert all(sweep.present.all() for sweep in sweeps)
