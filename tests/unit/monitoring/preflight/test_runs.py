"""A preflight in the background: its steps are readable as they come, and one runs at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from echonode.errors import UsageError
from echonode.monitoring.preflight.outcome import PeerOutcome, Step
from echonode.monitoring.preflight.runs import PreflightRuns
from tests.support.waiting import wait_until
from tests.unit.store.samples import NOON


def outcome(*steps: Step) -> PeerOutcome:
    return PeerOutcome(
        peer="pacs", ae_title="PACS", address="127.0.0.1:4242", purpose="", steps=steps
    )


TCP, ECHO = Step(name="tcp", ok=True, detail="there"), Step(name="echo", ok=True, detail="yes")
NOT_TRIED = Step(name="echo", ok=None, detail="")


class SlowPreflight:
    """Its second step waits until the test lets it go on."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.times, self.last, self.raises = 0, ECHO, False

    def planned(self, peer: str | None = None) -> Sequence[PeerOutcome]:
        if peer == "nobody":
            raise UsageError("there is no peer `nobody`")
        return [outcome(Step(name="tcp", ok=None, detail=""), NOT_TRIED)]

    def run(
        self,
        peer: str | None = None,
        *,
        told: Callable[[PeerOutcome], None] = lambda outcome: None,
    ) -> Sequence[PeerOutcome]:
        self.times += 1
        told(outcome(TCP, NOT_TRIED))
        self.begun.set()
        assert self.go_on.wait(30)
        if self.raises:
            raise ValueError("unexpected")
        return [outcome(TCP, self.last)]


def ended(runs: PreflightRuns) -> Any:
    wait_until(lambda: not runs.state()["running"], "the preflight ends")
    return runs.state()


def test_before_the_first_there_is_none() -> None:
    """And nothing is said to be well."""
    state = PreflightRuns(SlowPreflight(), now=lambda: NOON).state()
    assert (state["number"], state["running"], state["ok"], state["peers"]) == (0, False, None, [])


def test_steps_are_seen_as_they_come_and_a_second_start_joins() -> None:
    """The page of a second person shows the one that runs."""
    preflight = SlowPreflight()
    runs = PreflightRuns(preflight, now=lambda: NOON)
    assert runs.start()["running"] is True
    assert preflight.begun.wait(30)
    during: Any = runs.start("pacs")
    assert [step["ok"] for step in during["peers"][0]["steps"]] == [True, None]
    assert (during["number"], during["ok"]) == (1, None)
    preflight.go_on.set()
    after = ended(runs)
    assert [step["ok"] for step in after["peers"][0]["steps"]] == [True, True]
    assert (after["ok"], after["ended_at"], preflight.times) == (True, NOON.isoformat(), 1)


def test_a_failure_is_the_outcome() -> None:
    """Of a step, or of this node's own code: neither is well, and both end."""
    preflight = SlowPreflight()
    preflight.go_on.set()
    preflight.last = Step(name="echo", ok=False, detail="0122", remedy="switch it on")
    runs = PreflightRuns(preflight, now=lambda: NOON)
    runs.start()
    assert ended(runs)["ok"] is False
    preflight.raises = True
    runs.start()
    state = ended(runs)
    assert (state["number"], state["ok"]) == (2, False)
    assert "this node failed" in state["problem"]


def test_an_unknown_peer_begins_nothing() -> None:
    """Told at once."""
    preflight = SlowPreflight()
    with pytest.raises(UsageError, match="nobody"):
        PreflightRuns(preflight, now=lambda: NOON).start("nobody")
    assert preflight.times == 0
