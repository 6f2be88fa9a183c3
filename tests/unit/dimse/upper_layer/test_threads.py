"""A thread that waits is woken, also by what was set before it could be."""

from __future__ import annotations

import errno
import os
import select
from pathlib import Path

import pytest

from echonode.dimse.upper_layer.threads import EventFd


@pytest.fixture(params=["eventfd", "pipe"], autouse=True)
def _system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux, and a system without eventfd, such as macOS: the same promises."""
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd")


def is_readable(wake: EventFd) -> bool:
    poller = select.poll()
    poller.register(wake.fileno(), select.POLLIN)
    return bool(poller.poll(0))


def test_a_wake_up_takes_a_descriptor_only_once_it_is_opened() -> None:
    """A caller that has not said who it is costs its connection and no more."""
    wake = EventFd()
    assert not wake.is_open
    wake.open()
    held = wake.fileno()
    wake.open()
    assert wake.fileno() == held
    wake.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(held)


def test_what_was_set_before_is_not_lost() -> None:
    """A thread asks for the end in the moment before the wake-up is there."""
    wake = EventFd()
    wake.set()
    wake.open()
    assert is_readable(wake)
    wake.clear()
    assert not is_readable(wake)
    wake.set()
    assert is_readable(wake)
    wake.close()


def test_after_its_end_it_takes_no_descriptor_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A late thread touches nothing; a system that has none left says so at `open`."""
    wake = EventFd()
    wake.close()
    wake.open()
    wake.set()
    assert not wake.is_open

    def none_left(*_: object) -> int:
        raise OSError(errno.EMFILE, "too many")

    monkeypatch.setattr(os, "eventfd" if hasattr(os, "eventfd") else "pipe", none_left)
    with pytest.raises(OSError, match="too many"):
        EventFd().open()


def test_setting_it_often_blocks_no_caller_and_one_clear_is_enough() -> None:
    """More often than a pipe has bytes: the caller of `set` never waits."""
    wake = EventFd()
    wake.open()
    for _ in range(20_000):
        wake.set()
    wake.clear()
    assert not is_readable(wake)
    wake.set()
    assert is_readable(wake)
    wake.close()


def test_closing_gives_back_all_that_it_took() -> None:
    """One descriptor, or the two of a pipe."""
    before = len(list(Path("/dev/fd").iterdir()))
    wake = EventFd()
    wake.open()
    wake.close()
    wake.close()
    assert len(list(Path("/dev/fd").iterdir())) == before
