"""The server starts or says why, answers while the rest works, and stops when asked."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from echonode.web.server import WebServer
from tests.unit.web.conftest import Serve


async def hello(_request: Request) -> Response:
    return PlainTextResponse("hello")


@pytest.fixture
def left_behind() -> Callable[[], set[threading.Thread]]:
    """The threads that have come since the test began."""
    before = set(threading.enumerate())
    return lambda: set(threading.enumerate()) - before


def server(port: int = 0) -> WebServer:
    return WebServer(host="127.0.0.1", port=port, routes=[Route("/", hello)])


def test_port_0_becomes_a_real_port_that_answers_at_once(serve: Serve) -> None:
    """When start returns, the address is known and a request is answered."""
    browser = serve([Route("/", hello)])
    host, port = browser.server.address
    assert host == "127.0.0.1"
    assert port > 0
    assert browser.ask("/").body == b"hello"


def test_a_port_that_is_taken_is_named_at_once(
    left_behind: Callable[[], set[threading.Thread]],
) -> None:
    """The operator reads which address another program holds; no thread is left behind."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=f"web 127.0.0.1:{port}"):
            server(port).start()
    assert not left_behind()


def test_after_stop_nobody_listens_and_no_thread_is_left(
    left_behind: Callable[[], set[threading.Thread]],
) -> None:
    """A stopped console frees its port: the next start can take it."""
    first = server()
    first.start()
    host, port = first.address
    first.stop(deadline_s=5)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, port), timeout=2)
    assert not left_behind()
    second = server(port)
    second.start()
    second.stop(deadline_s=5)


@pytest.mark.slow
def test_stop_keeps_its_deadline_with_an_endless_answer_open(
    left_behind: Callable[[], set[threading.Thread]],
) -> None:
    """A live picture that a browser is watching does not hold the node up."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"frame"
            await asyncio.sleep(0.01)

    async def live(_request: Request) -> Response:
        return StreamingResponse(endless())

    streaming = WebServer(host="127.0.0.1", port=0, routes=[Route("/live", live)])
    streaming.start()
    connection = http.client.HTTPConnection(*streaming.address, timeout=10)
    connection.request("GET", "/live")
    assert connection.getresponse().read(5) == b"frame"
    began = time.monotonic()
    streaming.stop(deadline_s=2.9)  # after 1 s uvicorn breaks off what is still going out
    assert time.monotonic() - began < 10
    assert not left_behind()
    connection.close()


def test_stop_before_start_and_stop_twice_do_nothing() -> None:
    """A node whose start failed half-way stops everything alike."""
    never = server()
    never.stop(deadline_s=1)
    once = server()
    once.start()
    once.stop(deadline_s=5)
    once.stop(deadline_s=5)
