"""The document of all operations, and its route."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from echonode import __version__
from echonode.web.admission import COOKIE
from echonode.web.openapi import access, archive, audit, desk, exams, live, prints, reports
from echonode.web.openapi.components import SCHEMAS
from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import TEXT, reference

OPERATIONS = (
    *exams.OPERATIONS,
    *access.OPERATIONS,
    *live.OPERATIONS,
    *archive.OPERATIONS,
    *desk.OPERATIONS,
    *reports.OPERATIONS,
    *prints.OPERATIONS,
    *audit.OPERATIONS,
)
_PARAMETER = re.compile(r"\{(\w+)\}")
# OpenAPI has no word for these; docs/live.md has their messages.
WEBSOCKETS: Mapping[str, str] = MappingProxyType(
    {
        "/api/probes/{probe}/frames": "The live picture of a probe, its geometry and its state",
        "/api/watch": "The same of a watch link's probe; subprotocols echonode.watch and the token",
    }
)


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "EchoNode", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
        # Without users, on loopback, neither is needed.
        "security": [{"token": []}, {"session": []}, {}],
        "x-websockets": dict(WEBSOCKETS),
    }


def _described(operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": TEXT}
        for name in _PARAMETER.findall(operation.path)
    ] + [{"name": name, "in": "query", "schema": TEXT} for name in operation.query]
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {
            str(operation.status): {
                "description": "done",
                "content": {operation.media_type: {"schema": dict(operation.answer)}},
            },
            "default": {
                "description": "not done; nothing was changed",
                "content": {"application/json": {"schema": reference("Error")}},
            },
        },
    }
    if operation.body is not None:
        described["requestBody"] = {
            "content": {"application/json": {"schema": dict(operation.body)}}
        }
    return described


def openapi_routes() -> list[BaseRoute]:
    """GET /api/openapi.json."""
    whole = document()

    async def read(_request: Request) -> Response:
        return JSONResponse(whole)

    return [Route("/api/openapi.json", read, methods=["GET"])]
