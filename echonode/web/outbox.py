"""The outbox over HTTP: what waits at each archive and why, and hold, release and retry of many.

An action on many is answered when it is durable, with what came of each; one call does a bounded
number and says where the next goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused
from echonode.model.identity import is_valid_uid
from echonode.web.json_requests import Fields, answer, only, text, whole
from echonode.web.operator import ACTIONS

Json = Mapping[str, Any]

# A person's selection on one screen; everything of an archive has no list.
MOST_SELECTED = 200
LISTS = ("held", "waiting", "sent")
_LONGEST_NAME = 200
_LONGEST_REASON = 600


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What an action concerns: `uids`, or else all of a destination, of a study, or of both.

    reason: only what is held for it, by its key; ''. after: where an earlier call ended.
    """

    uids: Sequence[str] = ()
    destination: str | None = None
    study: str | None = None
    reason: str = ""
    after: int = 0


class OutboxApi(Protocol):
    """What the routes need; node/ gives it. Each raises StoreError."""

    def overview(self) -> Json:
        """{now, archives: [...]}."""

    def items(self, destination: str, which: str, *, after: int) -> Json:
        """{items: [...], next}. Raises UsageError for an unknown destination."""

    def act(self, action: str, selection: Selection) -> Json:
        """{done, refused, results: [...], next}. Raises UsageError for what is not known."""


def outbox_routes(api: OutboxApi) -> list[BaseRoute]:
    """/api/outbox and below."""

    async def overview(request: Request) -> Response:
        return await answer(request, lambda _: api.overview())

    async def items(request: Request) -> Response:
        name = request.path_params["destination"][:_LONGEST_NAME]
        query = request.query_params

        def listed(_: Fields) -> Json:
            which = query.get("list", LISTS[0])
            if which not in LISTS:
                raise FieldRefused("list", "is not one of them", f"give {', '.join(LISTS)}")
            return api.items(name, which, after=_number(query.get("after", "0")))

        return await answer(request, listed)

    async def act(request: Request) -> Response:
        action = request.path_params["action"]

        def acted(fields: Fields) -> Json:
            if action not in ACTIONS:
                raise FieldRefused("action", "is not known", "there is hold, release and retry")
            return api.act(action, selection_of(fields))

        return await answer(request, acted)

    return [
        Route("/api/outbox", overview, methods=["GET"]),
        Route("/api/outbox/{action}", act, methods=["POST"]),
        Route("/api/outbox/{destination}/items", items, methods=["GET"]),
    ]


def selection_of(fields: Fields) -> Selection:
    """What the body names. Raises FieldRefused where that is nothing, or two things."""
    only(fields, "uids", "destination", "study", "all", "reason", "after")
    uids = _uids(fields.get("uids"))
    destination = text(fields, "destination") or None
    study = text(fields, "study") or None
    every = fields.get("all", False)
    if not isinstance(every, bool):
        raise FieldRefused("all", "is neither true nor false", "give one of them")
    if study is not None and not is_valid_uid(study):
        raise FieldRefused("study", "is no UID", "give a Study Instance UID")
    if bool(uids) + every + (study is not None) != 1:
        raise FieldRefused("uids", "is not the only choice", "give one of: uids, study, all: true")
    if every and destination is None:
        raise FieldRefused("destination", "is missing", "`all` needs the destination's name")
    reason = text(fields, "reason")
    if reason and not every:
        raise FieldRefused("reason", "is for `all` only", "leave it out, or give all: true")
    if len(reason) > _LONGEST_REASON:
        raise FieldRefused("reason", "is too long", "give the key of a reason of GET /api/outbox")
    return Selection(
        uids=uids,
        destination=destination,
        study=study,
        reason=reason,
        after=whole(fields, "after") or 0,
    )


def _uids(value: object) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(uid, str) for uid in value):
        raise FieldRefused("uids", "is not a list of UIDs", "give SOP Instance UIDs")
    if not value or len(value) > MOST_SELECTED:
        raise FieldRefused(
            "uids", "has none, or too many", f"give 1 to {MOST_SELECTED} SOP Instance UIDs"
        )
    if not all(is_valid_uid(uid) for uid in value):
        raise FieldRefused("uids", "has what is no UID", "give SOP Instance UIDs")
    return value


def _number(value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) < 16):
        raise FieldRefused("after", "is not a number", "give `next` of the page before")
    return int(value)
