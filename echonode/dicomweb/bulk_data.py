"""Values that the metadata names by BulkDataURI (PS3.18 10.4.1.1.5).

Rules
- The address ends with the value's place in the data set; the value is found by reading the header
  again, and goes out as bytes in little endian.
- Pixel Data is its frames: native ones as one value, encapsulated ones in a part each. Big endian
  and deflated ones are made native, as everywhere in DICOMweb.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
)
from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.accept import MediaRange, accepted
from echonode.dicomweb.addresses import selection
from echonode.dicomweb.answers import OCTET_STREAM, Refused
from echonode.dicomweb.dataset_json import MOST_NESTED, Place
from echonode.dicomweb.description import bulk_value, value_bytes
from echonode.dicomweb.frames import one_described
from echonode.dicomweb.json_values import in_little_endian
from echonode.dicomweb.multipart import end, part_head
from echonode.dicomweb.recoded_frames import RecodedFrames, stored_frames
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
from echonode.dicomweb.transfer_syntaxes import media_type_of_syntax
from echonode.model.frame_index import Extent
from echonode.model.instance import StoredInstance
from echonode.store.index.descriptions import Described, Descriptions
from echonode.transcoding.dataset import NATIVE, ONLY_READ

_PLACE = re.compile(r"[0-9A-Fa-f]{8}(/\d{1,6}/[0-9A-Fa-f]{8})*", re.ASCII)
_PIXEL_DATA: Place = (0x7FE00010,)
_LONGEST_IN_MEMORY = 64 * 1024 * 1024


def bulk_data_handler(
    descriptions: Descriptions, threads: FileThreads, reader: RecodedFrames
) -> Handler:
    """Answers a value."""

    async def bulk_data(request: Request) -> Response:
        named, place = selection(request), _place(request.path_params["place"])
        ranges = accepted(request.headers.get("accept", ""), request.query_params.get("accept", ""))
        described = await threads.run(lambda: one_described(descriptions, named))
        instance = described.instance
        etag = entity_tag("bulk", instance.dataset_sha256, place)
        if (unchanged := not_modified(request, etag)) is not None:
            return unchanged
        if place == _PIXEL_DATA and instance.transfer_syntax_uid in ONLY_READ:
            return await _made_native(request, ranges, reader, described, etag)
        if place == _PIXEL_DATA:
            parts, kind = await threads.run(lambda: _frames(described))
        else:
            found = await threads.run(lambda: _value(instance, place))
            if isinstance(found, bytes):
                return Response(found, headers={"ETag": etag}, media_type=OCTET_STREAM)
            parts, kind = [found], OCTET_STREAM
        for each in ranges:
            if not each.takes(kind) and not each.takes(OCTET_STREAM):
                continue
            if len(parts) > 1 or each.is_multipart:
                return several_parts(request, threads, parts, etag=etag, media_type=kind)
            return await one_part(request, threads, parts[0], etag)
        raise Refused(406, f"the value is answered as {kind}")

    return bulk_data


async def _made_native(
    request: Request,
    ranges: Iterable[MediaRange],
    reader: RecodedFrames,
    described: Described,
    etag: str,
) -> Response:
    asked = next((each for each in ranges if each.takes(OCTET_STREAM)), None)
    if asked is None:
        raise Refused(406, f"the value is answered as {OCTET_STREAM}")
    boundary = boundary_of(etag) if asked.is_multipart else ""
    return await from_thread(
        request,
        _native_frames(reader, described, boundary),
        media_type=multipart_type(OCTET_STREAM, boundary) if boundary else OCTET_STREAM,
        headers={"ETag": etag, "Cache-Control": "private, no-cache"},
    )


def _native_frames(
    reader: RecodedFrames, described: Described, boundary: str
) -> Generator[bytes, None, None]:
    kind = f"{OCTET_STREAM}; transfer-syntax={ExplicitVRLittleEndian}"
    if boundary:
        yield part_head(boundary, {"Content-Type": kind}, first=True)
    yield from reader.uncompressed(described)
    if boundary:
        yield end(boundary, first=False)


def _place(text: str) -> Place:
    if len(text) > 16 * MOST_NESTED or not _PLACE.fullmatch(text):
        raise Refused(404, "there is no such value", remedy="use a BulkDataURI of the metadata")
    parts = text.split("/")
    return tuple(int(part, 10 if index % 2 else 16) for index, part in enumerate(parts))


def _frames(described: Described) -> tuple[list[Part], str]:
    frames = stored_frames(described)
    instance, count = frames.instance, frames.index.count
    syntax = instance.transfer_syntax_uid
    kind = media_type_of_syntax(syntax)
    extents = frames.extents(range(1, count + 1)) if count else []
    if syntax in NATIVE or kind == OCTET_STREAM:
        whole = Extent(extents[0][0].offset, sum(each.length for (each,) in extents))
        extents = [(whole,)]
    content_type = f"{kind}; transfer-syntax={syntax}"
    return [
        Part(path=instance.path, instance=instance, extents=each, content_type=content_type)
        for each in extents
    ], kind


def _value(instance: StoredInstance, place: Place) -> Part | bytes:
    found = bulk_value(instance, place)
    if found is None:
        raise Refused(404, "there is no such value", remedy="use a BulkDataURI of the metadata")
    vr, position, length = found
    syntax = instance.transfer_syntax_uid
    if syntax in (DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian):
        if length > _LONGEST_IN_MEMORY:
            raise Refused(406, "a value of that length is not converted")
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        return in_little_endian(vr, value_bytes(instance, position, length), order=order)
    return Part(
        path=instance.path,
        instance=instance,
        extents=[Extent(instance.dataset_offset + position, length)],
        content_type=OCTET_STREAM,
    )
