"""Patients that were seen before, offered where one is typed; and the erasure of one.

POST, because a patient's name in a path or query would stand in histories and logs of proxies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.access.callers import UNKNOWN
from echonode.errors import FieldRefused
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, only, text

LONGEST_TEXT = 64  # characters; a name and a birth date fit
Json = Mapping[str, Any]
# A name, or a Patient ID, or beginnings of them -> {patients, more}. Raises StoreError.
Search = Callable[[str], Json]


class Erase(Protocol):
    """Erases a patient by the Patient ID; maintenance/erasing.py."""

    def __call__(self, patient_id: str, /, *, by: str) -> Json:
        """Raises OperatorRefused, UsageError, StoreError."""


def patient_routes(search: Search, erase: Erase) -> list[BaseRoute]:
    """/api/patients/search and /api/patients/erase."""

    def searched(fields: Fields) -> Json:
        only(fields, "text")
        wanted = text(fields, "text", needed=True)
        if len(wanted) > LONGEST_TEXT:
            raise FieldRefused("text", "is too long", f"give at most {LONGEST_TEXT} characters")
        return search(wanted)

    async def found(request: Request) -> Response:
        return await answer(request, searched)

    async def erased(request: Request) -> Response:
        by = (caller_of(request.scope) or UNKNOWN).name or "unknown"
        return await answer(request, lambda fields: _erased(erase, fields, by))

    return [
        Route("/api/patients/search", found, methods=["POST"]),
        Route("/api/patients/erase", erased, methods=["POST"]),
    ]


def _erased(erase: Erase, fields: Fields, by: str) -> Json:
    only(fields, "patient_id")
    return erase(text(fields, "patient_id", needed=True), by=by)
