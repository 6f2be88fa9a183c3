"""An operator's requests: small, and refused in words."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

import pytest
import structlog

from echonode.errors import OperatorRefused, OutOfSpace, UsageError
from echonode.web.operator import operator_routes
from tests.unit.web.conftest import Browser, Serve

TOO_LONG = b'{"destination": "' + b"x" * 5000 + b'"}'
Asked = list[tuple[str, str, str | None]]


def opened(serve: Serve, asked: Asked | None = None, fails: Exception | None = None) -> Browser:
    def act(action: str, uid: str, destination: str | None) -> dict[str, object]:
        if fails:
            raise fails
        if asked is not None:
            asked.append((action, uid, destination))
        return {"changed": 1}

    def preflight(peer: str | None) -> dict[str, object]:
        if peer == "nobody":
            raise UsageError("there is no peer `nobody`")
        return {"ok": True, "peer": peer}

    def acknowledge(uid: str) -> dict[str, object]:
        if uid != "1.2.840.7":
            raise OperatorRefused(f"{uid} has no conflict")
        return {"acknowledged": 1}

    return serve(operator_routes(act=act, preflight=preflight, acknowledge=acknowledge))


def post(browser: Browser, path: str, body: bytes = b"") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*browser.server.address, timeout=10)
    try:
        connection.request("POST", path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_each_action_is_done_to_the_instance_named(serve: Serve) -> None:
    """hold, release, retry; to one destination where it is named."""
    asked: Asked = []
    browser = opened(serve, asked)
    assert post(browser, "/api/instances/1.2.3/hold") == (200, {"changed": 1})
    post(browser, "/api/instances/1.2.3/retry", b'{"destination": "pacs"}')
    assert asked == [("hold", "1.2.3", None), ("retry", "1.2.3", "pacs")]


def test_the_conflicts_of_a_study_are_acknowledged(serve: Serve) -> None:
    """By its UID alone; a study without one is 409, a body with a key 400."""
    browser = opened(serve)
    assert post(browser, "/api/studies/1.2.840.7/acknowledge") == (200, {"acknowledged": 1})
    assert post(browser, "/api/studies/1.2.840.8/acknowledge")[0] == 409
    assert post(browser, "/api/studies/1.2.840.7/acknowledge", b'{"x": "y"}')[0] == 400


def test_a_preflight_runs_for_all_peers_or_one(serve: Serve) -> None:
    """What the command prints is what is answered; an unknown peer is 404."""
    browser = opened(serve)
    assert post(browser, "/api/preflight") == (200, {"ok": True, "peer": None})
    assert post(browser, "/api/preflight", b'{"peer": "pacs"}')[1]["peer"] == "pacs"
    assert post(browser, "/api/preflight", b'{"peer": "nobody"}') == (
        404,
        {"error": "there is no peer `nobody`"},
    )


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b'{"destination": 1}', b'{"other": "x"}', b"[" * 4000, TOO_LONG],
)
def test_what_is_no_such_request_is_refused(serve: Serve, body: bytes) -> None:
    """400 in words; nothing is done."""
    asked: Asked = []
    status, answer = post(opened(serve, asked), "/api/instances/1.2.3/hold", body)
    assert (status, asked) == (400, [])
    assert answer["error"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(OperatorRefused("nothing to hold: pacs is committed"), 409), (OutOfSpace("full"), 503)],
)
def test_a_refusal_says_why(serve: Serve, error: Exception, status: int) -> None:
    """The command prints these words."""
    found, answer = post(opened(serve, fails=error), "/api/instances/1.2.3/hold")
    assert found == status
    assert str(error) in answer["error"]


def test_a_request_whose_body_is_cut_off_is_no_error_of_ours(serve: Serve) -> None:
    """Nothing is done, nothing is logged as an error, and the next request is answered."""
    asked: Asked = []
    browser = opened(serve, asked)
    head = (
        b"POST /api/instances/1.2.3/hold HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n"
    )
    with structlog.testing.capture_logs() as logged:
        with socket.create_connection(browser.server.address, timeout=10) as line:
            line.sendall(head + b"{")
            line.shutdown(socket.SHUT_WR)
            while line.recv(4_096):
                pass
        assert post(browser, "/api/preflight")[0] == 200
    assert [entry["event"] for entry in logged if entry["log_level"] == "error"] == []
    assert asked == []


def test_there_is_no_other_action(serve: Serve) -> None:
    """404; and a page cannot be made to do one by being opened."""
    browser = opened(serve)
    assert post(browser, "/api/instances/1.2.3/delete")[0] == 404
    assert browser.ask("/api/instances/1.2.3/hold").status == 405


def test_a_page_of_another_site_can_do_nothing(serve: Serve) -> None:
    """A browser says where a request comes from, and that is refused."""
    answer = opened(serve).ask(
        "/api/instances/1.2.3/hold", method="POST", origin="http://evil.example"
    )
    assert answer.status == 403
