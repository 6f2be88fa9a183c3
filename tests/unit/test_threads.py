"""The thread that repeats a step."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from echonode.threads import RecurringThread

PATIENCE_S = 60.0
LONG_S = 3600.0


class Steps:
    """Counts the steps; each waits for the test where the test asks for it."""

    def __init__(self, *, fails_first: bool = False) -> None:
        self.taken = 0
        self.stalled: list[str] = []
        self.ended = False
        self._fails_first = fails_first
        self._changed = threading.Condition()
        self.in_step: Callable[[], None] = lambda: None

    def step(self) -> float:
        with self._changed:
            self.taken += 1
            self._changed.notify_all()
        self.in_step()
        if self._fails_first and self.taken == 1:
            raise ValueError("the first step fails")
        return LONG_S

    def end(self) -> None:
        self.ended = True

    def thread(self, *, stalled_s: float = LONG_S) -> RecurringThread:
        return RecurringThread(
            "steps",
            self.step,
            on_stalled=lambda error: self.stalled.append(str(error)),
            stalled_s=stalled_s,
            on_end=self.end,
        )

    def await_count(self, count: int) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self.taken >= count, PATIENCE_S)


def stopped(thread: RecurringThread) -> bool:
    thread.ask_stop()
    return thread.join(PATIENCE_S)


def test_it_steps_at_once_and_again_when_woken() -> None:
    """What becomes due is done then, not when the wait is over."""
    steps = Steps()
    thread = steps.thread()
    thread.start()
    assert steps.await_count(1)
    thread.wake()
    assert steps.await_count(2)
    assert stopped(thread)
    assert steps.ended


def test_what_becomes_due_during_a_step_is_not_missed() -> None:
    """A wake-up during a step brings another step at once."""
    steps = Steps()
    thread = steps.thread()
    steps.in_step = lambda: thread.wake() if steps.taken == 1 else None
    thread.start()
    assert steps.await_count(2)
    assert stopped(thread)


def test_a_step_that_fails_is_reported_and_the_thread_goes_on() -> None:
    """One error does not end what the thread is for."""
    steps = Steps(fails_first=True)
    thread = steps.thread(stalled_s=0.0)
    thread.start()
    assert steps.await_count(2)
    assert stopped(thread)
    assert steps.stalled == ["the first step fails"]


@pytest.mark.parametrize("started", [False, True])
def test_a_stop_during_a_step_or_before_the_start_ends_it(started: bool) -> None:
    """No step begins after the stop, and the wait for the end returns."""
    steps = Steps()
    thread = steps.thread()
    if started:
        steps.in_step = thread.ask_stop
        thread.start()
        assert steps.await_count(1)
    assert thread.join(PATIENCE_S)
    assert steps.taken == started
    assert thread.was_started is started
