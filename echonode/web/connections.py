"""HTTP connections: how many, from where, and how long one may say nothing.

Rules
- A request's head is there HEADER_S after its connection was made, or after its first byte on one
  that is kept; a body does not pause longer than BODY_SILENCE_S. A slower caller is cut off.
- One address has PER_ADDRESS connections, all together MAX_CONNECTIONS. At either limit the oldest
  one that waits for a request is closed for the new one: half requests lock no client out.
- Where all are being answered, a few more are taken for /health alone: a monitor must not take the
  node for dead because it is busy. Then no more are.
- A WebSocket has limits of its own (live/viewer_limits.py): who watches for hours takes no
  connection of a request. One that answers no ping is cut off.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn import Config
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.utils import is_ssl
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from echonode.web.file_sending import FileSending, SendingPool

# Enough for a console on every screen of a clinic.
MAX_CONNECTIONS = 128
# A browser has six; a reverse proxy that keeps more of them must share.
PER_ADDRESS = 16
# On top of all, for who asks whether the node lives: an orchestrator, a monitor, an operator.
FOR_HEALTH = 16
HEADER_S = 10.0
BODY_SILENCE_S = 30.0
# From our closing of a WebSocket to the peer's; then it is cut off.
WEBSOCKET_CLOSING_S = 5.0

HEALTH = "/health/"


class Budget:
    """The connections of one server; used on its event loop alone."""

    def __init__(self) -> None:
        self._open: dict[LimitedProtocol, bool] = {}  # oldest first; True where for health alone

    def enter(self, connection: LimitedProtocol) -> bool | None:
        """Whether it is for health alone; None where there is no room at all."""
        ordinary = [each for each, health in self._open.items() if not health]
        same = [each for each in ordinary if each.address == connection.address]
        is_over = False
        if len(same) >= PER_ADDRESS:
            is_over = not _make_room(same)
        elif len(ordinary) >= MAX_CONNECTIONS:
            is_over = not _make_room(ordinary)
        if is_over and sum(self._open.values()) >= FOR_HEALTH:
            beyond = [each for each, health in self._open.items() if health]
            if not _make_room(beyond):
                return None
        self._open[connection] = is_over
        return is_over

    def leave(self, connection: LimitedProtocol) -> None:
        """It is closed, or another protocol's now."""
        self._open.pop(connection, None)


def _make_room(connections: list[LimitedProtocol]) -> bool:
    """Close the oldest that waits for a request; whether there was one."""
    waiting = next((each for each in connections if each.is_waiting), None)
    if waiting is None:
        return False
    waiting.end()
    return True


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 connection, within the rules above."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        budget: Budget,
        sending: SendingPool,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._budget, self._sending = budget, sending
        self._files: FileSending | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def address(self) -> str:
        """Where it comes from."""
        return self.client[0] if self.client else ""

    @property
    def is_waiting(self) -> bool:
        """Whether no request is being received or answered."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is None or cycle.response_complete

    def end(self) -> None:
        """Close it now, and count it no longer."""
        self._budget.leave(self)
        self._disarm()
        self.transport.abort()

    # what uvicorn's event loop calls -------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        is_for_health = self._budget.enter(self)
        if is_for_health is None:
            transport.abort()
            return
        if is_for_health:
            self.app = _HealthAlone(self.app)
        if not is_ssl(transport):
            self.app = self._files = FileSending(self.app, self, self._sending)
        self._arm(HEADER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._budget.leave(self)
        self._disarm()
        if self._files:
            self._files.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_waiting and self._deadline is None:
            self._arm(HEADER_S)
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.is_waiting:
            self._disarm()
            if self.conn.trailing_data[0]:
                self._arm(HEADER_S)  # the next request has begun
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """The connection becomes another protocol's, with limits of its own."""
        self._budget.leave(self)
        self._disarm()
        super().handle_websocket_upgrade(event)

    # its deadline --------------------------------------------------------------------------

    def _look(self) -> None:
        """After something came or went: whether the caller has to say more, and until when."""
        if self.is_waiting:
            return
        if self.cycle.more_body:
            self._arm(BODY_SILENCE_S)
        else:
            self._disarm()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        if not self.is_waiting and self.flow.read_paused:
            self._arm(BODY_SILENCE_S)  # it is we who do not read
        else:
            self.end()


class LimitedWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, whose end is one: a peer that reads nothing more is cut off."""

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.close":
            self.loop.call_later(WEBSOCKET_CLOSING_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


class _HealthAlone:
    """An application of which only /health is left."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(HEALTH):
            await self._app(scope, receive, send)
            return
        busy = PlainTextResponse("too many connections\n", 503, headers={"Connection": "close"})
        await busy(scope, receive, send)
