"""Finding the lines again in a stream that marks nothing."""

from __future__ import annotations

import random

import pytest

from echonode.probe.echopen.zigzag import Alignment, Walk, find_alignment
from tests.unit.probe.kit_streams import LINE_BYTES, LINES, line_records, sweeps


def test_a_border_line_comes_twice() -> None:
    """The walk of four lines: 1 2 3 4 4 3 2 1, and again."""
    walk = Walk(4)
    assert walk.numbers == [1, 2, 3, 4, 4, 3, 2, 1]
    assert walk.after(7) == 0
    assert walk.between(2, 5) == 3
    assert walk.between(6, 1) == 3


@pytest.mark.slow
def test_every_place_of_a_stream_is_found_from_anywhere() -> None:
    """From each of a sweep's bytes, the next line's beginning and no other place is found."""
    data = b"".join(line_records(sweeps(6)))
    walk = Walk(LINES)
    for start in range(2 * LINES * LINE_BYTES):
        view = memoryview(data)[start:]
        found, refused = find_alignment(view, walk=walk, line_bytes=LINE_BYTES, number_bytes=2)
        ahead = -start % LINE_BYTES
        place = (start + ahead) // LINE_BYTES % (2 * LINES)
        assert found == Alignment(offset=ahead, place=place)
        assert refused == ahead


def test_nothing_is_found_in_noise() -> None:
    """Samples that look like line numbers do not line up eight times."""
    noise = random.Random(5).choices(range(1, LINES + 1), k=200_000)
    found, refused = find_alignment(
        memoryview(bytes(noise)), walk=Walk(LINES), line_bytes=LINE_BYTES, number_bytes=2
    )
    assert found is None
    assert refused > 199_000


def test_too_few_bytes_are_not_judged() -> None:
    """Seven lines are not enough to be sure: wait for more, refuse nothing."""
    data = b"".join(line_records(sweeps(1))[:7])
    found, refused = find_alignment(
        memoryview(data), walk=Walk(LINES), line_bytes=LINE_BYTES, number_bytes=2
    )
    assert (found, refused) == (None, 0)
