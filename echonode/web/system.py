"""The system over HTTP: what the node consists of and how it is, the preflight, and reports.

No patient data and no secrets: names, addresses, counts, states.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import IO, Any, Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused
from echonode.model.identity import is_valid_uid
from echonode.web.json_requests import Fields, answer, only, text

Json = Mapping[str, Any]

_CHUNK_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9._-]+")


class SystemApi(Protocol):
    """What the routes need; node/ gives it. Each raises StoreError."""

    def system(self) -> Json:
        """Probes, archives, RIS, disk, alarms, versions and a summary of the configuration."""

    def start_preflight(self, peer: str | None) -> Json:
        """As `preflight`. Raises UsageError for an unknown peer."""

    def preflight(self) -> Json:
        """The preflight that runs, or the last one (preflight/runs.py)."""

    def report(self, study: str | None) -> tuple[str, IO[bytes]]:
        """A bundle's file name, and its bytes from the start. Raises UsageError."""


def system_routes(api: SystemApi) -> list[BaseRoute]:
    """/api/system, /api/preflight (GET), /api/preflight/start and /api/report."""

    async def system(request: Request) -> Response:
        return await answer(request, lambda _: api.system())

    async def preflight(request: Request) -> Response:
        return await answer(request, lambda _: api.preflight())

    async def start(request: Request) -> Response:
        def started(fields: Fields) -> Json:
            only(fields, "peer")
            return api.start_preflight(text(fields, "peer") or None)

        return await answer(request, started, status=202)

    async def report(request: Request) -> Response:
        made: list[tuple[str, IO[bytes]]] = []

        def make(_: Fields) -> Json:
            study = request.query_params.get("study")
            if study is not None and not is_valid_uid(study):
                raise FieldRefused("study", "is no UID", "give a Study Instance UID")
            made.append(api.report(study))
            return {}

        said = await answer(request, make)
        return _download(*made[0]) if made and said.status_code == 200 else said

    return [
        Route("/api/system", system, methods=["GET"]),
        Route("/api/preflight", preflight, methods=["GET"]),
        Route("/api/preflight/start", start, methods=["POST"]),
        Route("/api/report", report, methods=["GET"]),
    ]


def _download(name: str, file: IO[bytes]) -> Response:
    assert _NAME.fullmatch(name), "a file name goes into a header as it is"
    return StreamingResponse(
        _pieces(file),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_CHUNK_BYTES):
            yield piece
