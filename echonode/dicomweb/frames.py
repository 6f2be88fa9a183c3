"""Frames by their numbers (PS3.18 10.4.1.1.6, 8.7.3.3).

Rules
- A frame is one read at a place that is known: nothing is parsed.
- Each request has its own answer: in one part where it accepts one and asks for one frame, else
  multipart/related, in the order asked for.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.accept import accepted
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
)
from echonode.dicomweb.searching import Handler
from echonode.dicomweb.streaming import FileThreads, Part
from echonode.dicomweb.transfer_syntaxes import Form, frame_form
from echonode.model.criteria import Selection
from echonode.store.index.descriptions import Described, Descriptions
from echonode.transcoding.dataset import ONLY_READ


def frames_handler(
    descriptions: Descriptions, threads: FileThreads, reader: RecodedFrames
) -> Handler:
    """Answers frames."""

    async def frames(request: Request) -> Response:
        named, numbers = selection(request), frame_numbers(request.path_params["frames"])
        ranges = accepted(request.headers.get("accept", ""), request.query_params.get("accept", ""))

        def prepared() -> tuple[Described, Form, list[Part]]:
            described = one_described(descriptions, named)
            stored = described.instance.transfer_syntax_uid
            form = frame_form(
                ranges, stored, frames=len(numbers), made=MADE, decoded=is_decoded(stored)
            )
            if form is None:
                raise not_acceptable(stored)
            if not form.as_stored or stored in ONLY_READ:
                return described, form, []
            places = stored_frames(described)
            parts = [
                Part(
                    path=places.instance.path,
                    extents=extents,
                    content_type=form.content_type,
                )
                for extents in places.extents(numbers)
            ]
            return described, form, parts

        described, form, parts = await threads.run(prepared)
        digest, syntax = described.instance.dataset_sha256, form.transfer_syntax_uid
        etag = entity_tag("frames", digest, form.media_type, syntax, form.multipart, numbers)
        if (unchanged := not_modified(request, etag)) is not None:
            return unchanged
        if parts and not form.multipart:
            return await one_part(request, threads, parts[0], etag)
        if parts:
            return several_parts(request, threads, parts, etag=etag, media_type=form.media_type)
        return await from_thread(
            request,
            _reencoded(reader, described, numbers, form, etag),
            media_type=_content_type(form, etag),
            headers={"ETag": etag, "Cache-Control": "private, no-cache"},
        )

    return frames


def one_described(descriptions: Descriptions, named: Selection) -> Described:
    """The instance that a path names. Raises Refused 404, StoreError."""
    rows = descriptions.with_frames(named)
    found = next(iter(rows), None)
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
    reader: RecodedFrames, described: Described, numbers: Sequence[int], form: Form, etag: str
) -> Generator[bytes, None, None]:
    boundary = boundary_of(etag)
    headers = {"Content-Type": form.content_type}
    made = reader.in_syntax(described, numbers, form.transfer_syntax_uid)
    for index, frame in enumerate(made):
        head = part_head(boundary, headers, first=index == 0) if form.multipart else b""
        yield head + frame
    if form.multipart:
        yield end(boundary, first=False)
