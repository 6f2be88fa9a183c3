"""What freezes keep is bounded, and an old one is over."""

from __future__ import annotations

from echonode.frames.capture.freezes import MOST_FREEZES, UNUSED_S, Freezes
from tests.unit.frames.igtl_messages import taken

FRAMES = [taken(number, number / 10) for number in range(10)]  # 16 bytes each


def test_a_freeze_keeps_its_frames() -> None:
    """The same objects, in their order, until the freeze ends."""
    freezes = Freezes(most_bytes=1000)
    freezes.add("a", FRAMES, 0.0)
    assert freezes.frames("a", 1.0) == tuple(FRAMES)
    freezes.release("a")
    assert freezes.frames("a", 1.0) == ()
    freezes.release("a")


def test_frames_of_two_freezes_are_counted_once() -> None:
    """The memory is that of the frames, however many freezes have them."""
    freezes = Freezes(most_bytes=160)
    freezes.add("a", FRAMES[:8], 0.0)
    freezes.add("b", FRAMES[2:], 0.0)
    assert freezes.kept_bytes == 160
    assert len(freezes) == 2


def test_the_oldest_goes_when_there_are_too_many_bytes() -> None:
    """The newest stays, whatever its size."""
    freezes = Freezes(most_bytes=100)
    freezes.add("a", FRAMES[:6], 0.0)
    freezes.add("b", FRAMES[6:], 0.0)
    assert freezes.frames("a", 0.0) == ()
    assert len(freezes.frames("b", 0.0)) == 4
    freezes.add("c", FRAMES, 0.0)
    assert freezes.frames("b", 0.0) == ()
    assert len(freezes.frames("c", 0.0)) == 10


def test_the_oldest_goes_when_there_are_too_many() -> None:
    """A page that is loaded again and again is never refused."""
    freezes = Freezes(most_bytes=1000)
    for number in range(MOST_FREEZES + 3):
        freezes.add(str(number), FRAMES, 0.0)
    assert [n for n in range(MOST_FREEZES + 3) if freezes.frames(str(n), 0.0)] == [3, 4, 5, 6]


def test_a_freeze_that_nobody_uses_is_over() -> None:
    """Each look at it is use."""
    freezes = Freezes(most_bytes=1000)
    freezes.add("used", FRAMES, 0.0)
    freezes.add("left", FRAMES, 0.0)
    assert freezes.frames("used", UNUSED_S - 1)
    assert freezes.frames("used", UNUSED_S + 1)
    assert freezes.frames("left", UNUSED_S + 1) == ()
    assert len(freezes) == 1
