"""The audit trail over HTTP: what is asked for, and how much of it at once."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from echonode.web.audit import LONGEST_TEXT, TrailFilter, audit_routes
from tests.unit.web.conftest import Browser, Serve
from tests.unit.web.test_exams import post


class Trail:
    """Remembers what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[TrailFilter, int | None]] = []
        self.browser: Browser | None = None
        self.within: list[int] = []

    def kinds(self) -> list[str]:
        return ["login", "query"]

    def search(self, wanted: TrailFilter, *, before: int | None) -> Mapping[str, Any]:
        self.asked.append((wanted, before))
        return {"records": [{"seq": 7}], "next": 7, "reached": None}

    def lines(self, wanted: TrailFilter) -> Iterator[bytes]:
        yield b'{"seq": 2}\n'
        yield b'{"seq": 1}\n'

    def verify(self) -> Mapping[str, Any]:
        if self.browser is not None and not self.within:
            self.within.append(post(self.browser, "/api/audit/verify", {})[0])
        return {"records": 2, "whole": True}


def test_each_field_of_a_search_reaches_the_trail(serve: Serve) -> None:
    """In the body: a patient's number in an address would stand in histories."""
    trail = Trail()
    browser = serve(audit_routes(trail))
    body = {
        "since": "2026-11-20T08:00:00+01:00",
        "until": "2026-11-21T00:00:00Z",
        "user": "ada",
        "patient": "4711",
        "kind": "query",
        "before": 90,
    }
    status, answered = post(browser, "/api/audit/search", body)
    assert (status, answered["next"]) == (200, 7)
    wanted = TrailFilter(
        since=datetime(2026, 11, 20, 7, tzinfo=UTC),
        until=datetime(2026, 11, 21, tzinfo=UTC),
        user="ada",
        patient="4711",
        kind="query",
    )
    assert trail.asked == [(wanted, 90)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("since", "yesterday"),
        ("until", "2026-11-20T08:00:00"),
        ("kind", "gossip"),
        ("patient", "x" * (LONGEST_TEXT + 1)),
        ("before", -1),
        ("limit", 5),
    ],
)
def test_what_cannot_be_looked_for_is_refused(serve: Serve, field: str, value: object) -> None:
    """With the field named; a time has its zone, for the server's is another."""
    browser = serve(audit_routes(Trail()))
    status, answered = post(browser, "/api/audit/search", {field: value})
    assert (status, answered["field"]) == (400, field)


def test_an_export_is_a_line_for_each_record(serve: Serve) -> None:
    """As a file to keep."""
    browser = serve(audit_routes(Trail()))
    connection = http.client.HTTPConnection(*browser.server.address, timeout=20)
    connection.request("POST", "/api/audit/export", json.dumps({"kind": "query"}))
    answer = connection.getresponse()
    assert answer.getheader("Content-Disposition") == 'attachment; filename="audit.jsonl"'
    assert [json.loads(line)["seq"] for line in answer.read().splitlines()] == [2, 1]
    connection.close()


def test_one_verification_at_a_time(serve: Serve) -> None:
    """It reads every record; the second caller gets an error."""
    trail = Trail()
    browser = trail.browser = serve(audit_routes(trail))
    assert post(browser, "/api/audit/verify", {}) == (200, {"records": 2, "whole": True})
    assert trail.within == [409]
    assert post(browser, "/api/audit/verify", {})[0] == 200
