"""Whose the reading of an association is: its own thread's, or a caller's for a moment."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from echonode.dimse.upper_layer.read_lease import ReadLease
from echonode.dimse.upper_layer.threads import EventFd


class Line:
    """A reading with its wake-up and a connection (a pipe)."""

    def __init__(self) -> None:
        self.wake = EventFd()
        self.wake.open()
        self.read_lease = ReadLease(self.wake)
        self.ours, self.theirs = os.pipe()
        self.minding = threading.Thread(
            target=self.read_lease.wait_until_reclaimed, args=(self.ours,)
        )

    @property
    def is_woken(self) -> bool:
        return bool(select.select([self.wake.fileno()], [], [], 0)[0])

    def wait_for_the_recall(self) -> None:
        """Until the own thread has asked for it; it now waits for the reader."""
        deadline = time.monotonic() + 10
        while self.read_lease.is_offered:
            assert time.monotonic() < deadline

    def close(self) -> None:
        self.wake.close()
        os.close(self.ours)
        if self.theirs >= 0:
            os.close(self.theirs)


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.close()


def nothing() -> bool:
    return False


def test_what_is_not_lent_cannot_be_borrowed(line: Line) -> None:
    """A caller reads only where the own thread does not."""
    assert not line.read_lease.acquire()


def test_one_caller_at_a_time(line: Line) -> None:
    """A second caller does not read while the first does, and may after it."""
    line.read_lease.offer()
    assert line.read_lease.acquire()
    assert not line.read_lease.acquire()
    line.read_lease.release(wanted=nothing)
    assert line.read_lease.acquire()


def test_a_loan_that_nobody_uses_is_taken_back(line: Line) -> None:
    """After a moment the own thread reads again by itself."""
    line.read_lease.offer()
    line.read_lease.wait_until_reclaimed(line.ours)
    assert not line.read_lease.is_offered


def test_the_end_of_the_connection_takes_the_loan_back(line: Line) -> None:
    """A peer that hangs up between two requests is noticed, though no caller reads."""
    line.read_lease.offer()
    assert line.read_lease.acquire()  # so that the loan would go on
    line.minding.start()
    os.close(line.theirs)
    line.theirs = -1
    line.wait_for_the_recall()
    line.read_lease.release(wanted=nothing)
    line.minding.join(10)
    assert not line.minding.is_alive()


def test_the_own_thread_waits_until_the_borrower_is_done(line: Line) -> None:
    """Woken, it takes the reading back only when no caller reads any more."""
    line.read_lease.offer()
    assert line.read_lease.acquire()
    line.minding.start()
    line.wake.set()
    line.wait_for_the_recall()
    assert line.minding.is_alive()
    assert line.is_woken, "the borrower waits for bytes, and for this"
    line.read_lease.release(wanted=nothing)
    line.minding.join(10)
    assert not line.minding.is_alive()
    assert not line.read_lease.is_offered, "giving back does not prolong what was taken back"
    assert not line.read_lease.acquire()


def test_a_borrower_that_leaves_work_behind_wakes_the_own_thread(line: Line) -> None:
    """A request that was taken in, or another caller, does not wait for the loan's end."""
    line.read_lease.offer()
    assert line.read_lease.acquire()
    line.read_lease.release(wanted=lambda: True)
    assert line.is_woken


def test_a_borrower_that_leaves_nothing_behind_wakes_nobody(line: Line) -> None:
    """The common case costs no switch of threads: that is what it is for."""
    line.read_lease.offer()
    assert line.read_lease.acquire()
    line.read_lease.release(wanted=nothing)
    assert not line.is_woken
    assert line.read_lease.is_offered


def test_a_loan_that_is_recalled_while_it_is_given_back_is_over(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The own thread asks for the reading between two steps of the caller that gives it back:
    from then on it is the own thread's alone, and no caller reads.
    """

    def meanwhile() -> float:
        if threading.current_thread() is threading.main_thread() and line.minding.is_alive():
            line.wake.set()
            line.wait_for_the_recall()
        return time.monotonic()

    line.read_lease.offer()
    assert line.read_lease.acquire()
    line.minding.start()
    monkeypatch.setattr(
        "echonode.dimse.upper_layer.read_lease.time", SimpleNamespace(monotonic=meanwhile)
    )
    line.read_lease.release(wanted=nothing)
    line.minding.join(10)
    assert not line.minding.is_alive()
    assert not line.read_lease.is_offered
    assert not line.read_lease.acquire()
