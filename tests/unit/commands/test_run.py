"""The node's life by signals: one asks it to stop, two end it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from echonode.commands.run import stop_signals


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What the tests' own runner does on signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_the_wait(number: signal.Signals) -> None:
    """Whether it comes before the wait or in the middle of it."""
    with stop_signals() as wait:
        signal.raise_signal(number)
        wait()
    with stop_signals() as wait:
        sender = threading.Timer(0.05, os.kill, (os.getpid(), number))
        sender.start()
        wait()
        sender.join()


def test_a_second_signal_ends_the_process() -> None:
    """The operator insists: with the exit code that a shell expects of the signal."""
    with stop_signals() as wait:
        signal.raise_signal(signal.SIGTERM)
        wait()
        with pytest.raises(SystemExit) as ended:
            signal.raise_signal(signal.SIGTERM)
    assert ended.value.code == 128 + signal.SIGTERM


def test_other_signals_do_not_end_the_wait() -> None:
    """A terminal that changes its size, a child that ends: the node goes on."""
    sent = []

    def stop() -> None:
        sent.append(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    with stop_signals() as wait:
        signal.signal(signal.SIGWINCH, lambda *_: None)
        signal.raise_signal(signal.SIGWINCH)
        sender = threading.Timer(0.05, stop)
        sender.start()
        wait()
        assert sent
        sender.join()
    signal.signal(signal.SIGWINCH, signal.SIG_DFL)
