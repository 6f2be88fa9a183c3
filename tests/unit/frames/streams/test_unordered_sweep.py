"""Lines whose order is not known beforehand: frames, and nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.frames.imaging.sweep import Sweep
from echonode.frames.streams.stream import StreamCounts
from echonode.frames.streams.unordered_sweep import UnorderedSweepAssembler
from echonode.probe.echopen.sweeping import geometry_of
from echonode.probe.messages import LineReceived, Resynchronised
from echonode.probe.profile import ProbeProfile

GEOMETRY = geometry_of(ProbeProfile(r0_mm=80, rf_mm=160, sector_deg=57))
UP, DOWN = [*range(1, 65)], [*range(64, 0, -1)]
MIDDLE = [*range(33, 65), *range(32, 0, -1)]


def assemble(numbers: list[int]) -> tuple[list[Sweep], StreamCounts]:
    """The sweeps of these lines, each line's samples telling its place in the stream."""
    assembler = UnorderedSweepAssembler(GEOMETRY, bits=8, largest_gap=0.25)
    sweeps = []
    for place, number in enumerate(numbers):
        samples = np.full(1024, place % 251, dtype=np.uint8)
        sweeps += assembler.take(LineReceived(number=number, ascending=True, samples=samples))
    assembler.finish()
    return sweeps, assembler.counts


@pytest.mark.parametrize(
    "numbers",
    [MIDDLE * 3, UP + DOWN + UP, UP * 3],
    ids=["from the middle", "to and fro", "always up"],
)
def test_three_sweeps_are_three_frames(numbers: list[int]) -> None:
    """Whole, in order, each from the lines of its own sweep."""
    sweeps, counts = assemble(numbers)
    assert counts == StreamCounts(frames=3)
    for turn, sweep in enumerate(sweeps):
        assert sweep.sequence == turn
        places = [(64 * turn + numbers[64 * turn :].index(number)) % 251 for number in UP]
        assert sweep.samples[:, 0].tolist() == places


@pytest.mark.parametrize("order", [MIDDLE, UP], ids=["from the middle", "always up"])
@pytest.mark.parametrize("joined_at", [5, 31, 40, 63])
def test_the_sweep_that_had_begun_is_neither_a_frame_nor_a_loss(
    order: list[int], joined_at: int
) -> None:
    """From the first seam on, every frame is whole."""
    sweeps, counts = assemble((order * 4)[joined_at:])
    assert len(sweeps) in (2, 3)
    assert counts.partial == counts.lines_missing == 0
    assert all(sweep.present.all() for sweep in sweeps)
    for sweep in sweeps:
        places = sweep.samples[:, 0].astype(int)
        assert places.max() - places.min() == 63  # a line of the sweep before is not among them
        assert order is MIDDLE or (np.diff(places) == 1).all()


@pytest.mark.parametrize("order", [MIDDLE, UP], ids=["from the middle", "always up"])
@pytest.mark.parametrize("lost", [[10, 11], [1], [33], [64], [32], [40, 41, 42, 43]])
def test_lost_lines_are_black_and_counted(order: list[int], lost: list[int]) -> None:
    """A slow client misses a few: that frame is partial, the others are whole."""
    second = [number for number in order if number not in lost]
    sweeps, counts = assemble(order + second + order)
    assert counts == StreamCounts(frames=3, partial=1, lines_missing=len(lost))
    assert [sweep.missing_lines for sweep in sweeps] == [0, len(lost), 0]
    assert not sweeps[1].samples[[number - 1 for number in lost]].any()


def test_too_much_missing_is_no_frame() -> None:
    """Half a sweep is given up and counted, and leaves its gap in the sequence."""
    sweeps, counts = assemble(UP + UP[:40] + UP)
    assert [sweep.sequence for sweep in sweeps] == [0, 2]
    assert counts == StreamCounts(frames=2, incomplete=1, lines_missing=24)


def test_the_sweep_that_the_end_cuts_is_a_loss() -> None:
    """Never a frame; and what was passed over is counted."""
    sweeps, counts = assemble(UP + UP[:60])
    assert len(sweeps) == 1
    assert counts == StreamCounts(frames=1, incomplete=1)
    assembler = UnorderedSweepAssembler(GEOMETRY, bits=8, largest_gap=0.25)
    assembler.resynchronised(
        Resynchronised(bytes_skipped=9, lines_missing=2, last_line_suspect=False)
    )
    assert assembler.counts == StreamCounts(bytes_skipped=9, lines_missing=2)
