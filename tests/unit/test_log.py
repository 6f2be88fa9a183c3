"""What the log promises to those who write to it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from echonode import log


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """No other test logs through what is configured here."""
    before, handlers = structlog.get_config(), logging.getLogger().handlers[:]
    yield
    structlog.configure(**before)
    logging.getLogger().handlers[:] = handlers


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Event name and keys; keys that could only be a patient's are left out."""
    log.configure()
    log.get_logger("here").info("instance_stored", frames=3, patient_name="Doe^Jane")
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["frames"], line["module"]) == ("instance_stored", 3, "here")
    assert "patient_name" not in line


def test_a_line_without_memory_for_it_is_dropped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A thread that logs what ended its work is not ended by logging it."""

    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(structlog.processors.JSONRenderer, "__call__", no_memory)
    log.configure()
    log.get_logger("here").error("delivery_stalled")
    assert capsys.readouterr().out == ""


def test_an_exception_is_logged_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    """The class and the lines of code are there, of causes too; a value that it quotes is not."""
    log.configure()
    value = "^".join(("CANARY", "JANE"))
    try:
        try:
            raise KeyError(value)
        except KeyError as error:
            raise ValueError(f"invalid VR {value}") from error
    except ValueError:
        log.get_logger("test").exception("it_failed")
    line = json.loads(capsys.readouterr().out)
    assert value not in str(line)
    assert "KeyError" in line["exception"]
    assert line["exception"].endswith("ValueError")
    assert "test_log.py" in line["exception"]


def test_what_a_library_warns_of_is_one_line_without_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It would go to stderr, with a traceback that quotes values (SQLAlchemy's pool, psycopg)."""
    log.configure()
    log.configure()  # twice is once
    name = "Doe^" + "Jane"  # a traceback quotes the source
    try:
        raise ValueError(name)
    except ValueError:
        logging.getLogger("sqlalchemy.pool").exception("cannot reset %s", name)
    logging.getLogger("psycopg").warning("ignored: %s", name)
    logging.getLogger("psycopg").info("all is well")
    said = capsys.readouterr()
    first, second = (json.loads(line) for line in said.out.splitlines())
    assert (first["event"], first["level"]) == ("library_warned", "warning")
    assert (first["library"], second["library"]) == ("sqlalchemy.pool", "psycopg")
    assert first["place"].startswith("test_log.py:")
    assert (first["error"], second["error"]) == ("ValueError", None)
    assert "exception" not in first  # that is for errors of our own code
    assert "Doe" not in said.out + said.err
    assert "Traceback" not in said.err


def test_when_how_bad_and_what_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    """A person who reads JSON lines finds the time, the level and the event at their beginning."""
    log.configure()
    log.get_logger("here").info("instance_stored", frames=3)
    line = capsys.readouterr().out
    assert list(json.loads(line)) == ["timestamp", "level", "event", "frames", "module"]


@pytest.mark.parametrize(("terminal", "is_json"), [(True, False), (False, True)])
def test_auto_is_for_reading_on_a_terminal_and_json_elsewhere(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
    is_json: bool,
) -> None:
    """A person at a terminal reads along; a collector gets JSON without a setting."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    log.configure(format="auto")
    log.get_logger("here").info("instance_stored", frames=3)
    line = capsys.readouterr().out
    assert line.startswith("{") == is_json
    assert "instance_stored" in line
    assert ("here" in line) == is_json, "the module is for programs"
