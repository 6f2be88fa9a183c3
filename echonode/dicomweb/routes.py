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
from echonode.dicomweb.answers import Refused, problem
from echonode.dicomweb.bulk_data import bulk_data_handler
from echonode.dicomweb.frame_reader import FrameReader
from echonode.dicomweb.frames import frames_handler
from echonode.dicomweb.instances import instances_handler
from echonode.dicomweb.metadata import metadata_handler
from echonode.dicomweb.search import Searcher
from echonode.dicomweb.searching import Handler, search_handler
from echonode.dicomweb.storing import store_handler
from echonode.dicomweb.streaming import FileThreads
from echonode.dicomweb.upload import Intake
from echonode.errors import StoreError, Unreadable
from echonode.model.criteria import Level
from echonode.model.identity import Peer
from echonode.store.index.descriptions import Descriptions
from echonode.transcoding.reencoder import Reencoder

_STUDY = "/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"


@dataclass(frozen=True, kw_only=True)
class DicomWeb:
    """What the routes need of the node. caller: who posted instances come from."""

    searcher: Searcher
    descriptions: Descriptions
    reencoder: Reencoder
    intake: Intake
    caller: Peer


def dicomweb_routes(service: DicomWeb) -> list[BaseRoute]:
    """All of them, below /dicom-web."""
    threads = FileThreads()
    descriptions = service.descriptions
    metadata = metadata_handler(descriptions, threads)
    instances = instances_handler(descriptions, threads, service.reencoder)
    frames = frames_handler(descriptions, threads, FrameReader(service.reencoder))
    bulk_data = bulk_data_handler(descriptions, threads)
    studies, series, images = (
        search_handler(service.searcher, threads, level)
        for level in (Level.STUDY, Level.SERIES, Level.IMAGE)
    )
    answers: list[tuple[str, Handler]] = [
        ("/studies", studies),
        ("/series", series),
        ("/instances", images),
        (f"{_STUDY}/series", series),
        (f"{_STUDY}/instances", images),
        (f"{_SERIES}/instances", images),
        *((f"{place}/metadata", metadata) for place in (_STUDY, _SERIES, _INSTANCE)),
        (f"{_INSTANCE}/frames/{{frames}}", frames),
        (f"{_INSTANCE}/bulkdata/{{place:path}}", bulk_data),
        *((place, instances) for place in (_STUDY, _SERIES, _INSTANCE)),
    ]
    store = answered(store_handler(service.intake, service.caller, threads))
    return [
        *(Route(PREFIX + path, answered(handler), methods=["GET"]) for path, handler in answers),
        *(Route(PREFIX + path, store, methods=["POST"]) for path in ("/studies", _STUDY)),
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
