"""A person's search at the RIS, and a refresh, over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from echonode.errors import OperatorRefused, PeerUnreachable, UsageError
from echonode.web.worklist import worklist_routes
from tests.unit.web.conftest import Browser, Serve
from tests.unit.web.test_exams import post


class FakeWorklist:
    """Remembers what it was asked; raises what the test says."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.taken_back: list[str] = []
        self.fails: Exception | None = None
        self.breaks: Exception | None = None
        self.next, self.closed = threading.Event(), threading.Event()
        self.next.set()

    def search(self, **given: str) -> Iterator[dict[str, Any]]:
        self.asked.append(given)
        if self.fails:
            raise self.fails
        try:
            yield {"item": {"id": "abc"}}
            self.next.wait(30)
            if self.breaks:
                raise self.breaks
            yield {"more": True, "missing": 0}
        finally:
            self.closed.set()

    def refresh(self) -> dict[str, Any]:
        if self.fails:
            raise self.fails
        return {"age_s": 0.1, "problem": "", "missing": 0}

    def enter(
        self, patient: Mapping[str, Any], order: Mapping[str, Any], *, by: str
    ) -> dict[str, Any]:
        assert by
        if self.fails:
            raise self.fails
        return {"id": "abc", "patient": patient, "order": order}

    def take_back(self, item_id: str, *, by: str) -> None:
        assert by
        if self.fails:
            raise self.fails
        self.taken_back.append(item_id)


@pytest.fixture
def api() -> FakeWorklist:
    return FakeWorklist()


@pytest.fixture
def browser(serve: Serve, api: FakeWorklist) -> Browser:
    return serve(worklist_routes(api))


def test_a_patient_is_searched_for_at_the_ris(browser: Browser, api: FakeWorklist) -> None:
    """By name, ID or accession number, in the body: a name in a path would be logged."""
    status, body = post(browser, "/api/worklist/search", {"patient_name": "Müller*"})
    assert (status, body) == (200, {"items": [{"id": "abc"}], "more": True, "missing": 0})
    assert api.asked == [{"patient_id": "", "patient_name": "Müller*", "accession_number": ""}]
    status, body = post(browser, "/api/worklist/search", {"colour": "red"})
    assert (status, body["field"]) == (400, "colour")


@pytest.mark.parametrize("breaks", [None, PeerUnreachable("gone")])
def test_what_a_search_finds_is_shown_as_it_comes(
    browser: Browser, api: FakeWorklist, breaks: Exception | None
) -> None:
    """A line for each item, before the RIS has answered all; the last says how it ended."""
    api.next.clear()
    api.breaks = breaks
    with streamed(browser) as answer:
        assert answer.status == 200
        assert json.loads(answer.readline()) == {"item": {"id": "abc"}}
        api.next.set()
        last = json.loads(answer.readline())
        assert answer.readline() == b""
    assert last == {"more": True, "missing": 0, "error": "gone" if breaks else ""}


def test_a_search_that_nobody_waits_for_is_cancelled(browser: Browser, api: FakeWorklist) -> None:
    """The client left: the query at the RIS ends."""
    api.next.clear()
    with streamed(browser) as answer:
        answer.readline()
    api.next.set()
    assert api.closed.wait(30)


def test_a_stream_that_cannot_begin_has_its_status(browser: Browser, api: FakeWorklist) -> None:
    """As the whole answer has it."""
    api.fails = PeerUnreachable("connection refused")
    with streamed(browser) as answer:
        assert answer.status == 502


@contextmanager
def streamed(browser: Browser) -> Iterator[HTTPResponse]:
    connection = HTTPConnection(*browser.server.address, timeout=30)
    try:
        connection.request(
            "POST",
            "/api/worklist/search",
            json.dumps({"patient_name": "M*"}),
            {"Content-Type": "application/json", "Accept": "application/x-ndjson"},
        )
        yield connection.getresponse()
    finally:
        connection.close()


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


def test_an_order_is_entered_and_taken_back(browser: Browser, api: FakeWorklist) -> None:
    """201 with the item; what cannot be taken back is a conflict."""
    patient = {"id": "P-1", "name": "Doe^Jane"}
    fields = {"patient": patient, "requested_procedure": "Liver"}
    status, body = post(browser, "/api/worklist", fields)
    assert status == 201
    assert (body["patient"], body["order"]) == (patient, {"requested_procedure": "Liver"})
    assert post(browser, "/api/worklist", {"requested_procedure": "Liver"})[1]["field"] == "patient"
    assert browser.ask("/api/worklist/abc", method="DELETE").status == 200
    assert api.taken_back == ["abc"]
    api.fails = OperatorRefused("it was ordered by `ris`: cancel it there")
    assert browser.ask("/api/worklist/abc", method="DELETE").status == 409
