"""The outbox's requests: what names nothing or two things is refused in words, by its field."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from echonode.errors import UsageError
from echonode.web.outbox import MOST_SELECTED, Selection, outbox_routes
from tests.unit.web.conftest import Browser, Serve


class FakeOutbox:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def overview(self) -> dict[str, object]:
        return {"archives": []}

    def items(self, destination: str, which: str, *, after: int) -> dict[str, object]:
        if destination != "pacs":
            raise UsageError("there is no such destination; configured: pacs")
        self.asked.append((destination, which, after))
        return {"items": [], "next": None}

    def act(self, action: str, selection: Selection) -> dict[str, object]:
        self.asked.append((action, selection))
        return {"done": 1, "refused": 0, "results": [], "next": None}


def post(browser: Browser, path: str, body: object) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*browser.server.address, timeout=10)
    try:
        connection.request("POST", path, json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_lists_of_an_archive(serve: Serve) -> None:
    """held where nothing is said; a page goes on behind a number."""
    api = FakeOutbox()
    browser = serve(outbox_routes(api))
    assert browser.ask("/api/outbox").json() == {"archives": []}
    assert browser.ask("/api/outbox/pacs/items").status == 200
    assert browser.ask("/api/outbox/pacs/items?list=waiting&after=17").status == 200
    assert api.asked == [("pacs", "held", 0), ("pacs", "waiting", 17)]
    assert browser.ask("/api/outbox/elsewhere/items").status == 404
    assert browser.ask("/api/outbox/pacs/items?list=all").status == 400
    assert browser.ask("/api/outbox/pacs/items?after=-1").status == 400


@pytest.mark.parametrize(
    ("body", "selection"),
    [
        ({"uids": ["1.2.3"]}, Selection(uids=["1.2.3"])),
        (
            {"uids": ["1.2.3"], "destination": "pacs"},
            Selection(uids=["1.2.3"], destination="pacs"),
        ),
        ({"study": "1.2.3"}, Selection(study="1.2.3")),
        (
            {"all": True, "destination": "pacs", "reason": "status:A900", "after": 7},
            Selection(destination="pacs", reason="status:A900", after=7),
        ),
    ],
)
def test_one_way_of_naming_what_is_meant(
    serve: Serve, body: dict[str, object], selection: Selection
) -> None:
    """A selection, a study, or everything of an archive."""
    api = FakeOutbox()
    browser = serve(outbox_routes(api))
    assert post(browser, "/api/outbox/release", body)[0] == 200
    assert api.asked == [("release", selection)]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "uids"),
        ({"uids": []}, "uids"),
        ({"uids": "1.2.3"}, "uids"),
        ({"uids": ["../etc"]}, "uids"),
        ({"uids": ["1.2.3"] * (MOST_SELECTED + 1)}, "uids"),
        ({"uids": ["1.2.3"], "study": "1.2"}, "uids"),
        ({"all": True}, "destination"),
        ({"all": "yes", "destination": "pacs"}, "all"),
        ({"study": "<script>"}, "study"),
        ({"study": "1.2", "reason": "operator"}, "reason"),
        ({"all": True, "destination": "pacs", "reason": "x" * 601}, "reason"),
        ({"all": True, "destination": "pacs", "after": -1}, "after"),
        ({"everything": True}, "everything"),
    ],
)
def test_what_is_not_clear_is_refused_by_its_field(
    serve: Serve, body: dict[str, object], field: str
) -> None:
    """And nothing is done."""
    api = FakeOutbox()
    status, said = post(serve(outbox_routes(api)), "/api/outbox/hold", body)
    assert (status, said["field"], api.asked) == (400, field, [])


def test_there_are_three_actions(serve: Serve) -> None:
    """No other word does anything."""
    api = FakeOutbox()
    status, said = post(serve(outbox_routes(api)), "/api/outbox/delete", {"uids": ["1.2.3"]})
    assert (status, said["field"], api.asked) == (400, "action", [])
