"""Lines become frames; what is missing is counted and never made up."""

from __future__ import annotations

import numpy as np

from echonode.frames.imaging.sweep import Sweep
from echonode.frames.streams.stream import StreamCounts
from echonode.frames.streams.sweep_assembler import SweepAssembler
from echonode.probe.messages import LineReceived, Resynchronised, SectorGeometry

N = 8
GEOMETRY = SectorGeometry(
    lines=N,
    samples=4,
    r0_mm=10,
    rf_mm=20,
    sector_deg=60,
    sample_spacing_mm=2.5,
    sampling_rate_hz=1e6,
    sound_speed_m_s=1480,
)
UP, DOWN = list(range(1, N + 1)), list(range(N, 0, -1))


def assembler() -> SweepAssembler:
    return SweepAssembler(GEOMETRY, bits=16, largest_gap=0.25)


def line(number: int, ascending: bool) -> LineReceived:
    samples = np.full(4, number * (1 if ascending else -1), dtype=np.int16)
    return LineReceived(number=number, ascending=ascending, samples=samples)


def run(sweeps: SweepAssembler, numbers: list[int], *, ascending: bool) -> list[Sweep]:
    return [done for number in numbers for done in sweeps.take(line(number, ascending))]


def test_each_direction_is_a_frame_and_lies_the_same_way() -> None:
    """Line 1 is row 0 also in the sweep that ran backwards; it is there with its last line."""
    sweeps = assembler()
    (up,) = run(sweeps, UP, ascending=True)
    (down,) = run(sweeps, DOWN, ascending=False)
    assert up.samples[:, 0].tolist() == UP
    assert down.samples[:, 0].tolist() == [-number for number in UP]
    assert (up.sequence, down.sequence) == (0, 1)
    assert sweeps.counts == StreamCounts(frames=2)


def test_missing_lines_stay_dark_and_are_told() -> None:
    """Two of eight lines missing: still a frame, and it says so."""
    sweeps = assembler()
    (sweep,) = run(sweeps, [1, 2, 3, 6, 7, 8], ascending=True)
    assert sweep.missing_lines == 2
    assert sweep.samples[3:5].tolist() == [[0] * 4] * 2
    assert sweeps.counts == StreamCounts(frames=1, partial=1)


def test_a_sweep_that_lacks_too_much_is_given_up() -> None:
    """Three of eight: no frame, but its number in the sequence is used up."""
    sweeps = assembler()
    assert run(sweeps, [1, 2, 6, 7, 8], ascending=True) == []
    (sweep,) = run(sweeps, DOWN, ascending=False)
    assert sweep.sequence == 1
    assert sweeps.counts == StreamCounts(frames=1, incomplete=1)


def test_a_sweep_without_its_end_is_ended_by_the_next() -> None:
    """The border lines never came: the first line of the way back ends the sweep."""
    sweeps = assembler()
    assert run(sweeps, UP[:-1], ascending=True) == []
    done = run(sweeps, DOWN, ascending=False)
    assert [(sweep.sequence, sweep.missing_lines) for sweep in done] == [(0, 1), (1, 0)]


def test_the_sweep_that_we_joined_is_neither_frame_nor_loss() -> None:
    """A client that comes in the middle has missed nothing that was its own."""
    sweeps = assembler()
    assert run(sweeps, UP[3:], ascending=True) == []
    (sweep,) = run(sweeps, DOWN, ascending=False)
    assert sweep.sequence == 0
    assert sweeps.counts == StreamCounts(frames=1)


def test_the_sweep_that_the_end_cuts_is_a_loss() -> None:
    """A disconnect in the middle of a frame: counted, never shown."""
    sweeps = assembler()
    run(sweeps, UP, ascending=True)
    run(sweeps, DOWN[:-1], ascending=False)
    sweeps.finish()
    assert sweeps.counts == StreamCounts(frames=1, incomplete=1)


def test_a_sweep_lost_whole_leaves_its_gap_in_the_sequence() -> None:
    """Up, and up again: the way back between them is counted."""
    sweeps = assembler()
    run(sweeps, UP, ascending=True)
    (sweep,) = run(sweeps, UP, ascending=True)
    assert sweep.sequence == 2
    assert sweeps.counts == StreamCounts(frames=2, incomplete=1)


def test_a_line_number_that_falls_back_begins_another_sweep() -> None:
    """Cut at line 5, found again at line 2 of the sweep after next."""
    sweeps = assembler()
    run(sweeps, UP[:5], ascending=True)
    (sweep,) = run(sweeps, UP[1:], ascending=True)
    assert (sweep.sequence, sweep.missing_lines) == (2, 1)
    assert sweeps.counts == StreamCounts(frames=1, partial=1, incomplete=2)


def test_a_line_that_was_cut_is_taken_out_again() -> None:
    """Bytes were lost inside line 3: it is dark, and counted with the line that was torn by it."""
    sweeps = assembler()
    run(sweeps, UP[:3], ascending=True)
    sweeps.resynchronised(Resynchronised(bytes_skipped=9, lines_missing=1, last_line_suspect=True))
    (sweep,) = run(sweeps, UP[4:], ascending=True)
    assert sweep.present.tolist() == [True, True, False, False, True, True, True, True]
    assert not sweep.samples[2].any()
    assert sweeps.counts == StreamCounts(frames=1, partial=1, lines_missing=2, bytes_skipped=9)
