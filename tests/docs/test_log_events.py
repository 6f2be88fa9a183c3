"""docs/log-events.md has every event that the package can log, with its fields and levels."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tools.reference import events
from tools.reference.events import PACKAGE, Event, events_of, log_events

HERE = Path("module.py")


def one_event(source: str) -> Event:
    (event,) = events_of(source, HERE)
    return event


def test_an_event_is_found_with_its_level_and_fields() -> None:
    """The common case: a call with a name and keys."""
    event = one_event('log.warning("probe_lost", probe=name, reason=why)')
    assert (event.name, event.levels, event.keys) == (
        "probe_lost",
        {"warning"},
        {"probe", "reason"},
    )


def test_an_exception_is_an_error() -> None:
    """`log.exception` writes at the level error."""
    assert one_event('log.exception("web_failed")').levels == {"error"}


def test_a_level_and_a_name_that_depend_are_all_found() -> None:
    """An event that is an error for one reason and a notice for another has both levels."""
    source = (
        'log.log(logging.ERROR if held else logging.INFO, "held" if held else "retried", uid=1)'
    )
    found = list(events_of(source, HERE))
    assert {event.name for event in found} == {"held", "retried"}
    assert all(event.levels == {"error", "info"} for event in found)


def test_a_name_that_is_an_argument_is_looked_up_at_the_calls() -> None:
    """A method that logs on behalf of others hides none of their events."""
    source = """
class Desk:
    def done(self): self._log("answered", 1)
    def lost(self): self._log(name="lost", number=2)
    def _log(self, name, number): log.info(name, number=number)
"""
    assert {event.name for event in events_of(source, HERE)} == {"answered", "lost"}


def test_fields_that_come_from_a_dictionary_are_looked_up() -> None:
    """`**whose(destination)` counts as the keys that it returns."""
    source = """
def whose(destination): return {"destination": destination.name, "port": 1}
def tell(destination): log.info("called", **whose(destination), pause_s=1)
"""
    assert one_event(source).keys == {"destination", "port", "pause_s"}


def test_an_event_whose_name_cannot_be_found_is_an_error() -> None:
    """No event is missing because the search did not understand it."""
    with pytest.raises(ValueError, match=r"module\.py:1"):
        list(events_of("log.info(names[0])", HERE))


def test_an_event_without_a_meaning_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new event must say what it means; one that is gone is named too."""
    monkeypatch.setattr(events, "catalogue", lambda: {"All": {"never_logged": "A meaning."}})
    with pytest.raises(ValueError, match="node_ready"):
        log_events()
    known = dict.fromkeys(events.found_events(), "A meaning.")
    monkeypatch.setattr(events, "catalogue", lambda: {"All": {**known, "never_logged": ""}})
    with pytest.raises(ValueError, match="never_logged"):
        log_events()


def test_every_logger_is_named_log() -> None:
    """The search goes by that name: a logger under another one would log unlisted events."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "log.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and "get_logger(" in ast.unparse(node.value):
                assert [ast.unparse(target) for target in node.targets] == ["log"], path


def test_no_event_is_described_twice() -> None:
    """Each event stands in one group."""
    names = [name for group in events.catalogue().values() for name in group]
    assert len(names) == len(set(names))
