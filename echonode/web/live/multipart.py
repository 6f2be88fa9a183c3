"""The live picture as a stream of JPEGs (multipart/x-mixed-replace), for scripts and simple pages.

Rules
- The boundary follows each picture at once: a browser shows a part when it sees the part's end, and
  would be one picture late.
- The next picture is the newest once the one before has left; a reader that takes nothing for
  SENDING_S is cut off, and one that is gone is noticed while no picture comes.
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from echonode.model.live_picture import LivePicture
from echonode.web.live.broadcast import Viewer
from echonode.web.live.viewer_slot import ViewerSlot
from echonode.web.live.viewing import Viewing

BOUNDARY = "echonode-picture"
SENDING_S = 20.0
LOOK_S = 1.0


class PictureStream(Response):
    """Begins when it is called by the server. probe: must be one that there is."""

    media_type = f"multipart/x-mixed-replace; boundary={BOUNDARY}"

    def __init__(self, viewing: Viewing, probe: str, viewer: Viewer) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._viewing, self._probe, self._viewer = viewing, probe, viewer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        broadcast = self._viewing.enter(self._viewer, self._probe)
        if broadcast is None:
            busy = Response("too many viewers\n", 503, media_type="text/plain")
            await busy(scope, receive, send)
            return
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await self._stream(Request(scope, receive), send)
        except TimeoutError:
            pass
        finally:
            self._viewing.leave(self._viewer, broadcast)

    async def _stream(self, request: Request, send: Send) -> None:
        viewer = self._viewer
        await send(_body(f"--{BOUNDARY}\r\n".encode()))
        while not viewer.is_ended and not await request.is_disconnected():
            try:
                await asyncio.wait_for(viewer.changed.wait(), LOOK_S)
            except TimeoutError:
                continue
            viewer.changed.clear()
            if (picture := viewer.slot.take()) is not None:
                await asyncio.wait_for(send(_body(part_of(picture))), SENDING_S)
                viewer.give(1)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def stream_viewer(address: str) -> Viewer:
    """A viewer that is ready again as soon as a picture has left."""
    return Viewer(address=address, slot=ViewerSlot(credit=1))


def part_of(picture: LivePicture) -> bytes:
    """A picture, its head, and the boundary behind it."""
    head = (
        "Content-Type: image/jpeg\r\n"
        f"Content-Length: {len(picture.jpeg)}\r\n"
        f"X-Sequence: {picture.number}\r\n"
        f"X-Captured-At: {picture.captured_at.isoformat()}\r\n\r\n"
    )
    return head.encode() + picture.jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


def _body(piece: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": piece, "more_body": True}
