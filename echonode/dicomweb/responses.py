"""Answers made of parts: one part with its ranges, or several (RFC 9110, PS3.18 8.6.1.2).

Rules
- An entity tag is strong: it follows from the hash of what is stored and from how it is answered.
- A caller may keep an answer and asks each time whether it is still valid: what is deleted here, or
  renamed, is not shown from a cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from echonode.dicomweb.byte_range import has_it, read_range
from echonode.dicomweb.content_coding import GZIP, gzipped, takes_gzip
from echonode.dicomweb.multipart import end, part_head
from echonode.dicomweb.streaming import (
    PIECE,
    FileThreads,
    Part,
    headers_of,
    multipart_size,
)
from echonode.model.frame_index import Extent
from echonode.web.encoding import from_own_thread
from echonode.web.file_answers import Body, FileAnswer, takes_file_pieces

# Bytes of an answer that is made whole: a frame of a large image.
SHORT: Final = 4 * 1024 * 1024
_REVALIDATED: Final = {"Cache-Control": "private, no-cache"}


def entity_tag(*parts: object) -> str:
    """With its quotation marks."""
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
    return f'"{digest[:32]}"'


def not_modified(request: Request, etag: str) -> Response | None:
    """304 where the caller has that answer already."""
    if not has_it(request.headers.get("if-none-match"), etag):
        return None
    return Response(status_code=304, headers={"ETag": etag, **_REVALIDATED})


async def one_part(
    request: Request, threads: FileThreads, part: Part, etag: str, *, name: str = ""
) -> Response:
    """A part by itself, or a range of it. name: of a file to keep it in. Raises Refused 416."""
    headers = {"ETag": etag, "Accept-Ranges": "bytes", **_REVALIDATED}
    if name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    size, status = part.size, 200
    if_range = request.headers.get("if-range")
    wanted = request.headers.get("range") if if_range in (None, etag) else None
    if asked := read_range(wanted, size):
        first, length = asked
        head, after = part.head[first : first + length], max(0, first - len(part.head))
        part = Part(
            path=part.path,
            instance=part.instance,
            cipher=part.cipher,
            extents=_within(part.extents, after, length - len(head)),
            content_type=part.content_type,
            head=head,
        )
        headers["Content-Range"] = f"bytes {first}-{first + length - 1}/{size}"
        size, status = length, 206
    if size <= PIECE and request.method != "HEAD":
        content = part.head + b"".join(await threads.run(part.read))
        return Response(content, status, headers, media_type=part.content_type)
    headers["Content-Length"] = str(size)
    body = threads.body(part, named=takes_file_pieces(request.scope))
    return _streamed(request, body, status, headers, part.content_type)


def short_part(request: Request, part: Part, etag: str) -> Response | None:
    """The answer of `one_part` at once, where it is short and whole; it reads the file. None else.

    One turn of a thread less: a viewer asks for a cine frame by frame.
    """
    if request.method == "HEAD" or "range" in request.headers or part.size > SHORT:
        return None
    headers = {"ETag": etag, "Accept-Ranges": "bytes", **_REVALIDATED}
    content = part.head + b"".join(part.read())
    return Response(content, headers=headers, media_type=part.content_type)


def several_parts(
    request: Request,
    threads: FileThreads,
    parts: Sequence[Part],
    *,
    etag: str,
    media_type: str,
    headers: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    """multipart/related of `parts`; the boundary follows from the entity tag."""
    boundary = boundary_of(etag)
    sent = {
        "ETag": etag,
        "Content-Length": str(multipart_size(boundary, parts)),
        **_REVALIDATED,
        **(headers or {}),
    }
    kind = multipart_type(media_type, boundary)
    body = threads.multipart(boundary, parts, named=takes_file_pieces(request.scope))
    return _streamed(request, body, status, sent, kind)


def short_answer(
    request: Request, parts: Sequence[Part], etag: str, media_type: str
) -> Response | None:
    """The answer of `several_parts` at once, where it is short; it reads the files. None else."""
    if request.method == "HEAD" or sum(part.size for part in parts) > SHORT:
        return None
    boundary = boundary_of(etag)
    pieces: list[bytes] = []
    for index, part in enumerate(parts):
        pieces.append(part_head(boundary, headers_of(part), first=index == 0) + part.head)
        pieces += part.read()
    pieces.append(end(boundary, first=not parts))
    return Response(
        b"".join(pieces),
        headers={"ETag": etag, **_REVALIDATED},
        media_type=multipart_type(media_type, boundary),
    )


def boundary_of(etag: str) -> str:
    """A boundary that is in no file but by a chance of one in 2**128."""
    return hashlib.sha256(f"boundary {etag}".encode()).hexdigest()[:32]


def multipart_type(media_type: str, boundary: str) -> str:
    """The Content-Type of such an answer."""
    return f'multipart/related; type="{media_type}"; boundary={boundary}'


def compresses(request: Request) -> bool:
    """Whether `from_thread` answers this caller in gzip."""
    return takes_gzip(request.headers.get("accept-encoding", ""))


async def from_thread(
    request: Request,
    chunks: Generator[bytes, None, None],
    *,
    media_type: str,
    headers: Mapping[str, str],
) -> Response:
    """What a generator makes, which is iterated in a thread; a short answer has its length.

    Compressed where the caller takes that. Raises what it raises before its second chunk.
    """
    headers = {**headers, "Vary": "Accept-Encoding"}
    if compresses(request):
        headers["Content-Encoding"] = GZIP
        chunks = gzipped(chunks)
    stream = from_own_thread(chunks)
    if request.method == "HEAD":
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator
        return Response(headers=headers, media_type=media_type)
    begun = [chunk async for chunk in _first(stream, 2)]
    if len(begun) < 2:
        return Response(b"".join(begun), headers=headers, media_type=media_type)
    return StreamingResponse(_continued(begun, stream), headers=headers, media_type=media_type)


async def _first(stream: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        chunk = await anext(stream, None)
        if chunk is None:
            return
        yield chunk


async def _continued(begun: Sequence[bytes], stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        for chunk in begun:
            yield chunk
        async for chunk in stream:
            yield chunk
    finally:
        await stream.aclose()  # type: ignore[attr-defined]  # an async generator


def _streamed(
    request: Request,
    body: Body,
    status: int,
    headers: Mapping[str, str],
    media_type: str,
) -> Response:
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    return FileAnswer(body, status, headers, media_type)


def _within(extents: Sequence[Extent], first: int, length: int) -> list[Extent]:
    """`length` bytes from `first` on, of those that lie in the extents one after the other."""
    found: list[Extent] = []
    for extent in extents:
        if length and first < extent.length:
            taken = min(length, extent.length - first)
            found.append(Extent(extent.offset + first, taken))
            length -= taken
        first = max(0, first - extent.length)
    return found
