"""The resources of DICOMweb and what answers each (PS3.18 10.1).

Rules
- Who may ask is decided before, by the same rules as for the console (access/route_table.py).
- A refusal says in words what is wrong and what to do; nothing of it quotes the request.
- GET answers HEAD as well; another method is answered 405, with those that the path has in Allow.
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
from echonode.dicomweb.capabilities import capabilities_handler
from echonode.dicomweb.frames import frames_handler
from echonode.dicomweb.instances import instances_handler
from echonode.dicomweb.metadata import metadata_handler
from echonode.dicomweb.recoded_frames import RecodedFrames
from echonode.dicomweb.rendered import Rendered
from echonode.dicomweb.resources import (
    BULK_DATA,
    FRAMES,
    LEVELS,
    PICTURED,
    RESOURCES,
    SEARCHED,
    STORED_TO,
    URI_SERVICE,
)
from echonode.dicomweb.search import Searcher
from echonode.dicomweb.searching import Handler, search_handler
from echonode.dicomweb.storing import store_handler
from echonode.dicomweb.streaming import FileThreads
from echonode.dicomweb.upload import Intake
from echonode.dicomweb.wado_uri import wado_uri_handler
from echonode.errors import StoreError, Unreadable
from echonode.model.criteria import Level
from echonode.model.identity import Peer
from echonode.store.index.descriptions import Descriptions
from echonode.transcoding.reencoder import Reencoder
from echonode.transcoding.single_frame import FrameReader

# A path or a method, and what answers it.
_Handlers = dict[str, Handler]


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
    """All of them, below /dicom-web. Raises LookupError for a resource without a handler."""
    threads = FileThreads()
    store = store_handler(service.intake, service.caller, threads)
    handlers: dict[str, _Handlers] = {
        "GET": {
            **_retrievals(service, threads),
            **_searches(service, threads),
            **_pictures(service, threads),
        },
        "POST": dict.fromkeys(STORED_TO, store),
    }
    capabilities = capabilities_handler(RESOURCES, base=PREFIX)
    methods: dict[str, _Handlers] = {"": {"GET": capabilities}}
    for each in RESOURCES:
        found = methods.setdefault(each.path, {})
        found.update((method, handlers[method][each.path]) for method in each.methods)
    return [
        _route(PREFIX + path, {**found, "OPTIONS": capabilities}) for path, found in methods.items()
    ]


def _route(path: str, by_method: _Handlers) -> Route:
    """One path in one route: of several, a refusal would name the methods of the first alone."""

    async def any_method(request: Request) -> Response:
        return await by_method["GET" if request.method == "HEAD" else request.method](request)

    return Route(path, answered(any_method), methods=list(by_method))


def _searches(service: DicomWeb, threads: FileThreads) -> _Handlers:
    return {
        path: search_handler(service.searcher, threads, level)
        for level in (Level.STUDY, Level.SERIES, Level.IMAGE)
        for path in SEARCHED[level]
    }


def _retrievals(service: DicomWeb, threads: FileThreads) -> _Handlers:
    descriptions, reencoder = service.descriptions, service.reencoder
    metadata = metadata_handler(descriptions, threads)
    instances = instances_handler(descriptions, threads, reencoder)
    reader = RecodedFrames(reencoder)
    return {
        FRAMES: frames_handler(descriptions, threads, reader),
        **{f"{place}/metadata": metadata for place in LEVELS},
        BULK_DATA: bulk_data_handler(descriptions, threads, reader),
        **dict.fromkeys(LEVELS, instances),
    }


def _pictures(service: DicomWeb, threads: FileThreads) -> _Handlers:
    rendered = Rendered(service.descriptions, service.frames)
    picture, thumbnail = rendered.rendered_handler(), rendered.thumbnail_handler()
    return {
        **{f"{place}/rendered": picture for place in PICTURED},
        **{f"{place}/thumbnail": thumbnail for place in PICTURED},
        URI_SERVICE: wado_uri_handler(rendered, threads, service.reencoder),
    }


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
