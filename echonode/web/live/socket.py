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

from echonode.errors import UsageError
from echonode.web.live.broadcast import Broadcast, Viewer
from echonode.web.live.messages import Credit, read_message
from echonode.web.live.viewing import SUBPROTOCOL, Viewing, token_of
from echonode.web.local_requests import error

# A network that took nothing for so long has lost the viewer.
SENDING_S = 20.0
# A credit for each picture of a fast probe and a pointer that moves are half of it.
MESSAGES_PER_S = 200

# RFC 6455 7.4.1; 1013 is of the IANA registry.
GOING_AWAY, POLICY, TRY_AGAIN = 1001, 1008, 1013


async def serve_viewer(websocket: WebSocket, viewing: Viewing, probe: str | None) -> None:
    """From the upgrade to its end. probe: None for that of the watch link."""
    permission = viewing.permission(websocket, probe)
    if permission is None:
        await websocket.send_denial_response(
            error(403, "not permitted to watch", remedy="ask for a new watch link, or log in")
        )
        return
    viewer = Viewer(address=websocket.client.host if websocket.client else "", link=permission.link)
    try:
        broadcast = viewing.enter(viewer, permission.probe)
    except UsageError as unknown:
        await websocket.send_denial_response(error(404, str(unknown)))
        return
    if broadcast is None:
        await websocket.send_denial_response(
            error(503, "too many viewers", remedy="close the picture on another screen")
        )
        return
    try:
        await websocket.accept(subprotocol=SUBPROTOCOL if token_of(websocket) else None)
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
