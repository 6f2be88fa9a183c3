"""The log says what no code handles, and quotes nothing."""

from __future__ import annotations

import gc
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest
import structlog

from echonode import log
from echonode.node.unhandled_errors import log_unhandled_errors


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """No other test logs through what is configured here."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_unhandled_error_is_a_line_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thread that ends by an error, and an error in a destructor: Python would quote both."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    name = "Doe^" + "Jane"

    class Failing:
        def __del__(self) -> None:
            raise ValueError(name)

    def fail() -> None:
        raise ValueError(name)

    log.configure()
    log_unhandled_errors()
    thread = threading.Thread(target=fail, name="lane")
    thread.start()
    thread.join()
    Failing()
    gc.collect()
    said = capsys.readouterr()
    ended, ignored = (json.loads(line) for line in said.out.splitlines())
    assert (ended["event"], ended["level"], ended["thread"]) == ("thread_ended", "error", "lane")
    assert ended["alarm"]
    assert (ignored["event"], ignored["level"]) == ("error_ignored", "warning")
    assert ended["exception"].endswith("ValueError")
    assert "Doe" not in said.out + said.err
    assert said.err == ""
