"""What is checked before every route, and what every answer carries.

Rules
- A page of another site must not reach us through a browser (DNS rebinding): the Host asked for is
  an address, this machine's own name, or one that was configured. A stranger's site can only ever
  send its own name.
- A request that changes something, and a WebSocket, are refused when a browser says that they come
  from another origin: a cookie's SameSite does not keep a WebSocket of another site away. Origins
  that are configured may use DICOMweb (cross_origin.py).
- Every answer carries the headers that keep a browser from guessing, framing or caching it.
- An unexpected exception is logged here once and answered 500, without its text.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echonode.log import get_logger
from echonode.web.admission import SESSION_ENDED, AccessEnded
from echonode.web.cross_origin import SharedOrigins

log = get_logger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# The console's scripts and styles are files of ours; nothing inline, nothing from elsewhere.
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware with the rules above; a route's own header of the same name wins,
    but for Vary, which is added to.

    allowed_hosts: names to answer to beyond addresses, localhost and this machine's own name.
    shared: what pages of other origins may use.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowed_hosts: Collection[str] = (),
        shared: SharedOrigins | None = None,
    ) -> None:
        self._app = app
        self._shared = shared
        names = {"localhost", socket.gethostname(), *allowed_hosts}
        self._names = frozenset(name.lower().rstrip(".") for name in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._open(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, self._shared.headers(scope) if self._shared else {})
        if refusal := self._refusal(scope):
            await refusal(scope, receive, answer.send)
            return
        if self._shared and (preflight := self._shared.preflight(scope)):
            await preflight(scope, receive, answer.send)
            return
        try:
            await self._app(scope, receive, answer.send)
        except AccessEnded:
            return  # the client sees a broken answer
        except Exception:  # the top of a request, as of a thread
            log.exception("web_request_failed", method=scope["method"])
            if answer.started:
                raise  # the client must see a broken answer, not one that looks whole
            await PlainTextResponse("internal error\n", 500)(scope, receive, answer.send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        if refusal := self._refusal(scope):
            await refusal(scope, receive, send)  # instead of the upgrade
            return
        try:
            await self._app(scope, receive, send)
        except AccessEnded:
            with suppress(Exception):  # it may be closed already
                await send({"type": "websocket.close", "code": SESSION_ENDED})
        except Exception:  # the top of a connection, as of a thread
            log.exception("web_request_failed", method="WebSocket")
            with suppress(Exception):
                await send({"type": "websocket.close", "code": 1011})

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host):
            return PlainTextResponse("this node is not known by that name\n", 421)
        origin = headers.get("origin")
        from_elsewhere = origin is not None and origin.partition("://")[2].lower() != host.lower()
        if self._shared and self._shared.allows(scope):
            return None
        if from_elsewhere and scope.get("method") not in SAFE_METHODS:
            return PlainTextResponse("requests from other sites are refused\n", 403)
        return None

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header (RFC 9110 7.2), its port taken off, names this node."""
        name = host.rpartition(":")[0] if _has_port(host) else host
        try:
            ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return name.lower().rstrip(".") in self._names
        return True


def _has_port(host: str) -> bool:
    """Whether the last colon is a port's: an IPv6 address has its colons inside brackets."""
    return host.rpartition(":")[2].isdecimal() and not host.endswith("]")


class _Answer:
    """Adds the headers to an answer on its way out, and remembers whether it has begun."""

    def __init__(self, send: Send, more: Mapping[str, str]) -> None:
        self._send = send
        self._more = {**SECURITY_HEADERS, **more}
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in self._more.items():
                if name == "Vary":  # an answer may vary by more than its origin
                    headers.add_vary_header(value)
                else:
                    headers.setdefault(name, value)
        await self._send(message)
