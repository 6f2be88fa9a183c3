"""The audit trail over HTTP, for administrators: searched page by page, exported, verified.

Rules
- POST, because a patient's number is looked for, and it must not stand in an address.
- A page looks at a bounded number of records: what a user or a patient did stands inside them.
- One verification at a time: it reads every record.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused, OperatorRefused
from echonode.web.json_requests import Fields, answer, only, text, whole

Json = Mapping[str, Any]
LONGEST_TEXT = 64  # characters of a Patient ID or a user's name (PS3.5 6.2, LO)
_FILTERS = ("since", "until", "user", "patient", "kind")
_LINES = "application/x-ndjson"


@dataclass(frozen=True, kw_only=True)
class TrailFilter:
    """What is looked for; '' and None are any. since, until: aware."""

    since: datetime | None = None
    until: datetime | None = None
    user: str = ""
    patient: str = ""
    kind: str = ""


class TrailApi(Protocol):
    """What the routes need; node/ gives it. Each raises StoreError."""

    def kinds(self) -> list[str]:
        """The kinds of record that there are."""

    def search(self, wanted: TrailFilter, *, before: int | None) -> Json:
        """{records: [...], next, reached, looked, of}, the newest first."""

    def lines(self, wanted: TrailFilter) -> Iterator[bytes]:
        """Every record as a line of JSON, the newest first."""

    def verify(self) -> Json:
        """{records, first, last, checkpoint, erased, whole, broken}."""


def audit_routes(api: TrailApi) -> list[BaseRoute]:
    """/api/audit and below."""
    verifying = threading.Lock()

    def searched(fields: Fields) -> Json:
        only(fields, *_FILTERS, "before")
        return api.search(_filter(api, fields), before=whole(fields, "before"))

    def exported(fields: Fields) -> Response:
        only(fields, *_FILTERS)
        return StreamingResponse(
            api.lines(_filter(api, fields)),
            media_type=_LINES,
            headers={
                "Content-Disposition": 'attachment; filename="audit.jsonl"',
                "Cache-Control": "no-store",
            },
        )

    def verified(fields: Fields) -> Json:
        only(fields)
        if not verifying.acquire(blocking=False):
            raise OperatorRefused("the audit trail is being verified already: wait for its result")
        try:
            return api.verify()
        finally:
            verifying.release()

    async def search(request: Request) -> Response:
        return await answer(request, searched)

    async def export(request: Request) -> Response:
        return await answer(request, exported)

    async def verify(request: Request) -> Response:
        return await answer(request, verified)

    return [
        Route("/api/audit/search", search, methods=["POST"]),
        Route("/api/audit/export", export, methods=["POST"]),
        Route("/api/audit/verify", verify, methods=["POST"]),
    ]


def _filter(api: TrailApi, fields: Fields) -> TrailFilter:
    kind = text(fields, "kind")
    if kind and kind not in api.kinds():
        raise FieldRefused("kind", "is not a kind of record", f"give {', '.join(api.kinds())}")
    return TrailFilter(
        since=_time(fields, "since"),
        until=_time(fields, "until"),
        user=_short(fields, "user"),
        patient=_short(fields, "patient"),
        kind=kind,
    )


def _short(fields: Fields, name: str) -> str:
    value = text(fields, name)
    if len(value) > LONGEST_TEXT:
        raise FieldRefused(name, "is too long", f"give at most {LONGEST_TEXT} characters")
    return value


def _time(fields: Fields, name: str) -> datetime | None:
    value = text(fields, name)
    if not value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise FieldRefused(name, "is not a time", "give one with its zone, 2026-03-01T08:00:00Z")
    return found
