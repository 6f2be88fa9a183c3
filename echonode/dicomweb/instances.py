"""Whole instances as files: of a study, a series, or one (PS3.18 10.4.1.1.1, 8.7.3.5).

Rules
- What is stored goes out byte for byte; its meta information is made again. Another transfer syntax
  is made for a request that names one, where that loses nothing; else it is refused (406).
- An instance whose file is gone is left out, and the answer says so: 206 and Warning (10.4.3).
- What waits for its exam's patient does not leave the node, as with C-MOVE.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from functools import partial

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from echonode.dicomweb.accept import accepted
from echonode.dicomweb.addresses import selection
from echonode.dicomweb.answers import DICOM, Refused, warning
from echonode.dicomweb.multipart import end, part_head
from echonode.dicomweb.responses import (
    boundary_of,
    entity_tag,
    multipart_type,
    not_modified,
    one_part,
    several_parts,
)
from echonode.dicomweb.searching import Handler
from echonode.dicomweb.streaming import FileThreads, Part, headers_of
from echonode.dicomweb.transfer_syntaxes import instance_syntax
from echonode.errors import ContextNotAccepted, InvalidObject
from echonode.model.criteria import Selection
from echonode.model.file_head import PREAMBLE_BYTES, has_empty_preamble
from echonode.model.frame_index import Extent
from echonode.model.identity import is_valid_uid
from echonode.model.instance import StoredInstance, open_bytes
from echonode.store.files.file_meta import encode, sent_meta
from echonode.store.index.descriptions import Descriptions
from echonode.transcoding.reencoder import Reencoder


def instances_handler(
    descriptions: Descriptions, threads: FileThreads, reencoder: Reencoder
) -> Handler:
    """Answers the files of what the path names."""

    async def instances(request: Request) -> Response:
        named = selection(request)
        header, parameter = request.headers.get("accept", ""), request.query_params.get("accept")
        form = instance_syntax(
            accepted(header, parameter or ""), single="instance" in request.path_params
        )
        if form is None or (form[0] and not is_valid_uid(form[0])):
            raise Refused(
                406,
                "instances are answered as application/dicom",
                remedy='accept multipart/related; type="application/dicom"; transfer-syntax=*',
            )
        syntax, alone = form
        found, gone = await threads.run(lambda: _found(descriptions, named))
        etag = entity_tag("instances", syntax, gone, *(each.dataset_sha256 for each in found))
        if (unchanged := not_modified(request, etag)) is not None:
            return unchanged
        headers = warning(f"{gone} instances are left out: their files are gone") if gone else {}
        as_stored = all(syntax in ("", each.transfer_syntax_uid) for each in found)
        if alone:
            return await one_instance(request, threads, reencoder, found[0], syntax, etag)
        if as_stored:
            parts = [file_part(each) for each in found]
            return several_parts(
                request,
                threads,
                parts,
                etag=etag,
                media_type=DICOM,
                headers=headers,
                status=206 if gone else 200,
            )
        if refusal := _first_refusal(reencoder, found, syntax):
            raise refusal
        boundary = boundary_of(etag)
        body = _reencoded(threads, reencoder, found, syntax, boundary)
        return StreamingResponse(
            body, headers={"ETag": etag, **headers}, media_type=multipart_type(DICOM, boundary)
        )

    return instances


def _found(descriptions: Descriptions, named: Selection) -> tuple[list[StoredInstance], int]:
    """The instances whose files are there, and how many others there are. Raises Refused 404."""
    found, gone = [], 0
    for instance in descriptions.instances(named):
        try:
            is_there = instance.remote is not None or _is_whole(instance)
        except OSError:
            is_there = False
        if is_there:
            found.append(instance)
        else:
            gone += 1
    if not found and not gone:
        raise Refused(404, "there is no such instance here")
    if not found:
        raise Refused(500, "its file is gone or damaged", remedy="have its sender send it again")
    return found, gone


def _is_whole(instance: StoredInstance) -> bool:
    """By its size, and by its preamble, which goes out and must be no program. Raises OSError."""
    with open_bytes(instance) as file:
        whole = file.size == instance.size
        return whole and has_empty_preamble(file.pread(PREAMBLE_BYTES, 0))


def file_part(instance: StoredInstance) -> Part:
    """An instance's file: its dataset as it is, under meta information of its own."""
    start = instance.dataset_offset
    return Part(
        path=instance.path,
        instance=instance,
        extents=[Extent(start, instance.size - start)],
        content_type=f"{DICOM}; transfer-syntax={instance.transfer_syntax_uid}",
        head=sent_meta(instance),
    )


async def one_instance(
    request: Request,
    threads: FileThreads,
    reencoder: Reencoder,
    instance: StoredInstance,
    syntax: str,
    etag: str,
) -> Response:
    """A file by itself; syntax: the transfer syntax that it is to have, '' for the stored one."""
    name = f"{instance.sop_instance_uid}.dcm"
    if syntax in ("", instance.transfer_syntax_uid):
        return await one_part(request, threads, file_part(instance), etag, name=name)
    with ExitStack() as kept:
        part = await threads.run(partial(_in_other_syntax, reencoder, instance, syntax, kept=kept))
        content = b"".join([piece async for piece in threads.pieces(part)])
    return Response(content, headers={"ETag": etag}, media_type=part.content_type)


def _in_other_syntax(
    reencoder: Reencoder, instance: StoredInstance, syntax: str, *, kept: ExitStack
) -> Part:
    """The instance re-encoded, as long as `kept` lasts. Raises Refused 406."""
    if instance.transfer_syntax_uid == syntax:
        return file_part(instance)
    try:
        file = kept.enter_context(reencoder.lossless(instance, syntax))
    except (ContextNotAccepted, InvalidObject) as fault:
        raise Refused(
            406,
            f"it cannot be given in that transfer syntax without loss: {fault}",
            remedy="accept transfer-syntax=*",
        ) from None
    return Part(
        path=file.path,
        cipher=file.cipher,
        extents=[Extent(file.dataset_offset, file.size - file.dataset_offset)],
        content_type=f"{DICOM}; transfer-syntax={syntax}",
        head=encode(
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=syntax,
        ),
    )


def _first_refusal(
    reencoder: Reencoder, found: Sequence[StoredInstance], syntax: str
) -> Refused | None:
    """Why some of them cannot be given in that syntax, as far as their own syntaxes say."""
    for stored in {each.transfer_syntax_uid for each in found} - {syntax}:
        if not reencoder.can(stored, syntax):
            return Refused(
                406,
                f"what is stored in {stored} cannot be given in {syntax} without loss",
                remedy="accept transfer-syntax=*",
            )
    return None


async def _reencoded(
    threads: FileThreads,
    reencoder: Reencoder,
    found: Sequence[StoredInstance],
    syntax: str,
    boundary: str,
) -> AsyncIterator[bytes]:
    for index, instance in enumerate(found):
        with ExitStack() as kept:
            part = await threads.run(
                partial(_in_other_syntax, reencoder, instance, syntax, kept=kept)
            )
            yield part_head(boundary, headers_of(part), first=index == 0)
            async for piece in threads.pieces(part):
                yield piece
    yield end(boundary, first=False)
