"""The routes of QIDO-RS (PS3.18 10.6)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import closing

from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.accept import accepted, takes_any
from echonode.dicomweb.addresses import named, service_address
from echonode.dicomweb.answers import DICOM_JSON, Refused, warning
from echonode.dicomweb.responses import from_thread
from echonode.dicomweb.search import Searcher
from echonode.dicomweb.search_parameters import read_search
from echonode.dicomweb.streaming import FileThreads
from echonode.model.criteria import Level

_CHUNK = 64 * 1024
Handler = Callable[[Request], Awaitable[Response]]


def search_handler(searcher: Searcher, threads: FileThreads, level: Level) -> Handler:
    """Answers searches at one level."""

    async def search(request: Request) -> Response:
        media_type = json_type(request)
        asked = read_search(request.query_params.multi_items(), level, named(request))
        address = service_address(request)
        found = await threads.run(lambda: searcher.search(asked, address=address))
        headers = warning(found.limited) if found.limited else {}
        return await from_thread(
            request, json_chunks(found.rows), media_type=media_type, headers=headers
        )

    return search


def json_type(request: Request) -> str:
    """The type of JSON to answer with. Raises Refused 406."""
    ranges = accepted(request.headers.get("accept", ""), request.query_params.get("accept", ""))
    found = takes_any(ranges, DICOM_JSON, "application/json")
    if not found:
        raise Refused(
            406,
            "the answer is DICOM JSON; XML is not made here",
            remedy="accept application/dicom+json",
        )
    return found


def json_chunks(rows: Generator[str, None, None]) -> Generator[bytes, None, None]:
    """The array of these objects, in pieces."""
    piece: list[str] = []
    size, separator = 0, "["
    with closing(rows):
        for row in rows:
            piece.append(separator + row)
            size += len(row)
            separator = ",\n"
            if size >= _CHUNK:
                yield "".join(piece).encode()
                piece.clear()
                size = 0
        yield ("".join(piece) + ("[]" if separator == "[" else "]")).encode()
