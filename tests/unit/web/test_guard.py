"""No other site reaches the console through a user's browser, and no answer leaks."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator

import pytest
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from echonode.web.cross_origin import SharedOrigins
from echonode.web.guard import Guard
from tests.unit.web.conftest import Serve


async def hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


def broken(_request: Request) -> Response:
    raise RuntimeError("Doe^Jane")


async def broken_half_way(_request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"["
        raise RuntimeError("half-way")

    return StreamingResponse(body())


ROUTES = [
    Route("/", hello, methods=["GET", "POST"]),
    Route("/broken", broken),
    Route("/half", broken_half_way),
]


OUR_NAMES = [
    "127.0.0.1",
    "127.0.0.1:8080",
    "10.0.0.7",
    "[::1]",
    "[::1]:8080",
    "localhost:8080",
    "LOCALHOST",
    "clinic.example",
    "clinic.example:8080",
]
STRANGERS = ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::1]evil", "::1:x"]


@pytest.mark.parametrize("host", OUR_NAMES)
def test_the_node_answers_to_addresses_and_to_its_own_names(serve: Serve, host: str) -> None:
    """However the operator writes the address, the page comes."""
    assert serve(ROUTES).ask("/", host=host).status == 200


@pytest.mark.parametrize("host", ["", *STRANGERS])
def test_the_node_does_not_answer_to_a_strangers_name(serve: Serve, host: str) -> None:
    """A site that points its own name at this machine (DNS rebinding) reads nothing."""
    answer = serve(ROUTES).ask("/", host=host)
    assert answer.status == 421
    assert b"hello" not in answer.body


def test_a_change_asked_for_by_another_site_is_refused(serve: Serve) -> None:
    """A page elsewhere cannot make the operator's browser post to the node."""
    browser = serve(ROUTES)
    ours = "{}:{}".format(*browser.server.address)
    assert browser.ask("/", method="POST", origin="https://evil.example").status == 403
    assert browser.ask("/", method="POST", origin="null").status == 403
    assert browser.ask("/", method="POST", origin=f"http://{ours}").status == 200
    assert browser.ask("/", method="POST").status == 200  # no browser: curl, a script


@pytest.mark.parametrize("path", ["/", "/missing", "/broken"])
def test_every_answer_tells_the_browser_to_trust_nothing_else(serve: Serve, path: str) -> None:
    """Pages, errors and refusals alike: no framing, guessing, caching or foreign script."""
    headers = serve(ROUTES).ask(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_an_unexpected_error_is_500_without_its_text(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong is in the log, not on the wire; the next request is answered."""
    browser = serve(ROUTES)
    answer = browser.ask("/broken")
    assert answer.status == 500
    assert b"Doe" not in answer.body
    assert "web_request_failed" in capsys.readouterr().out
    assert browser.ask("/").status == 200


def test_an_answer_that_breaks_half_way_does_not_look_whole(serve: Serve) -> None:
    """A reader of the ledger never takes a cut list for the whole one."""
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        serve(ROUTES).ask("/half")


def test_an_answer_that_varies_by_itself_varies_by_origin_too() -> None:
    """Else a cache would give one origin's answer to another."""
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("x", headers={"Vary": "Accept-Encoding"})(scope, receive, send)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    shared = SharedOrigins(["https://viewer.example"], prefix="/dicom-web")
    headers = [(b"host", b"127.0.0.1"), (b"origin", b"https://viewer.example")]
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/dicom-web/studies",
        "headers": headers,
        "query_string": b"",
    }
    asyncio.run(Guard(app, shared=shared)(scope, receive, send))
    answered = Headers(raw=sent[0]["headers"])
    assert answered["Vary"] == "Accept-Encoding, Origin"
    assert answered["Access-Control-Allow-Origin"] == "https://viewer.example"
