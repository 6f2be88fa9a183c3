"""The WebSocket of one viewer: pictures and state out, credit and pointer in.

Rules
- Each message is sent when the one before has left: a viewer that does not read keeps one message
  and its slot, and is cut off after SENDING_S.
- A viewer that sends too many messages, or an unknown one, is closed with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from echonode.errors import StoreError, UsageError
from echonode.log import get_logger
from echonode.web.admission import EXAM, WATCH_LINK
from echonode.web.json_requests import error
from echonode.web.live.broadcast import Broadcast, Viewer
from echonode.web.live.messages import Credit, read_message
from echonode.web.live.viewing import SUBPROTOCOL, Viewing

log = get_logger(__name__)

# A network that took nothing for so long has lost the viewer.
SENDING_S = 20.0
# A credit for each picture of a fast probe and a pointer that moves are half of it.
MESSAGES_PER_S = 200

# RFC 6455 7.4.1; 1013 is of the IANA registry.
GOING_AWAY, POLICY, TRY_AGAIN = 1001, 1008, 1013


async def serve_link(websocket: WebSocket, viewing: Viewing) -> None:
    """From the upgrade to its end, for the probe of a watch link."""
    try:
        link = await viewing.link_of(websocket)
    except StoreError:
        refusal = error(
            503, "the database cannot be read", remedy="see the alarms at /health/ready"
        )
        await websocket.send_denial_response(refusal)
        return
    if link is None:
        refusal = error(403, "the watch link is over, or is not one", remedy="ask for another")
        await websocket.send_denial_response(refusal)
        return
    websocket.scope[WATCH_LINK] = link.id
    log.info("watch_link_used", link=link.id, probe=link.probe)
    await serve_viewer(websocket, viewing, link.probe, link=link.id)


async def serve_viewer(
    websocket: WebSocket, viewing: Viewing, probe: str, *, link: str = ""
) -> None:
    """From the upgrade to its end. link: the id of the watch link that it comes by."""
    viewer = Viewer(address=websocket.client.host if websocket.client else "", link=link)
    try:
        websocket.scope[EXAM] = viewing.exam_of(probe)
        broadcast = viewing.enter(viewer, probe)
    except UsageError as unknown:
        await websocket.send_denial_response(error(404, str(unknown)))
        return
    if broadcast is None:
        await websocket.send_denial_response(
            error(503, "too many viewers", remedy="close the picture on another screen")
        )
        return
    try:
        await websocket.accept(subprotocol=SUBPROTOCOL if link else None)
        await _Conversation(websocket, viewing, viewer, broadcast).run()
    except (WebSocketDisconnect, TimeoutError):
        pass
    finally:
        viewing.leave(viewer, broadcast)


@dataclass(frozen=True)
class _Conversation:
    websocket: WebSocket
    viewing: Viewing
    viewer: Viewer
    broadcast: Broadcast

    async def run(self) -> None:
        """Until one of the two is over."""
        tasks = {asyncio.create_task(self._send()), asyncio.create_task(self._receive())}
        if self.viewer.link:
            tasks.add(asyncio.create_task(self._end_with_link()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        viewer = self.viewer
        while True:
            await viewer.changed.wait()
            viewer.changed.clear()
            if viewer.is_ended or not self.viewing.may_stay(viewer):
                code, reason = (TRY_AGAIN, "no room") if viewer.is_ended else (POLICY, "link over")
                await self._within(self.websocket.close(code, reason))
                return
            for message in viewer.messages(self.broadcast):
                if isinstance(message, bytes):
                    await self._within(self.websocket.send_bytes(message))
                else:
                    await self._within(self.websocket.send_text(message))

    async def _end_with_link(self) -> None:
        await self.viewing.until_link_is_over(self.viewer)
        await self._within(self.websocket.close(POLICY, "link over"))

    async def _within(self, sending: Coroutine[Any, Any, None]) -> None:
        await asyncio.wait_for(sending, SENDING_S)

    async def _receive(self) -> None:
        loop = asyncio.get_running_loop()
        second, count = 0, 0
        while (event := await self.websocket.receive())["type"] != "websocket.disconnect":
            if int(loop.time()) != second:
                second, count = int(loop.time()), 0
            count += 1
            if count > MESSAGES_PER_S:
                await self.websocket.close(POLICY, "too many messages")
                return
            try:
                message = read_message(event.get("text") or "")
            except (ValueError, RecursionError) as wrong:
                await self.websocket.close(POLICY, str(wrong)[:100])
                return
            if isinstance(message, Credit):
                self.viewer.give(message.count)
            else:
                self.broadcast.point(message.pointer)
