"""A viewer gets the newest picture when it is ready, and no queue of old ones."""

from __future__ import annotations

from echonode.web.live.viewer_slot import FIRST_CREDIT, MOST_CREDIT, ViewerSlot
from tests.unit.web.live.pictures import picture


def test_a_newer_picture_takes_the_place_of_the_one_that_waits() -> None:
    """What was never sent is counted."""
    slot = ViewerSlot()
    for number in range(5):
        slot.put(picture(number))
    taken = slot.take()
    assert taken is not None
    assert taken.number == 4
    assert (slot.skipped, slot.sent) == (4, 1)
    assert slot.take() is None


def test_a_viewer_without_credit_gets_nothing_until_it_gives_some() -> None:
    """Two at first; then the newest picture waits, and is behind."""
    slot = ViewerSlot()
    for number in range(FIRST_CREDIT):
        slot.put(picture(number))
        assert slot.take() is not None
    slot.put(picture(10))
    slot.put(picture(11))
    assert (slot.is_ready, slot.is_behind, slot.take()) == (False, True, None)
    slot.give(1)
    assert slot.is_ready
    taken = slot.take()
    assert taken is not None
    assert taken.number == 11


def test_credit_does_not_pile_up() -> None:
    """A viewer that gives a million gets MOST_CREDIT pictures without another word."""
    slot = ViewerSlot()
    slot.give(1_000_000)
    for number in range(MOST_CREDIT):
        slot.put(picture(number))
        assert slot.take() is not None
    slot.put(picture(99))
    assert slot.take() is None
