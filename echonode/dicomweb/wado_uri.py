"""WADO-URI: one instance by query parameters (PS3.18 9).

Rules
- As a file (`contentType=application/dicom`) or as a picture of one frame; a picture is the default
  (9.1.2.1.2), and the first frame of a cine.
- What cannot be done as it is asked (anonymize, presentationUID) is refused, not left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.accept import accepted, takes_any
from echonode.dicomweb.addresses import checked_uid, selection_of
from echonode.dicomweb.answers import DICOM, JPEG, PNG, Refused
from echonode.dicomweb.instances import one_instance
from echonode.dicomweb.rendered import Rendered
from echonode.dicomweb.rendering_parameters import read_uri_rendering
from echonode.dicomweb.responses import entity_tag, not_modified
from echonode.dicomweb.searching import Handler
from echonode.dicomweb.streaming import FileThreads
from echonode.errors import InvalidObject
from echonode.model.identity import is_valid_uid
from echonode.model.instance import StoredInstance
from echonode.transcoding.reencoder import Reencoder

_UIDS = {"studyUID": "StudyInstanceUID", "seriesUID": "SeriesInstanceUID"}
_REFUSED = ("anonymize", "presentationUID", "presentationSeriesUID", "annotation")
_FRAMES_OF = 1_000_000_000


def wado_uri_handler(rendered: Rendered, threads: FileThreads, reencoder: Reencoder) -> Handler:
    """Answers WADO-URI."""

    async def wado(request: Request) -> Response:
        parameters = request.query_params
        if parameters.get("requestType") != "WADO":
            raise Refused(400, "requestType must be WADO")
        for name in _REFUSED:
            if parameters.get(name):
                raise Refused(406, f"{name} is not supported")
        instance = await _instance(parameters, rendered, threads)
        ranges = accepted(request.headers.get("accept", ""), parameters.get("contentType", ""))
        media_type = takes_any(ranges, JPEG, PNG, DICOM)
        if media_type == DICOM:
            syntax = parameters.get("transferSyntax", "")
            if syntax and not is_valid_uid(syntax):
                raise Refused(400, "transferSyntax is not a UID")
            etag = entity_tag("file", instance.dataset_sha256, syntax)
            if (unchanged := not_modified(request, etag)) is not None:
                return unchanged
            return await one_instance(request, threads, reencoder, instance, syntax, etag)
        if not media_type:
            raise Refused(406, "it is answered as application/dicom, image/jpeg or image/png")
        return await _picture(request, rendered, instance, media_type)

    return wado


async def _instance(
    parameters: Mapping[str, str], rendered: Rendered, threads: FileThreads
) -> StoredInstance:
    """Study and series may be left out: a SOP Instance UID names one instance."""
    uids = {
        keyword: checked_uid(keyword, parameters[name])
        for name, keyword in _UIDS.items()
        if parameters.get(name)
    }
    uids["SOPInstanceUID"] = checked_uid("objectUID", parameters.get("objectUID", ""))
    found = await threads.run(lambda: rendered.instances(selection_of(uids)))
    return found[0]


async def _picture(
    request: Request, rendered: Rendered, instance: StoredInstance, media_type: str
) -> Response:
    parameters = request.query_params
    text = parameters.get("frameNumber", "1")
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:10]) < _FRAMES_OF):
        raise Refused(400, "frameNumber is a number from 1 on")
    etag = entity_tag("picture", instance.dataset_sha256, media_type, sorted(parameters.items()))
    if (unchanged := not_modified(request, etag)) is not None:
        return unchanged
    rows = columns = 1
    if "region" in parameters:  # in shares of the image
        try:
            rows, columns = await to_thread.run_sync(
                rendered.size, instance, limiter=rendered.threads
            )
        except InvalidObject as fault:
            raise Refused(404, f"it has no picture: {fault}") from None
    rendering = read_uri_rendering(parameters, rows=rows, columns=columns)
    content = await rendered.made(instance, int(text), rendering, media_type)
    return Response(
        content,
        headers={"ETag": etag, "Cache-Control": "private, no-cache"},
        media_type=media_type,
    )
