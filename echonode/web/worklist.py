"""What a person asks of the RIS: a search on its worklist, and a refresh that does not wait.

POST, because a patient's name in a path or query would stand in histories and logs of proxies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.web.local_requests import Fields, answer, only, text

Json = Mapping[str, Any]


class WorklistApi(Protocol):
    """What the routes need; node/ gives it. Each raises UsageError where no RIS is configured."""

    def search(self, *, patient_id: str, patient_name: str, accession_number: str) -> Json:
        """{items}: what the RIS has. Raises NetworkError."""

    def refresh(self) -> Json:
        """Ask the RIS now; the list's standing afterwards: {age_s, problem, missing}."""


def worklist_routes(api: WorklistApi) -> list[BaseRoute]:
    """/api/worklist/search and /api/worklist/refresh."""

    def searched(fields: Fields) -> Json:
        only(fields, "patient_id", "patient_name", "accession_number")
        return api.search(
            patient_id=text(fields, "patient_id"),
            patient_name=text(fields, "patient_name"),
            accession_number=text(fields, "accession_number"),
        )

    def refreshed(fields: Fields) -> Json:
        only(fields)
        return api.refresh()

    async def search(request: Request) -> Response:
        return await answer(request, searched)

    async def refresh(request: Request) -> Response:
        return await answer(request, refreshed)

    return [
        Route("/api/worklist/search", search, methods=["POST"]),
        Route("/api/worklist/refresh", refresh, methods=["POST"]),
    ]
