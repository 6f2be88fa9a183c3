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
    """Without a log-in there is nothing of a patient, but by the token of a watch link."""
    found = [rule.path for rule in RULES if rule.least is None and rule.data]
    assert found == ["/api/watch"]


def test_a_viewer_changes_their_own_session_alone() -> None:
    """All else that a viewer may do is reading."""
    changes = {rule.path for rule in RULES if rule.changes_data and rule.least is Role.VIEWER}
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


def test_a_search_reads_and_is_proved_to_come_from_a_page() -> None:
    """An access event says that it reads, and a browser still sends its CSRF token."""
    searches = {rule.path: rule for rule in RULES if rule.search}
    assert set(searches) == {
        "/api/studies/search",
        "/api/worklist/search",
        "/api/patients/search",
        "/api/patients/held",
        "/api/patients/export",
        "/api/audit/search",
        "/api/audit/export",
        "/api/audit/verify",
    }
    for rule in searches.values():
        assert rule.is_change
        assert not rule.changes_data
        assert rule.data


def test_what_names_a_patients_images_is_an_access() -> None:
    """The report of a study has its UIDs, and those of its images."""
    assert rules_of({"GET"}, "/api/report")["GET"].data is DataKind.INSTANCE


@pytest.mark.parametrize("path", ["/dicom-web", "/dicom-web/studies"])
def test_what_dicomweb_can_do_is_for_those_who_may_use_it(path: str) -> None:
    """A stranger learns nothing of it, also before the first user is made."""
    for rule in rules_of({"GET", "OPTIONS"}, path).values():
        assert rule.least is Role.VIEWER
