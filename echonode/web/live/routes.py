"""The routes of the live picture: probes, the WebSocket, the stream, watch links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from echonode.access.watch_links import LONGEST_MINUTES, WatchLink
from echonode.errors import FieldRefused, UsageError
from echonode.log import get_logger
from echonode.web.admission import EXAM
from echonode.web.json_requests import Fields, answer, error, number, only, text
from echonode.web.live.broadcast import LivePictures
from echonode.web.live.multipart import PictureStream, stream_viewer
from echonode.web.live.qr_code import qr_rows
from echonode.web.live.socket import serve_link, serve_viewer
from echonode.web.live.viewing import Viewing
from echonode.web.live.watch_address import console_address, page_path
from echonode.web.live.watch_links import WatchLinks

log = get_logger(__name__)

Json = Mapping[str, Any]


class LiveApi(LivePictures, Protocol):
    """What the routes need; node/ gives it. Each raises UsageError where there is no such probe."""

    def probes(self) -> Sequence[Json]:
        """All of them, as the API answers them."""

    def require(self, probe: str) -> None:
        """That there is such a probe."""


def live_routes(api: LiveApi, viewing: Viewing) -> list[BaseRoute]:
    """/api/probes and below, and /api/watch."""
    here = _Live(api, viewing)
    return [
        Route("/api/probes", here.probes, methods=["GET"]),
        Route("/api/probes/{probe}/live", here.live, methods=["GET"]),
        WebSocketRoute("/api/probes/{probe}/frames", here.frames),
        Route("/api/probes/{probe}/watch", here.links, methods=["GET", "POST", "DELETE"]),
        Route("/api/probes/{probe}/watch/{link}", here.link, methods=["DELETE"]),
        WebSocketRoute("/api/watch", here.watch),
    ]


class _Live:
    def __init__(self, api: LiveApi, viewing: Viewing) -> None:
        self._api, self._viewing = api, viewing

    async def probes(self, request: Request) -> Response:
        def listed(_: Fields) -> list[Json]:
            counts = self._viewing.counts()
            return [
                {**probe, "viewers": each.viewers if (each := counts.get(probe["name"])) else 0}
                for probe in self._api.probes()
            ]

        return await answer(request, listed)

    async def live(self, request: Request) -> Response:
        probe = _probe(request)
        try:
            request.scope[EXAM] = self._api.state(probe).exam
        except UsageError as unknown:
            return error(404, str(unknown))
        address = request.client.host if request.client else ""
        return PictureStream(self._viewing, probe, stream_viewer(address))

    async def frames(self, websocket: WebSocket) -> None:
        await serve_viewer(websocket, self._viewing, _probe(websocket))

    async def watch(self, websocket: WebSocket) -> None:
        await serve_link(websocket, self._viewing)

    async def links(self, request: Request) -> Response:
        probe, links = _probe(request), self._viewing.links

        def work(fields: Fields) -> object:
            self._api.require(probe)
            if request.method == "POST":
                return _new_link(links, probe, fields, str(request.base_url))
            only(fields)
            if request.method == "DELETE":
                return {"ended": links.end(probe)}
            watching = self._viewing.by_link()
            return [_link_json(link, watching.get(link.id, 0)) for link in links.of_probe(probe)]

        return await answer(request, work, status=201 if request.method == "POST" else 200)

    async def link(self, request: Request) -> Response:
        def end(fields: Fields) -> Json:
            only(fields)
            if not self._viewing.links.end(_probe(request), request.path_params["link"]):
                raise UsageError("there is no such watch link: it may be over")
            return {"ended": 1}

        return await answer(request, end)


def _probe(connection: HTTPConnection) -> str:
    return str(connection.path_params["probe"])[:64]


def _new_link(links: WatchLinks, probe: str, fields: Fields, own_address: str) -> Json:
    only(fields, "minutes", "address")
    minutes = number(fields, "minutes")
    if not 0 < minutes <= LONGEST_MINUTES:
        raise FieldRefused("minutes", "is out of range", f"at most {LONGEST_MINUTES}, above 0")
    address = console_address(text(fields, "address") or own_address)
    token, link = links.add(probe, minutes=minutes)
    log.info("watch_link_made", link=link.id, probe=probe, minutes=minutes)
    path = page_path(token)
    url = address + path
    return {**_link_json(link, 0), "token": token, "path": path, "url": url, "qr": qr_rows(url)}


def _link_json(link: WatchLink, viewers: int) -> Json:
    return {
        "id": link.id,
        "probe": link.probe,
        "expires_at": link.expires_at.isoformat(),
        "viewers": viewers,
    }
