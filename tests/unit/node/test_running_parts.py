"""Parts stop in the reverse order of their start, and none outlives a failed start."""

from __future__ import annotations

import pytest

from echonode.node.running_parts import RunningParts


class Part:
    """Writes down what is done with it."""

    def __init__(self, name: str, done: list[str], *, fails: bool = False) -> None:
        self.name, self.done, self.fails = name, done, fails
        self.deadline_s = -1.0

    def start(self) -> None:
        self.done.append(f"start {self.name}")
        if self.fails:
            raise OSError("the address is in use")

    def stop(self, deadline_s: float) -> None:
        self.done.append(f"stop {self.name}")
        self.deadline_s = deadline_s


def test_parts_stop_in_the_reverse_order_of_their_start() -> None:
    """What others need starts first and stops last; a part that the node has not is no matter."""
    done: list[str] = []
    with RunningParts() as running:
        running.close_later(lambda: done.append("close store"))
        running.start(Part("a", done), None, Part("b", done))
    assert done == ["start a", "start b"]
    running.stop()
    assert done[2:] == ["stop b", "stop a", "close store"]
    running.stop()
    assert len(done) == 5, "a second stop finds nothing"


def test_a_start_that_fails_stops_what_was_started() -> None:
    """The part itself too: it may have started by half."""
    done: list[str] = []
    with pytest.raises(OSError, match="in use"), RunningParts() as running:
        running.start(Part("a", done), Part("b", done, fails=True), Part("c", done))
    assert done == ["start a", "start b", "stop b", "stop a"]


def test_parts_that_stop_together_all_stop() -> None:
    """None waits for another."""
    done: list[str] = []
    running = RunningParts()
    running.start_together([Part("a", done), Part("b", done)])
    running.stop()
    assert done[:2] == ["start a", "start b"]
    assert sorted(done[2:]) == ["stop a", "stop b"]


def test_all_parts_share_one_deadline() -> None:
    """Each has what is left of it, less what the breaking off takes; a late one has a moment."""
    part = Part("a", [])
    running = RunningParts()
    running.start(part)
    running.stop_by(30.0)
    running.stop()
    assert 0.3 < part.deadline_s <= 22.0

    running.start(part)
    running.stop_by(0.0)
    running.stop()
    assert part.deadline_s == 0.3
