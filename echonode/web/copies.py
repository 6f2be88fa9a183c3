"""Copies that a person takes along, over HTTP: a study as a medium in one ZIP file.

Rules
- The file is made while it is sent: nothing of it is stored here; a browser that leaves ends it.
- Few are made at once, each in its own thread's time: they read whole studies and decode frames.
- Its name is the study's UID: no patient's name in a folder of downloads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.errors import OperatorRefused, UsageError
from echonode.model.identity import is_valid_uid
from echonode.web.json_requests import answer

# Each decodes frames in the processes that deliveries and viewers use as well.
MEDIA_AT_ONCE = 2
MEDIA_TYPE = "application/dicom+zip"  # PS3.18
_NONE = b""


@dataclass(frozen=True, kw_only=True)
class MediumZip:
    """A medium that can be made. images: how many objects it has. chunks: makes it."""

    images: int
    chunks: Iterator[bytes]


class CopiesApi(Protocol):
    """What the routes call."""

    def medium(self, study_instance_uid: str) -> MediumZip:
        """Raises UsageError for a study that is not here, OperatorRefused, StoreError."""


def copy_routes(api: CopiesApi) -> list[BaseRoute]:
    """/api/studies/UID/media."""
    threads = CapacityLimiter(MEDIA_AT_ONCE)
    under_way: set[object] = set()

    async def media(request: Request) -> Response:
        def found(_: object) -> Response:
            uid = str(request.path_params["uid"])
            if not is_valid_uid(uid):
                raise UsageError("there is no such study")
            if len(under_way) >= MEDIA_AT_ONCE:
                raise OperatorRefused(
                    f"{MEDIA_AT_ONCE} exports are being made already: try again once one has ended"
                )
            medium = api.medium(uid)
            return StreamingResponse(
                _streamed(medium.chunks, threads, under_way),
                media_type=MEDIA_TYPE,
                headers={
                    "Content-Disposition": f'attachment; filename="{uid}.zip"',
                    "Cache-Control": "no-store",
                    "X-Images": str(medium.images),
                },
            )

        return await answer(request, found)

    return [Route("/api/studies/{uid}/media", media, methods=["GET"])]


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
