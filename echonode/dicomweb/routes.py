"""The resources of DICOMweb and what answers each (PS3.18 10.1).

Rules
- Who may ask is decided before, by the same rules as for the console (access/route_table.py).
- A refusal says in words what is wrong and what to do; nothing of it quotes the request.
- GET answers HEAD as well; another method is answered 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.dicomweb.addresses import PREFIX
from echonode.dicomweb.answers import DICOM, DICOM_JSON, OCTET_STREAM, Refused, problem
from echonode.dicomweb.bulk_data import bulk_data_handler
from echonode.dicomweb.capabilities import Resource, capabilities_handler
from echonode.dicomweb.frames import frames_handler
from echonode.dicomweb.instances import instances_handler
from echonode.dicomweb.metadata import metadata_handler
from echonode.dicomweb.recoded_frames import RecodedFrames
from echonode.dicomweb.rendered import JPEG, PNG, Rendered
from echonode.dicomweb.search import Searcher
from echonode.dicomweb.searching import Handler, search_handler
from echonode.dicomweb.storing import store_handler
from echonode.dicomweb.streaming import FileThreads
from echonode.dicomweb.transfer_syntaxes import FRAME_TYPES
from echonode.dicomweb.upload import Intake
from echonode.dicomweb.wado_uri import wado_uri_handler
from echonode.errors import StoreError, Unreadable
from echonode.model.criteria import Level
from echonode.model.identity import Peer
from echonode.store.index.descriptions import Descriptions
from echonode.transcoding.reencoder import Reencoder
from echonode.transcoding.single_frame import FrameReader

_STUDY = "/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"
_FRAMES = f"{_INSTANCE}/frames/{{frames}}"
_STORED_TO = ("/studies", _STUDY)
_JSON = (DICOM_JSON, "application/json")
# Path, what answers it, and the media types of its answers.
_Answer = tuple[str, Handler, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class DicomWeb:
    """What the routes need of the node. caller: who posted instances come from."""

    searcher: Searcher
    descriptions: Descriptions
    reencoder: Reencoder
    frames: FrameReader
    intake: Intake
    caller: Peer


def dicomweb_routes(service: DicomWeb) -> list[BaseRoute]:
    """All of them, below /dicom-web."""
    threads = FileThreads()
    answers = [
        *_retrievals(service, threads),
        *_searches(service, threads),
        *_pictures(service, threads),
    ]
    store = store_handler(service.intake, service.caller, threads)
    resources = [
        *(Resource(path=path, methods=("GET",), answers=kinds) for path, _, kinds in answers),
        *(Resource(path=path, methods=("POST",), answers=_JSON) for path in _STORED_TO),
    ]
    capabilities = answered(capabilities_handler(resources, base=PREFIX))
    return [
        *(Route(PREFIX + path, answered(handler), methods=["GET"]) for path, handler, _ in answers),
        *(Route(PREFIX + path, answered(store), methods=["POST"]) for path in _STORED_TO),
        Route(PREFIX, capabilities, methods=["GET", "OPTIONS"]),
        *(
            Route(PREFIX + path, capabilities, methods=["OPTIONS"])
            for path in dict.fromkeys(resource.path for resource in resources)
        ),
    ]


def _searches(service: DicomWeb, threads: FileThreads) -> list[_Answer]:
    studies, series, images = (
        search_handler(service.searcher, threads, level)
        for level in (Level.STUDY, Level.SERIES, Level.IMAGE)
    )
    return [
        ("/studies", studies, _JSON),
        ("/series", series, _JSON),
        ("/instances", images, _JSON),
        (f"{_STUDY}/series", series, _JSON),
        (f"{_STUDY}/instances", images, _JSON),
        (f"{_SERIES}/instances", images, _JSON),
    ]


def _retrievals(service: DicomWeb, threads: FileThreads) -> list[_Answer]:
    descriptions, reencoder = service.descriptions, service.reencoder
    metadata = metadata_handler(descriptions, threads)
    instances = instances_handler(descriptions, threads, reencoder)
    frames = frames_handler(descriptions, threads, RecodedFrames(reencoder))
    bulk_data = bulk_data_handler(descriptions, threads)
    levels = (_STUDY, _SERIES, _INSTANCE)
    return [
        (_FRAMES, frames, (OCTET_STREAM, *FRAME_TYPES)),
        *((f"{place}/metadata", metadata, _JSON) for place in levels),
        (f"{_INSTANCE}/bulkdata/{{place:path}}", bulk_data, (OCTET_STREAM,)),
        *((place, instances, (DICOM,)) for place in levels),
    ]


def _pictures(service: DicomWeb, threads: FileThreads) -> list[_Answer]:
    rendered = Rendered(service.descriptions, service.frames)
    picture, thumbnail = rendered.rendered_handler(), rendered.thumbnail_handler()
    wado_uri = wado_uri_handler(rendered, threads, service.reencoder)
    places = (_STUDY, _SERIES, _INSTANCE, _FRAMES)
    return [
        *((f"{place}/rendered", picture, (JPEG, PNG)) for place in places),
        *((f"{place}/thumbnail", thumbnail, (JPEG, PNG)) for place in places),
        ("/wado", wado_uri, (JPEG, PNG, DICOM)),
    ]


def answered(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The handler, with refusals as answers."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as refused:
            return problem(refused)
        except (StoreError, Unreadable, OSError, EOFError) as fault:
            return problem(
                Refused(
                    503 if isinstance(fault, StoreError) else 500,
                    f"what is stored cannot be read ({type(fault).__name__})",
                    remedy="see the log and /health/ready of the node",
                )
            )

    return endpoint
