"""The routes of log-in and session: their cookies, their fields, and the limit of log-ins."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any

import pytest

from echonode.access.callers import Caller
from echonode.errors import LoginRefused, TriedTooOften
from echonode.web.sessions import preferred_language, session_routes
from tests.support.waiting import wait_until
from tests.unit.web.conftest import Serve


class Sessions:
    """Takes one password."""

    lasts_s = 43_200

    def __init__(self) -> None:
        self.done: list[tuple[str, Any]] = []
        self.hold = threading.Event()
        self.hold.set()

    def standing(self, caller: Caller, secret: str) -> dict[str, object]:
        return {"user": caller.name, "secret": bool(secret)}

    def set_up(self, **fields: str) -> str:
        self.done.append(("set_up", fields))
        return "secret"

    def log_in(self, *, name: str, password: str, address: str) -> str:
        self.hold.wait(20)
        if password == "often":
            raise TriedTooOften(12.3)
        if password != "right":
            raise LoginRefused("the name or the password is wrong", "try again")
        return "secret"

    def log_out(self, caller: Caller, *, address: str) -> None:
        self.done.append(("log_out", caller.name))

    def lock(self, caller: Caller) -> None:
        self.done.append(("lock", caller.name))

    def unlock(self, caller: Caller, **fields: str) -> None:
        self.done.append(("unlock", fields))

    def set_pin(self, caller: Caller, *, pin: str) -> None:
        self.done.append(("pin", pin))

    def set_password(self, caller: Caller, **fields: str) -> None:
        self.done.append(("password", fields))


Answer = tuple[int, dict[str, str], Any]


def post(address: tuple[str, int], path: str, **fields: object) -> Answer:
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        connection.request("POST", path, json.dumps(fields))
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, json.loads(answer.read())
    finally:
        connection.close()


def test_a_session_is_a_cookie_that_no_script_reads(serve: Serve) -> None:
    """HttpOnly and SameSite=Strict; its secret is nowhere else in the answer."""
    address = serve(session_routes(Sessions())).server.address
    status, headers, body = post(address, "/api/login", name="ada", password="right")
    assert (status, body) == (200, {})
    cookie = headers["set-cookie"]
    assert cookie.startswith("echonode_session=secret; ")
    for part in ("HttpOnly", "Max-Age=43200", "Path=/", "SameSite=strict"):
        assert part in cookie
    assert "Secure" not in cookie, "a browser would not send it back without TLS"


def test_log_out_takes_the_cookie_back(serve: Serve) -> None:
    """The browser forgets it at once."""
    address = serve(session_routes(Sessions())).server.address
    assert "Max-Age=0" in post(address, "/api/logout")[1]["set-cookie"]


def test_refusals_are_in_words(serve: Serve) -> None:
    """401 with what to do; 429 with when."""
    address = serve(session_routes(Sessions())).server.address
    status, headers, body = post(address, "/api/login", name="ada", password="wrong")
    assert (status, body["remedy"]) == (401, "try again")
    assert "set-cookie" not in headers
    status, headers, body = post(address, "/api/login", name="ada", password="often")
    assert (status, headers["retry-after"]) == (429, "13")
    assert "12 s" in body["error"]


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("/api/login", {"name": "ada"}, "password"),
        ("/api/login", {"name": 1, "password": "x"}, "name"),
        ("/api/login", {"name": "ada", "password": "x", "role": "y"}, "role"),
        ("/api/setup", {"name": "ada", "password": "x"}, "code"),
        ("/api/session/unlock", {}, "password"),
        ("/api/session/pin", {}, "pin"),
        ("/api/session/password", {"old": "x"}, "new"),
    ],
)
def test_a_field_at_fault_is_named(
    serve: Serve, path: str, fields: dict[str, object], field: str
) -> None:
    """400; nothing is done."""
    sessions = Sessions()
    status, _, body = post(serve(session_routes(sessions)).server.address, path, **fields)
    assert (status, body["field"], sessions.done) == (400, field, [])


def test_a_flood_of_log_ins_takes_no_other_routes_threads(serve: Serve) -> None:
    """One is computed at a time, the others wait; other routes answer meanwhile."""
    sessions = Sessions()
    browser = serve(session_routes(sessions))
    sessions.hold.clear()
    found: list[int] = []

    def log_in() -> None:
        found.append(post(browser.server.address, "/api/login", name="a", password="right")[0])

    # One address has 16 connections.
    callers = [threading.Thread(target=log_in) for _ in range(14)]
    for caller in callers:
        caller.start()
    assert browser.ask("/api/session").status == 200
    sessions.hold.set()
    for caller in callers:
        caller.join(20)
    wait_until(lambda: len(found) == 14)
    assert set(found) == {200}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("de, en;q=0.7, fr;q=0.6", "en"),
        ("en;q=0.1,fr;q=0.2", "fr"),
        ("de", "en"),
        ("*;q=x, fr;q=.., " * 50, "en"),
    ],
)
def test_the_language_is_the_browsers(accepted: str, language: str) -> None:
    """English where it asks for neither."""
    assert preferred_language(accepted) == language
