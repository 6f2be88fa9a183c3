"""What a person asks of the RIS, and enters where there is none.

A search on the RIS's worklist, and a refresh that does not wait: POST, because a patient's name in
a path or query would stand in histories and logs of proxies. An item of our own worklist is entered
and taken back.

Rules
- A search is answered as a whole, or with `Accept: application/x-ndjson` as it comes: a line for
  each item, {"item": {...}}, then one that says how it ended.
- How it ended: `more`, the list was cut, and a person types more of the name; `missing`, answers
  that could not be read; `error` of a stream, why it broke off ('').
"""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.access.callers import UNKNOWN
from echonode.errors import FieldRefused, NetworkError, StoreError
from echonode.web.admission import caller_of
from echonode.web.encoding import json_lines
from echonode.web.json_requests import Fields, answer, only, text

Json = Mapping[str, Any]
JSON_LINES = "application/x-ndjson"


class WorklistApi(Protocol):
    """What the routes need; node/ gives it.

    `search` and `refresh` raise UsageError where no RIS is configured.
    """

    def search(
        self, *, patient_id: str, patient_name: str, accession_number: str
    ) -> Iterator[Json]:
        """{item} of each that the RIS has, then {more, missing}. Raises NetworkError, StoreError.

        Closing it cancels the query.
        """

    def refresh(self) -> Json:
        """Ask the RIS now; the list's standing afterwards: {age_s, problem, missing}."""

    def enter(self, patient: Json, order: Json, *, by: str) -> Json:
        """A new item of our own worklist. by: the user. Raises FieldRefused, StoreError."""

    def take_back(self, item_id: str, *, by: str) -> None:
        """What a person entered. Raises UsageError, OperatorRefused, StoreError."""


def worklist_routes(api: WorklistApi) -> list[BaseRoute]:
    """/api/worklist/search and /refresh; POST /api/worklist, DELETE /api/worklist/ITEM."""

    def searched(fields: Fields) -> Iterator[Json]:
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
        streamed = JSON_LINES in request.headers.get("accept", "")

        def work(fields: Fields) -> object:
            found = searched(fields)
            if not streamed:
                return _whole(found)
            first = next(found)  # what is wrong from the beginning has its own status
            return StreamingResponse(
                json_lines(lambda: _until_it_breaks(first, found)),
                media_type=JSON_LINES,
                headers={"X-Accel-Buffering": "no"},
            )

        return await answer(request, work)

    async def refresh(request: Request) -> Response:
        return await answer(request, refreshed)

    return [
        Route("/api/worklist/search", search, methods=["POST"]),
        Route("/api/worklist/refresh", refresh, methods=["POST"]),
        *_entry_routes(api),
    ]


def _entry_routes(api: WorklistApi) -> list[BaseRoute]:
    """What a person enters into our own worklist, and takes back."""

    async def enter(request: Request) -> Response:
        def work(fields: Fields) -> Json:
            patient = fields.get("patient")
            if not isinstance(patient, dict):
                raise FieldRefused("patient", "is missing", "give {id, name, birth_date, sex}")
            order = {name: fields[name] for name in fields if name != "patient"}
            return api.enter(patient, order, by=_user(request))

        return await answer(request, work, status=201)

    async def take_back(request: Request) -> Response:
        def work(fields: Fields) -> Json:
            only(fields)
            api.take_back(str(request.path_params["item"])[:64], by=_user(request))
            return {}

        return await answer(request, work)

    return [
        Route("/api/worklist", enter, methods=["POST"]),
        Route("/api/worklist/{item}", take_back, methods=["DELETE"]),
    ]


def _user(request: Request) -> str:
    return (caller_of(request.scope) or UNKNOWN).name or "unknown"


def _whole(found: Iterator[Json]) -> Json:
    """All items as one list, and how the search ended."""
    items: list[Any] = []
    for each in found:
        if "item" not in each:
            return {"items": items, **each}
        items.append(each["item"])
    return {"items": items, "more": True, "missing": 0}


def _until_it_breaks(first: Json, found: Iterator[Json]) -> Generator[Json, None, None]:
    """The rest of a search; what breaks it off is its last line."""
    try:
        for each in itertools.chain((first,), found):
            yield each if "item" in each else {**each, "error": ""}
    except (NetworkError, StoreError) as error:
        yield {"more": True, "missing": 0, "error": str(error)}
    finally:
        if isinstance(found, Generator):
            found.close()
