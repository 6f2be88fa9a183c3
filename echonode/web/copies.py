"""Copies that a person takes along, over HTTP: a study as a medium, or in a format, in a ZIP file.

Rules
- The file is made while it is sent: nothing of it is stored here; a browser that leaves ends it.
- Few are made at once, each in its own thread's time: they read whole studies and decode frames.
- Its name is the study's UID: no patient's name in a folder of downloads.
- A copy without the patient has a name of its own, which says nothing of the study.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused, OperatorRefused, UsageError
from echonode.model.identity import is_valid_uid
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, only

Json = Mapping[str, Any]

# Each decodes frames in the processes that deliveries and viewers use as well.
COPIES_AT_ONCE = 2
MEDIUM_TYPE, ZIP_TYPE = "application/dicom+zip", "application/zip"  # PS3.18; RFC 6713's registry
_LONGEST_NAME = 64
_NONE = b""


@dataclass(frozen=True, kw_only=True)
class CopyZip:
    """Copies that can be made. name: of the file, without its ending. images: how many objects they
    are of. chunks: makes them.
    """

    name: str
    images: int
    chunks: Iterator[bytes]


class CopiesApi(Protocol):
    """What the routes call; each raises StoreError."""

    def medium(self, study_instance_uid: str, *, anonymise: str) -> CopyZip:
        """Raises UsageError for a study that is not here or an unknown profile, OperatorRefused."""

    def copies(self, study_instance_uid: str, format_: str, *, anonymise: str) -> CopyZip:
        """In a format. Raises as `medium`; UsageError for an unknown format, too."""

    def overview(self, study_instance_uid: str) -> Json:
        """{formats, profiles, research_profile, images}. Raises UsageError."""

    def accept_look(self, sop_instance_uid: str, *, by: str) -> Json:
        """{sop_instance_uid, looked_at, looked_by}. Raises UsageError."""


def copy_routes(api: CopiesApi) -> list[BaseRoute]:
    """/api/studies/UID/media, /api/studies/UID/copies and below, /api/instances/UID/look.

    They stand before the operator's routes, whose POST /api/instances/UID/ACTION takes any word.
    """
    threads = CapacityLimiter(COPIES_AT_ONCE)
    under_way: set[object] = set()

    def streamed(request: Request, make: Callable[[str], CopyZip], media_type: str) -> Response:
        uid = _study(request)
        if len(under_way) >= COPIES_AT_ONCE:
            raise OperatorRefused(
                f"{COPIES_AT_ONCE} exports are being made already: try again once one has ended"
            )
        copies = make(uid)
        return StreamingResponse(
            _streamed(copies.chunks, threads, under_way),
            media_type=media_type,
            headers={
                "Content-Disposition": f'attachment; filename="{copies.name}.zip"',
                "Cache-Control": "no-store",
                "X-Images": str(copies.images),
            },
        )

    async def media(request: Request) -> Response:
        def made(uid: str) -> CopyZip:
            return api.medium(uid, anonymise=_profile(request))

        return await answer(request, lambda _: streamed(request, made, MEDIUM_TYPE))

    async def overview(request: Request) -> Response:
        return await answer(request, lambda _: api.overview(_study(request)))

    async def copies(request: Request) -> Response:
        def made(uid: str) -> CopyZip:
            format_ = str(request.path_params["format"])[:_LONGEST_NAME]
            return api.copies(uid, format_, anonymise=_profile(request))

        return await answer(request, lambda _: streamed(request, made, ZIP_TYPE), threads=threads)

    async def look(request: Request) -> Response:
        return await answer(request, lambda fields: _look(api, request, fields))

    return [
        Route("/api/studies/{uid}/media", media, methods=["GET"]),
        Route("/api/studies/{uid}/copies", overview, methods=["GET"]),
        Route("/api/studies/{uid}/copies/{format}", copies, methods=["GET"]),
        Route("/api/instances/{uid}/look", look, methods=["POST"]),
    ]


def _study(request: Request) -> str:
    uid = str(request.path_params["uid"])
    if not is_valid_uid(uid):
        raise UsageError("there is no such study")
    return uid


def _look(api: CopiesApi, request: Request, fields: Fields) -> Json:
    only(fields)
    caller = caller_of(request.scope)
    uid = str(request.path_params["uid"])
    if not is_valid_uid(uid):
        raise UsageError("there is no such image here")
    return api.accept_look(uid, by=caller.name if caller else "")


def _profile(request: Request) -> str:
    """The profile asked for; '' for none. Raises FieldRefused."""
    name = request.query_params.get("anonymise", "")
    if len(name) > _LONGEST_NAME:
        raise FieldRefused("anonymise", "is no profile", "give `basic` or one of the configuration")
    return name


async def _streamed(
    chunks: Iterator[bytes], threads: CapacityLimiter, under_way: set[object]
) -> AsyncIterator[bytes]:
    """Piece by piece, as fast as the browser takes them."""
    under_way.add(chunks)
    try:
        while piece := await to_thread.run_sync(next, chunks, _NONE, limiter=threads):
            yield piece
    finally:
        under_way.discard(chunks)
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
