"""Printing over HTTP: a study queued for a printer, the queue, and what a person
decides of a job.

A job is durable before the answer goes out; when it is printed, the queue says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused
from echonode.model.identity import is_valid_uid
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, only, text, whole

Json = Mapping[str, Any]

ACTIONS = ("retry", "came-out", "cancel")
_MOST_DIGITS = 15


class PrintApi(Protocol):
    """What the routes need; node/ gives it. Each raises StoreError."""

    def prints(self) -> Json:
        """{printers: [...], jobs: [...]}."""

    def print_study(self, study: str, *, printer: str, layout: str, copies: int, by: str) -> Json:
        """The job. Raises UsageError, OperatorRefused."""

    def act(self, job_id: int, action: str) -> Json:
        """The job. Raises UsageError, OperatorRefused."""


def print_routes(api: PrintApi) -> list[BaseRoute]:
    """/api/prints, and /api/studies/UID/print."""

    async def prints(request: Request) -> Response:
        return await answer(request, lambda _: api.prints())

    async def print_study(request: Request) -> Response:
        return await answer(request, lambda fields: _print(api, request, fields), status=201)

    async def act(request: Request) -> Response:
        return await answer(request, lambda fields: _act(api, request, fields))

    return [
        Route("/api/prints", prints, methods=["GET"]),
        Route("/api/prints/{job}/{action}", act, methods=["POST"]),
        Route("/api/studies/{uid}/print", print_study, methods=["POST"]),
    ]


def _print(api: PrintApi, request: Request, fields: Fields) -> Json:
    only(fields, "printer", "layout", "copies")
    uid = str(request.path_params["uid"])
    if not is_valid_uid(uid):
        raise FieldRefused("uid", "is not a UID", "give a Study Instance UID")
    copies = whole(fields, "copies")
    return api.print_study(
        uid,
        printer=text(fields, "printer", needed=True),
        layout=text(fields, "layout") or "1x1",
        copies=1 if copies is None else copies,
        by=_by(request),
    )


def _act(api: PrintApi, request: Request, fields: Fields) -> Json:
    only(fields)
    action, job = request.path_params["action"], str(request.path_params["job"])
    if action not in ACTIONS:
        raise FieldRefused("action", "is not known", "give retry, came-out or cancel")
    if not job.isdecimal() or len(job) > _MOST_DIGITS:
        raise FieldRefused("job", "is not a number", "give the id of a job of /api/prints")
    return api.act(int(job), action)


def _by(request: Request) -> str:
    """Who asks; '' where no user is known."""
    caller = caller_of(request.scope)
    return caller.name if caller else ""
