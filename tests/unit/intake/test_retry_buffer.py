"""What the disk refuses waits in memory: in order, bounded, and counted."""

from __future__ import annotations

from echonode.intake.retry_buffer import Capture, RetryBuffer
from tests.unit.objects.acquisitions import acquisition, frames


def capture() -> Capture:
    return Capture(acquisition=acquisition(frames([0.0, 0.05])), taken_at=0.0)


SIZE = capture().size


def test_the_oldest_comes_first_and_stays_until_it_is_remove() -> None:
    """A try that fails again changes nothing."""
    held, first, second = RetryBuffer(10 * SIZE), capture(), capture()
    assert held.hold(first)
    assert held.hold(second)
    assert held.oldest() is held.oldest() is first
    held.remove(first)
    assert held.oldest() is second
    assert held.all() == [second]


def test_memory_is_bounded_by_bytes_of_pixels() -> None:
    """What does not fit is said so, and fits again once another has gone."""
    held, first, second = RetryBuffer(SIZE), capture(), capture()
    assert SIZE == sum(frame.pixels.nbytes for frame in first.acquisition.frames) > 0
    assert held.hold(first)
    assert not held.hold(second)
    assert held.totals() == (1, SIZE)
    held.remove(first)
    assert held.totals() == (0, 0)
    assert held.hold(second)


def test_letting_go_of_what_does_not_wait_is_nothing() -> None:
    """A capture that was lost for want of room never waited."""
    held = RetryBuffer(SIZE)
    held.remove(capture())
    assert held.oldest() is None
    assert held.totals() == (0, 0)
