"""The table of routes: complete, without doubles, and without a hole for a viewer."""

from __future__ import annotations

import pytest

from echonode.access.roles import Role
from echonode.access.route_table import READING, RULES, DataKind, Rule, Unlisted, rules_of


def test_no_route_is_listed_twice() -> None:
    """With two rows, the first would count and the second mislead."""
    keys = [(rule.method, rule.path) for rule in RULES]
    assert len(keys) == len(set(keys))


def test_what_is_for_everyone_gives_no_patient() -> None:
    """Without a log-in there is nothing of a patient."""
    assert [rule for rule in RULES if rule.least is None and rule.data] == []


def test_a_viewer_changes_their_own_session_alone() -> None:
    """All else that a viewer may do is reading."""
    changes = {rule.path for rule in RULES if rule.is_change and rule.least is Role.VIEWER}
    changes -= {"/api/studies/search"}  # reads; a name must not stand in an address
    assert all(path.startswith("/api/session/") or path == "/api/logout" for path in changes)


def test_a_locked_session_answers_nothing_of_a_patient() -> None:
    """It can be unlocked and left."""
    locked = [rule for rule in RULES if rule.when_locked and rule.least is not None]
    assert {rule.path for rule in locked} == {
        "/api/logout",
        "/api/session/lock",
        "/api/session/unlock",
    }


def test_rows_are_found_by_method_and_path() -> None:
    """HEAD is asked for as GET; a star covers every path below."""
    found = rules_of({"GET", "HEAD"}, "/console/core/render.js")
    assert found["HEAD"] is found["GET"]
    assert found["GET"].path == "/console/*"
    assert rules_of({"POST"}, "/api/exams")["POST"].least is Role.OPERATOR


@pytest.mark.parametrize("path", ["/api/new", "/console", "/api/exams/{exam}/new"])
def test_a_route_without_a_row_is_an_error(path: str) -> None:
    """The server does not start with it."""
    with pytest.raises(Unlisted, match="route_table"):
        rules_of({"GET"}, path)


def test_reading_and_changing_are_told_apart() -> None:
    """A WebSocket reads: its Origin is checked, as it can carry no CSRF token."""
    for method in READING:
        assert not Rule(method=method, path="/x", least=None).is_change
    assert Rule(method="DELETE", path="/x", least=None).is_change
    assert not DataKind.NONE
