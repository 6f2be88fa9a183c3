"""A person's search at the RIS, and a refresh, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from echonode.errors import PeerUnreachable, UsageError
from echonode.web.worklist import worklist_routes
from tests.unit.web.conftest import Browser, Serve
from tests.unit.web.test_exams import post


class FakeWorklist:
    """Remembers what it was asked; raises what the test says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.fails: Exception | None = None

    def search(self, **given: str) -> dict[str, Any]:
        self.asked.append(given)
        if self.fails:
            raise self.fails
        return {"items": [{"id": "abc"}]}

    def refresh(self) -> dict[str, Any]:
        if self.fails:
            raise self.fails
        return {"age_s": 0.1, "problem": "", "missing": 0}


@pytest.fixture
def api() -> FakeWorklist:
    return FakeWorklist()


@pytest.fixture
def browser(serve: Serve, api: FakeWorklist) -> Browser:
    return serve(worklist_routes(api))


def test_a_patient_is_searched_for_at_the_ris(browser: Browser, api: FakeWorklist) -> None:
    """By name, ID or accession number, in the body: a name in a path would be logged."""
    status, body = post(browser, "/api/worklist/search", {"patient_name": "Müller*"})
    assert (status, body) == (200, {"items": [{"id": "abc"}]})
    assert api.asked == [{"patient_id": "", "patient_name": "Müller*", "accession_number": ""}]
    status, body = post(browser, "/api/worklist/search", {"colour": "red"})
    assert (status, body["field"]) == (400, "colour")


def test_a_list_is_refreshed_at_once(browser: Browser, api: FakeWorklist) -> None:
    """With how it stands afterwards."""
    assert post(browser, "/api/worklist/refresh") == (
        200,
        {"age_s": 0.1, "problem": "", "missing": 0},
    )


@pytest.mark.parametrize(
    ("error", "status"), [(PeerUnreachable("connection refused"), 502), (UsageError("none"), 404)]
)
def test_a_ris_that_is_away_or_not_configured_is_said(
    browser: Browser, api: FakeWorklist, error: Exception, status: int
) -> None:
    """The RIS's failure is not the node's: 502, and what to do."""
    api.fails = error
    for path in ("/api/worklist/search", "/api/worklist/refresh"):
        got, body = post(browser, path)
        assert got == status
        assert body["error"]
