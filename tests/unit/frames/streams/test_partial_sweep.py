"""A sweep that grows line by line: what is here, what is missing, and what it becomes."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.frames.streams.partial_sweep import PartialSweep


@pytest.mark.parametrize(("bits", "kind"), [(8, np.uint8), (16, np.int16)])
def test_missing_lines_stay_zero_and_are_known(bits: int, kind: type) -> None:
    """Two lines of three are here; the sweep says which, and the third is zero."""
    growing = PartialSweep.empty(lines=3, samples=2, bits=bits)
    growing.put(2, np.array([7, 8], dtype=kind))
    growing.put(0, np.array([1, 2], dtype=kind))
    assert (growing.here, growing.missing) == (2, 1)
    assert [growing.has(row) for row in range(3)] == [True, False, True]
    sweep = growing.as_sweep(5, source_timestamp_s=1.5)
    assert (sweep.sequence, sweep.source_timestamp_s, sweep.missing_lines) == (5, 1.5, 1)
    assert sweep.samples.dtype == kind
    assert sweep.samples.tolist() == [[1, 2], [0, 0], [7, 8]]


def test_a_line_that_proved_to_be_cut_is_taken_out() -> None:
    """Nothing of its samples is left in the picture."""
    growing = PartialSweep.empty(lines=2, samples=2, bits=8)
    growing.put(1, np.array([9, 9], dtype=np.uint8))
    growing.remove(1)
    assert growing.missing == 2
    assert not growing.samples.any()
