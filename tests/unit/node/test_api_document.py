"""The OpenAPI document describes the routes that there are: none is missing, none is invented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Route, WebSocketRoute

from echonode.config import Config
from echonode.node import http
from echonode.node.node import Node
from echonode.web.openapi.document import document


@pytest.mark.slow
def test_each_route_is_described_and_each_description_is_a_route(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By path and method, of everything below /api."""
    found: list[Sequence[BaseRoute]] = []

    def remember(*, routes: Sequence[BaseRoute], **_: Any) -> None:
        found.append(routes)

    monkeypatch.setattr(http, "WebServer", remember)
    config = Config.model_validate(
        {"ae_title": "A", "data_dir": tmp_path / "var", "web": {"port": 1}}
    )
    node = Node(config)
    node.store.close()
    [routes] = found
    served = {
        (route.path, method.lower())
        for route in routes
        if isinstance(route, Route) and route.path.startswith("/api")
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {
        (path, method) for path, methods in document()["paths"].items() for method in methods
    }
    assert described == served
    sockets = {route.path for route in routes if isinstance(route, WebSocketRoute)}
    assert set(document()["x-websockets"]) == sockets


def test_every_reference_leads_somewhere() -> None:
    """A program that makes a client of it finds all schemas."""
    whole = document()
    names = set(whole["components"]["schemas"])
    text = str(whole)
    used = {part.split("'")[0] for part in text.split("#/components/schemas/")[1:]}
    assert used <= names
    assert whole["openapi"].startswith("3.1")
