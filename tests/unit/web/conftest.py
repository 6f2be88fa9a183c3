"""A web server that really listens, asked over a real socket."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.routing import BaseRoute

from echonode.web.server import WebServer

STOP_S = 5.0


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Browser:
    """Asks one server."""

    server: WebServer

    def ask(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        """One request on a connection of its own. A keyword is a header: content_type=..."""
        connection = http.client.HTTPConnection(*self.server.address, timeout=10)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=sent)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()


Serve = Callable[[Sequence[BaseRoute]], Browser]


@contextmanager
def served(routes: Sequence[BaseRoute]) -> Iterator[Browser]:
    server = _started(routes)
    try:
        yield Browser(server)
    finally:
        server.stop(deadline_s=STOP_S)


def _started(routes: Sequence[BaseRoute]) -> WebServer:
    server = WebServer(host="127.0.0.1", port=0, routes=routes, allowed_hosts=["clinic.example"])
    server.start()
    return server


@pytest.fixture(scope="session")
def stopping() -> Iterator[ThreadPoolExecutor]:
    """Stops servers while the next tests run: uvicorn looks ten times a second whether it is to."""
    with ThreadPoolExecutor(4) as executor:
        yield executor


@pytest.fixture
def serve(stopping: ThreadPoolExecutor) -> Iterator[Serve]:
    """Start a server with the given routes; stopped after the test."""
    started = []

    def start(routes: Sequence[BaseRoute]) -> Browser:
        started.append(_started(routes))
        return Browser(started[-1])

    yield start
    for server in started:
        stopping.submit(server.stop, STOP_S)
