"""A flood of half requests locks no client out, least of all one that asks for the health."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from echonode.web import connections
from tests.unit.web.conftest import Browser, Serve

HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-More: "


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Gate:
    """Routes: /slow answers when the gate is opened, / and /health/live at once."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)

    def routes(self) -> list[Route]:
        async def at_once(_request: Request) -> Response:
            return PlainTextResponse("here")

        async def slow(_request: Request) -> Response:
            self.entered.release()
            while not self.opened.is_set():
                await asyncio.sleep(0.01)
            return PlainTextResponse("done")

        async def body(request: Request) -> Response:
            return PlainTextResponse(str(len(await request.body())))

        return [
            Route("/", at_once),
            Route("/health/live", at_once),
            Route("/slow", slow),
            Route("/body", body, methods=["POST"]),
        ]


@pytest.fixture
def gate() -> Gate:
    return Gate()


def raw(
    parts: ExitStack, browser: Browser, sent: bytes, source: str = "127.0.0.1"
) -> socket.socket:
    made = socket.create_connection(browser.server.address, source_address=(source, 0))
    parts.enter_context(made)
    made.settimeout(20)
    made.sendall(sent)
    return made


def is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(65_536) == b""
    except ConnectionResetError:
        return True


def test_250_half_requests_do_not_hide_the_node(serve: Serve, gate: Gate, parts: ExitStack) -> None:
    """From the very address that asks for the health, and kept up byte by byte."""
    browser = serve(gate.routes())
    half = [raw(parts, browser, HALF) for _ in range(250)]
    assert browser.ask("/health/live").status == 200
    for connection in half[-5:]:
        connection.sendall(b"x")
    assert browser.ask("/health/live").status == 200
    assert browser.ask("/").status == 200


def test_half_requests_of_many_addresses_do_not_either(
    serve: Serve, gate: Gate, parts: ExitStack
) -> None:
    """Each within its own limit, all together beyond the whole one."""
    browser = serve(gate.routes())
    for number in range(200):
        raw(parts, browser, HALF, source=f"127.0.{number // 10}.{2 + number % 10}")
    assert browser.ask("/health/live").status == 200
    assert browser.ask("/").status == 200


def test_one_address_has_its_share(serve: Serve, gate: Gate, parts: ExitStack) -> None:
    """With all its connections being answered one more hears 503, health is answered, and another
    address is served.
    """
    browser = serve(gate.routes())
    slow = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for _ in range(connections.PER_ADDRESS):
        raw(parts, browser, slow)
        assert gate.entered.acquire(timeout=20)
    assert browser.ask("/").status == 503
    assert browser.ask("/health/live").status == 200
    other = raw(parts, browser, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", source="127.0.0.2")
    assert other.recv(15) == b"HTTP/1.1 200 OK"
    gate.opened.set()


def test_a_head_that_does_not_end_is_cut_off(
    serve: Serve, gate: Gate, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a byte comes now and then, and on a connection that was used before."""
    monkeypatch.setattr(connections, "HEADER_S", 0.3)
    browser = serve(gate.routes())
    silent = raw(parts, browser, b"")
    dripping = raw(parts, browser, HALF)
    kept = raw(parts, browser, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert kept.recv(15) == b"HTTP/1.1 200 OK"
    while not kept.recv(65_536).endswith(b"here"):
        pass
    kept.sendall(HALF)
    began = time.monotonic()
    with pytest.raises(OSError):  # noqa: PT012  the drip itself is what fails
        while time.monotonic() - began < 20:
            dripping.sendall(b"x")
            time.sleep(0.02)  # the slowness is the test's input
    assert is_closed(silent)
    assert is_closed(kept)


@pytest.mark.slow
def test_a_body_that_stops_is_cut_off_and_a_slow_one_is_not(
    serve: Serve, gate: Gate, parts: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload may take its time, as long as it goes on."""
    monkeypatch.setattr(connections, "BODY_SILENCE_S", 0.5)
    monkeypatch.setattr(connections, "HEADER_S", 0.5)
    browser = serve(gate.routes())
    head = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n"
    stopped, slow = raw(parts, browser, head + b"x"), raw(parts, browser, head)
    for _ in range(20):
        slow.sendall(b"x")
        time.sleep(0.05)  # the slowness is the test's input
    assert slow.recv(15) == b"HTTP/1.1 200 OK"
    assert is_closed(stopped)


@pytest.mark.slow
def test_a_slow_answer_is_not_cut_off(
    serve: Serve, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ours to give; the caller has said all that it has to say."""
    monkeypatch.setattr(connections, "HEADER_S", 0.1)
    browser = serve(gate.routes())
    connection = http.client.HTTPConnection(*browser.server.address, timeout=20)
    connection.request("GET", "/slow")
    assert gate.entered.acquire(timeout=20)
    opener = threading.Timer(0.5, gate.opened.set)
    opener.start()
    assert connection.getresponse().read() == b"done"
    opener.join()
    connection.close()
