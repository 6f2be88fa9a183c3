"""What is kept, over HTTP: studies, images and their pictures, the files, measurements.

Rules
- Patients pass here: admission.py decides who is answered.
- A picture and a file carry a strong ETag; who has it already is answered 304 without the work. A
  browser may keep them for itself and asks each time whether they still hold.
- Few pictures are made at once, whatever is asked for: the rest waits on the event loop, where it
  costs no thread.
- A file's name is its UID: no patient's name in a folder of downloads.
- What a person types to search travels in a body: addresses stand in histories and in logs.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused, UsageError
from echonode.model.identity import is_valid_uid
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, only, text

# A frame is decoded in a process of its own and holds some of its copies meanwhile.
PICTURES_AT_ONCE = 4
# Each reads whole indexes while a person types.
SEARCHES_AT_ONCE = 2
LONGEST_QUERY_VALUE = 400
_DICOM = "application/dicom"
_MOST_DIGITS = 18  # a row of the database
_PLACE = ("from", "to", "cursor")
_KEEP = {"Cache-Control": "private, no-cache"}  # to be kept, and asked about each time
Json = Mapping[str, Any]


class Picture(Protocol):
    """A frame that was found, not yet made. tag: of the bytes that `bytes` gives."""

    @property
    def tag(self) -> str: ...

    @property
    def media_type(self) -> str: ...

    def bytes(self) -> bytes: ...


class Download(Protocol):
    """A file to be given. size: in bytes. tag: of all of them. pieces: may be called once."""

    @property
    def tag(self) -> str: ...

    @property
    def size(self) -> int: ...

    def pieces(self) -> Iterator[bytes]: ...


class ArchiveApi(Protocol):
    """What the routes call; each answers what JSON takes, unless it says otherwise.

    Raises FieldRefused, UsageError, InvalidObject, OperatorRefused, StoreError, NetworkError.
    """

    def studies(self, *, text: str, date_from: str, date_to: str, cursor: str) -> Json: ...

    def study(self, uid: str, *, row: int | None) -> Json: ...

    def instance(self, uid: str) -> Json: ...

    def picture(
        self,
        uid: str,
        *,
        frame: int,
        png: bool,
        quality: int | None,
        window: tuple[float, float] | None,
        for_srgb: bool,
    ) -> Picture: ...

    def file(self, uid: str, *, known: str) -> Download | str:
        """The checked file; its tag alone where that is among `known`."""
        ...

    def measurements(self, *, exam_id: str, uid: str) -> Sequence[Json]: ...

    def measure(
        self,
        *,
        exam_id: str,
        uid: str,
        frame: int,
        kind: str,
        points: object,
        label: str,
        by: str,
    ) -> Json: ...

    def delete_measurement(
        self, measurement_id: str, *, exam_id: str, uid: str, by: str
    ) -> Json: ...


def archive_routes(api: ArchiveApi) -> list[BaseRoute]:
    """/api/studies, /api/instances and below, and the measurements of exams.

    They stand before the operator's routes, whose POST /api/instances/UID/ACTION takes any word.
    """
    return [*_list_routes(api), *_image_routes(api), *_measurement_routes(api)]


def _list_routes(api: ArchiveApi) -> list[BaseRoute]:
    searching = asyncio.Semaphore(SEARCHES_AT_ONCE)

    async def studies(request: Request) -> Response:
        asked = {name: _asked(request, name) for name in _PLACE if name in request.query_params}
        async with searching:
            return await answer(request, lambda _: _studies(api, asked))

    async def search(request: Request) -> Response:
        async with searching:
            return await answer(request, lambda fields: _studies(api, fields))

    async def study(request: Request) -> Response:
        return await answer(request, lambda _: api.study(_uid(request), row=_whole(request, "row")))

    return [
        Route("/api/studies", studies, methods=["GET"]),
        Route("/api/studies/search", search, methods=["POST"]),
        Route("/api/studies/{uid}", study, methods=["GET"]),
    ]


def _image_routes(api: ArchiveApi) -> list[BaseRoute]:
    making = asyncio.Semaphore(PICTURES_AT_ONCE)

    async def instance(request: Request) -> Response:
        return await answer(request, lambda _: api.instance(_uid(request)))

    async def jpeg(request: Request) -> Response:
        async with making:
            return await answer(request, lambda _: _picture(api, request, png=False))

    async def png(request: Request) -> Response:
        async with making:
            return await answer(request, lambda _: _picture(api, request, png=True))

    async def file(request: Request) -> Response:
        return await answer(request, lambda _: _file(api, request))

    return [
        Route("/api/instances/{uid}", instance, methods=["GET"]),
        Route("/api/instances/{uid}/frames/{frame}.png", png, methods=["GET"]),
        Route("/api/instances/{uid}/frames/{frame}", jpeg, methods=["GET"]),
        Route("/api/instances/{uid}/file", file, methods=["GET"]),
    ]


def _measurement_routes(api: ArchiveApi) -> list[BaseRoute]:
    async def measurements(request: Request) -> Response:
        if request.method == "POST":
            return await answer(request, lambda fields: _measure(api, request, fields), status=201)
        return await answer(
            request,
            lambda _: list(api.measurements(exam_id=_exam(request), uid=_uid_or_none(request))),
        )

    async def delete(request: Request) -> Response:
        return await answer(
            request,
            lambda _: api.delete_measurement(
                str(request.path_params["measurement"])[:64],
                exam_id=_exam(request),
                uid=_uid_or_none(request),
                by=_by(request),
            ),
        )

    return [
        route
        for path in ("/api/instances/{uid}/measurements", "/api/exams/{exam}/measurements")
        for route in (
            Route(path, measurements, methods=["GET", "POST"]),
            Route(path + "/{measurement}", delete, methods=["DELETE"]),
        )
    ]


def _studies(api: ArchiveApi, fields: Fields) -> Json:
    only(fields, "text", *_PLACE)
    found = {name: fields.get(name, "") for name in ("text", *_PLACE)}
    for name, value in found.items():
        if not isinstance(value, str):
            raise FieldRefused(name, "is not text", "give a string")
    return api.studies(
        text=found["text"],
        date_from=found["from"],
        date_to=found["to"],
        cursor=found["cursor"],
    )


def _picture(api: ArchiveApi, request: Request, *, png: bool) -> Response:
    picture = api.picture(
        _uid(request),
        frame=_digits("frame", str(request.path_params["frame"])),
        png=png,
        quality=_whole(request, "quality"),
        window=_window(request),
        for_srgb=_for_srgb(request),
    )
    headers = {**_KEEP, "ETag": f'"{picture.tag}"'}
    if picture.tag in _known(request):
        return Response(status_code=304, headers=headers)
    return Response(picture.bytes(), media_type=picture.media_type, headers=headers)


def _file(api: ArchiveApi, request: Request) -> Response:
    uid = _uid(request)
    found = api.file(uid, known=_known(request))
    if isinstance(found, str):
        return Response(status_code=304, headers={**_KEEP, "ETag": f'"{found}"'})
    headers = {
        **_KEEP,
        "ETag": f'"{found.tag}"',
        "Content-Length": str(found.size),
        "Content-Disposition": f'attachment; filename="{uid}.dcm"',
    }
    return StreamingResponse(found.pieces(), media_type=_DICOM, headers=headers)


def _measure(api: ArchiveApi, request: Request, fields: Fields) -> Json:
    only(fields, "sop_instance_uid", "frame", "kind", "points", "label")
    uid = _uid_or_none(request)
    named = text(fields, "sop_instance_uid", needed=not uid)
    if uid and named not in ("", uid):
        raise FieldRefused("sop_instance_uid", "is of another image", "leave it out")
    frame = fields.get("frame", 1)
    if isinstance(frame, bool) or not isinstance(frame, int):
        raise FieldRefused("frame", "is not a whole number", "give the frame's number, from 1 on")
    return api.measure(
        exam_id=_exam(request),
        uid=uid or named,
        frame=frame,
        kind=text(fields, "kind", needed=True),
        points=fields.get("points"),
        label=text(fields, "label") if fields.get("label") != "" else "",
        by=_by(request),
    )


def _uid(request: Request) -> str:
    uid = str(request.path_params["uid"])
    if not is_valid_uid(uid):
        raise UsageError("there is nothing of that UID")
    return uid


def _uid_or_none(request: Request) -> str:
    """'' on a route of exams."""
    return _uid(request) if "uid" in request.path_params else ""


def _exam(request: Request) -> str:
    return str(request.path_params.get("exam", ""))[:64]


def _by(request: Request) -> str:
    """Who asks; '' where no user is known."""
    caller = caller_of(request.scope)
    return caller.name if caller else ""


def _asked(request: Request, name: str) -> str:
    """A value of the query; cut where it is too long to mean anything, and then refused."""
    return str(request.query_params[name])[: LONGEST_QUERY_VALUE + 1]


def _whole(request: Request, name: str) -> int | None:
    value = request.query_params.get(name)
    return None if value is None else _digits(name, value)


def _digits(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS):
        raise FieldRefused(name, "is not a whole number", "give a number from 0 on")
    return int(value)


def _window(request: Request) -> tuple[float, float] | None:
    """window_center and window_width: both or none."""
    found = []
    for name in ("window_center", "window_width"):
        value = request.query_params.get(name)
        if value is not None:
            found.append(_finite(name, value))
    if len(found) == 1:
        raise FieldRefused("window_center", "has no other half", "give window_width with it")
    return (found[0], found[1]) if found else None


def _for_srgb(request: Request) -> bool:
    """display: `srgb` for an sRGB screen by PS3.14; `p_values`, or nothing, as they are."""
    display = request.query_params.get("display", "p_values")
    if display not in ("p_values", "srgb"):
        raise FieldRefused("display", "is not known", "give p_values or srgb")
    return display == "srgb"


def _finite(name: str, value: str) -> float:
    try:
        number = float(value[:32])
    except ValueError:
        number = math.nan
    if not abs(number) < 1e9:
        raise FieldRefused(name, "is not a number", "give a number")
    return number


def _known(request: Request) -> str:
    """The tags that a browser has (RFC 9110 13.1.2), as the header gives them."""
    return request.headers.get("if-none-match", "")[:2000]
