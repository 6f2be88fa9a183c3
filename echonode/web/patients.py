"""Patients that were seen before, offered where one is typed.

POST, because a patient's name in a path or query would stand in histories and logs of proxies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused
from echonode.web.json_requests import Fields, answer, only, text

LONGEST_TEXT = 64  # characters; a name and a birth date fit
Json = Mapping[str, Any]
# A name, or a Patient ID, or beginnings of them -> {patients, more}. Raises StoreError.
Search = Callable[[str], Json]


def patient_routes(search: Search) -> list[BaseRoute]:
    """/api/patients/search."""

    def searched(fields: Fields) -> Json:
        only(fields, "text")
        wanted = text(fields, "text", needed=True)
        if len(wanted) > LONGEST_TEXT:
            raise FieldRefused("text", "is too long", f"give at most {LONGEST_TEXT} characters")
        return search(wanted)

    async def found(request: Request) -> Response:
        return await answer(request, searched)

    return [Route("/api/patients/search", found, methods=["POST"])]
