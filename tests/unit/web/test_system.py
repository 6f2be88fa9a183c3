"""The system's requests: the preflight in the background, and a report as a file."""

from __future__ import annotations

import io
from typing import IO

from echonode.errors import UsageError
from echonode.web.system import system_routes
from tests.unit.web.conftest import Browser, Serve
from tests.unit.web.test_outbox import post


class FakeSystem:
    """Knows one study."""

    def __init__(self) -> None:
        self.made: list[IO[bytes]] = []

    def system(self) -> dict[str, object]:
        return {"version": "1"}

    def start_preflight(self, peer: str | None) -> dict[str, object]:
        if peer == "nobody":
            raise UsageError("there is no peer `nobody`")
        return {"number": 1, "running": True}

    def preflight(self) -> dict[str, object]:
        return {"number": 0, "running": False}

    def report(self, study: str | None) -> tuple[str, IO[bytes]]:
        if study == "1.2.9":
            raise UsageError("nothing is known of an exam 1.2.9")
        self.made.append(io.BytesIO(b"zip" * 50_000))
        return ("echonode-exam-1.zip" if study else "echonode-node-1.zip"), self.made[-1]


def opened(serve: Serve) -> tuple[Browser, FakeSystem]:
    api = FakeSystem()
    return serve(system_routes(api)), api


def test_a_preflight_begins_and_is_asked_for(serve: Serve) -> None:
    """202: it goes on in the background."""
    browser, _ = opened(serve)
    assert post(browser, "/api/preflight/start", {})[0] == 202
    assert post(browser, "/api/preflight/start", {"peer": "nobody"})[0] == 404
    assert post(browser, "/api/preflight/start", {"peers": []})[0] == 400
    assert browser.ask("/api/preflight").json()["running"] is False
    assert browser.ask("/api/system").json() == {"version": "1"}


def test_a_report_is_a_file_and_is_closed(serve: Serve) -> None:
    """With a name of ours, never one that a caller gave."""
    browser, api = opened(serve)
    answer = browser.ask("/api/report?study=1.2.3")
    assert (answer.status, len(answer.body)) == (200, 150_000)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="echonode-exam-1.zip"'
    assert (
        'filename="echonode-node-1.zip"'
        in (browser.ask("/api/report").headers["content-disposition"])
    )
    assert all(file.closed for file in api.made)


def test_a_report_of_nothing_is_an_error_in_words(serve: Serve) -> None:
    """And what is no UID is refused before anything is read."""
    browser, api = opened(serve)
    assert browser.ask("/api/report?study=1.2.9").status == 404
    answer = browser.ask("/api/report?study=..%2Fetc")
    assert (answer.status, answer.json()["field"]) == (400, "study")
    assert api.made == []
