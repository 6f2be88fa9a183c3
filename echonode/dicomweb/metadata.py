"""The metadata of a study, a series or an instance (PS3.18 10.4.1.1.2).

Rules
- What is kept is answered as it is; where none is kept yet, it is made of the file.
- Each instance is in the answer. One whose file cannot be read has what the index says of it, and
  the log says which it is.
"""

from __future__ import annotations

from collections.abc import Generator

from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.addresses import address_of, selection, service_address
from echonode.dicomweb.answers import Refused
from echonode.dicomweb.content_coding import GZIP
from echonode.dicomweb.description import describe, metadata_json
from echonode.dicomweb.json_values import text_json
from echonode.dicomweb.responses import compresses, entity_tag, from_thread, not_modified
from echonode.dicomweb.searching import Handler, json_type
from echonode.dicomweb.streaming import FileThreads
from echonode.errors import StoreError, Unreadable
from echonode.log import get_logger
from echonode.model.criteria import Selection
from echonode.model.instance import StoredInstance
from echonode.store.index.descriptions import FORM, Descriptions, KeptMetadata

log = get_logger(__name__)

_CHUNK = 256 * 1024


def metadata_handler(descriptions: Descriptions, threads: FileThreads) -> Handler:
    """Answers the metadata of what the path names."""

    async def metadata(request: Request) -> Response:
        media_type, named = json_type(request), selection(request)
        service = service_address(request)
        count, digest = await threads.run(lambda: descriptions.digest(named))
        if not count:
            raise Refused(404, "there is no such instance here")
        coding = GZIP if compresses(request) else ""
        etag = entity_tag("metadata", FORM, digest, service, coding)
        if (unchanged := not_modified(request, etag)) is not None:
            return unchanged
        return await from_thread(
            request,
            _chunks(descriptions, named, service),
            media_type=media_type,
            headers={"ETag": etag, "Cache-Control": "private, no-cache"},
        )

    return metadata


def _chunks(
    descriptions: Descriptions, named: Selection, service: str
) -> Generator[bytes, None, None]:
    pieces: list[bytes] = []
    size, separator = 0, b"["
    for found in descriptions.with_metadata(named):
        json = _of(found, service)
        pieces += (separator, json)
        size += len(json)
        separator = b",\n"
        if size >= _CHUNK:
            yield b"".join(pieces)
            pieces.clear()
            size = 0
    yield b"".join((*pieces, b"]"))


def _of(found: KeptMetadata, service: str) -> bytes:
    address = f"{address_of(service, *found.uids)}bulkdata/"
    instance = found.instance
    if instance is None:
        return metadata_json(found.metadata or b"", address)
    try:
        return metadata_json(describe(instance).metadata, address)
    except (StoreError, Unreadable, OSError) as fault:
        log.warning(
            "metadata_not_read",
            sop_instance_uid=instance.sop_instance_uid,
            error=type(fault).__name__,
        )
        return _of_index(instance).encode()


def _of_index(instance: StoredInstance) -> str:
    members = {
        "00080016": instance.sop_class_uid,
        "00080018": instance.sop_instance_uid,
        "00083002": instance.transfer_syntax_uid,
        "0020000D": instance.study_instance_uid,
        "0020000E": instance.series_instance_uid,
    }
    return "{" + ",".join(f'"{tag}":{text_json("UI", uid)}' for tag, uid in members.items()) + "}"
