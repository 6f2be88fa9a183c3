"""Frames by their numbers (PS3.18 10.4.1.1.6, 8.7.3.3).

Rules
- A frame is one read at a place that is known: nothing is parsed.
- Each request has its own answer: in one part where it accepts one and asks for one frame, else
  multipart/related, in the order asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.accept import MediaRange, accepted
from echonode.dicomweb.addresses import frame_numbers, selection
from echonode.dicomweb.answers import Refused
from echonode.dicomweb.multipart import end, part_head
from echonode.dicomweb.recoded_frames import MADE, RecodedFrames, is_decoded, stored_frames
from echonode.dicomweb.responses import (
    boundary_of,
    entity_tag,
    from_thread,
    multipart_type,
    not_modified,
    one_part,
    several_parts,
    short_answer,
    short_part,
)
from echonode.dicomweb.searching import Handler
from echonode.dicomweb.streaming import FileThreads, Part
from echonode.dicomweb.transfer_syntaxes import Form, frame_form
from echonode.model.criteria import Selection
from echonode.store.index.descriptions import Described, Descriptions


def frames_handler(
    descriptions: Descriptions, threads: FileThreads, reader: RecodedFrames
) -> Handler:
    """Answers frames."""

    async def frames(request: Request) -> Response:
        asked = _Asked(
            request=request,
            named=selection(request),
            numbers=frame_numbers(request.path_params["frames"]),
            ranges=accepted(
                request.headers.get("accept", ""), request.query_params.get("accept", "")
            ),
        )
        found = await threads.run(lambda: _found(descriptions, asked))
        if isinstance(found, Response):
            return found
        if found.parts and not found.form.multipart:
            return await one_part(request, threads, found.parts[0], found.etag)
        if found.parts:
            kind = found.form.media_type
            return several_parts(request, threads, found.parts, etag=found.etag, media_type=kind)
        return await from_thread(
            request,
            _reencoded(reader, found, asked.numbers),
            media_type=_content_type(found.form, found.etag),
            headers={"ETag": found.etag, "Cache-Control": "private, no-cache"},
        )

    return frames


@dataclass(frozen=True, kw_only=True)
class _Asked:
    request: Request
    named: Selection
    numbers: Sequence[int]
    ranges: Sequence[MediaRange]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """parts: the frames as they are stored; none where they are to be re-encoded."""

    described: Described
    form: Form
    etag: str
    parts: Sequence[Part]


def _found(descriptions: Descriptions, asked: _Asked) -> _Found | Response:
    """What is answered; where it is short, the answer itself: all of it in one turn of a thread.

    Raises Refused, StoreError, OSError.
    """
    described = one_described(descriptions, asked.named)
    stored = described.instance.transfer_syntax_uid
    form = frame_form(
        asked.ranges, stored, frames=len(asked.numbers), made=MADE, decoded=is_decoded(stored)
    )
    if form is None:
        raise not_acceptable(stored)
    etag = entity_tag(
        *("frames", described.instance.dataset_sha256, form.media_type),
        *(form.transfer_syntax_uid, form.multipart, asked.numbers),
    )
    if (unchanged := not_modified(asked.request, etag)) is not None:
        return unchanged
    if not form.as_stored:
        return _Found(described=described, form=form, etag=etag, parts=())
    frames = stored_frames(described)
    parts = [
        Part(
            path=frames.instance.path,
            instance=frames.instance,
            extents=extents,
            content_type=form.content_type,
        )
        for extents in frames.extents(asked.numbers)
    ]
    if form.multipart:
        answer = short_answer(asked.request, parts, etag, form.media_type)
    else:
        answer = short_part(asked.request, parts[0], etag)
    if answer is not None:
        return answer
    return _Found(described=described, form=form, etag=etag, parts=parts)


def one_described(descriptions: Descriptions, named: Selection) -> Described:
    """The instance that a path names. Raises Refused 404, StoreError."""
    found = descriptions.one(named)
    if found is None:
        raise Refused(404, "there is no such instance here")
    return found


def not_acceptable(stored: str) -> Refused:
    """Nothing of what is accepted can be given."""
    return Refused(
        406,
        f"its frames are stored in {stored} and cannot be given in a form that is accepted",
        remedy="accept multipart/related; type=application/octet-stream; transfer-syntax=*",
    )


def _content_type(form: Form, etag: str) -> str:
    if form.multipart:
        return multipart_type(form.media_type, boundary_of(etag))
    return form.content_type


def _reencoded(
    reader: RecodedFrames, found: _Found, numbers: Sequence[int]
) -> Generator[bytes, None, None]:
    described, form = found.described, found.form
    boundary = boundary_of(found.etag)
    headers = {"Content-Type": form.content_type}
    made = reader.in_syntax(described, numbers, form.transfer_syntax_uid)
    for index, frame in enumerate(made):
        head = part_head(boundary, headers, first=index == 0) if form.multipart else b""
        yield head + frame
    if form.multipart:
        yield end(boundary, first=False)
