"""A web server that really listens, asked over a real socket."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.routing import BaseRoute

from echonode.web.server import WebServer


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
    server = WebServer(host="127.0.0.1", port=0, routes=routes, allowed_hosts=["clinic.example"])
    server.start()
    try:
        yield Browser(server)
    finally:
        server.stop(deadline_s=5)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server with the given routes; stopped after the test."""
    started = []

    def start(routes: Sequence[BaseRoute]) -> Browser:
        context = served(routes)
        browser = context.__enter__()
        started.append(context)
        return browser

    yield start
    for context in started:
        context.__exit__(None, None, None)
