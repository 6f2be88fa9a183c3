"""A probe faster than its node costs frames, in the open, and never memory."""

from __future__ import annotations

import pytest

from echonode.probe.link.frame_queue import FrameQueue


def test_the_oldest_frame_goes_and_is_handed_back() -> None:
    """Nothing vanishes: what is pushed out comes back to be counted."""
    backlog: FrameQueue[str] = FrameQueue(limit=2)
    assert [backlog.put_droppable(item) for item in "abcd"] == [None, None, "a", "b"]
    assert [backlog.get(0), backlog.get(0), backlog.get(0)] == ["c", "d", None]


def test_what_must_not_be_lost_stays_in_its_place() -> None:
    """A connection's beginning and end are never pushed out, nor overtaken."""
    backlog: FrameQueue[str] = FrameQueue(limit=2)
    backlog.put("opened")
    for item in "abc":
        backlog.put_droppable(item)
    backlog.put("lost")
    backlog.put_droppable("d")
    assert [backlog.get(0) for _ in range(4)] == ["opened", "c", "lost", "d"]


def test_a_closed_backlog_is_finished_once_it_is_empty() -> None:
    """What is in it when it closes is still taken out."""
    backlog: FrameQueue[str] = FrameQueue(limit=2)
    backlog.put_droppable("a")
    backlog.close()
    assert not backlog.finished
    assert backlog.get(None) == "a"
    assert backlog.finished
    assert backlog.get(None) is None


def test_a_backlog_holds_something() -> None:
    """A limit of none would drop everything."""
    with pytest.raises(ValueError):
        FrameQueue(limit=0)
