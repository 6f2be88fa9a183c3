"""Who goes first: stills before long cines, each kind in its order, and each wait has an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.store.deliveries.claim_order import (
    BATCH_BYTES,
    LONG_CINE_BYTES,
    LONG_CINE_WAITS,
    Due,
    claim_order,
)

START = datetime(2030, 1, 1, tzinfo=UTC)
STILL, CINE = 300_000, 40_000_000


def due(job_id: int, size: int, seconds: float) -> Due:
    return Due(job_id=job_id, acquired_at=START + timedelta(seconds=seconds), size=size)


def order(*deliveries: Due, limit: int = 100) -> list[int]:
    return [delivery.job_id for delivery in claim_order(deliveries, limit=limit)]


def test_stills_go_before_a_long_cine() -> None:
    """The stills of an exam do not wait for the cine that was taken before them."""
    assert order(due(1, CINE, 0), due(2, STILL, 5), due(3, STILL, 9)) == [2, 3, 1]


def test_a_long_cine_does_not_wait_for_ever() -> None:
    """Stills that keep coming pass it for some minutes only."""
    later = LONG_CINE_WAITS.total_seconds() + 1
    assert order(due(1, CINE, 0), due(2, STILL, later)) == [1, 2]


def test_a_batch_of_cines_is_bounded_in_bytes() -> None:
    """A still taken while they are on their way waits for one batch, not for a hundred cines."""
    cines = [due(number, CINE, number) for number in range(100)]
    assert order(*cines) == [0]
    assert len(claim_order([due(n, STILL, n) for n in range(500)], limit=100)) == 100


def test_one_larger_than_a_batch_goes_alone() -> None:
    """However long a cine is, it is claimed."""
    assert order(due(1, 3 * BATCH_BYTES, 0), due(2, 3 * BATCH_BYTES, 1)) == [1]


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(st.integers(0, 2 * LONG_CINE_BYTES), st.integers(0, 3600)),
        max_size=40,
        unique_by=lambda pair: pair[1],
    ),
    st.integers(1, 50),
)
def test_each_kind_keeps_its_order(sizes: list[tuple[int, int]], limit: int) -> None:
    """Stills in order of acquisition, and cines too; something goes wherever something is due."""
    deliveries = [due(number, size, at) for number, (size, at) in enumerate(sizes)]
    chosen = claim_order(deliveries, limit=limit)
    assert bool(chosen) == bool(deliveries)
    assert len(chosen) <= limit
    for is_long in (True, False):
        times = [d.acquired_at for d in chosen if (d.size >= LONG_CINE_BYTES) == is_long]
        assert times == sorted(times)
