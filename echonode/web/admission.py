"""Who may call a route: asked before it is called, by its row in access/route_table.py.

Rules
- A browser's session is a cookie; a change by it also carries its CSRF token, or on the viewer's
  port, whose page knows none, comes from that port's own origin. A program sends a bearer token.
  What both are worth is looked up for each request, so that what was revoked is worth nothing from
  the next request on.
- An answer that goes on (a live picture, a WebSocket) is looked up again every RECHECK_S, and ends
  when its session ends, is locked, or its user may no longer have it.
- Each request for a patient's data, each change and each refusal goes to AccessEvents.
- Looked up in threads of its own: routes that wait for the database keep no one from being refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from echonode.access.callers import Asked, Caller, Refusal, decide
from echonode.access.events import ASKED_BYTES, AccessEvents, PatientDataAccess
from echonode.access.route_table import RULES, WEBSOCKET, Rule, rules_of
from echonode.errors import StoreError

COOKIE = "echonode_session"
CSRF_HEADER = "x-csrf-token"
CALLER = "echonode.caller"  # of the scope: the Caller that a route is called by
EXAM = "echonode.exam"  # of the scope: the exam that is shown, where the path does not name it
WATCH_LINK = "echonode.watch_link"  # of the scope: the id of the watch link that permits it
RECHECK_S = 1.0
SESSION_ENDED = 4401  # close code of a WebSocket (RFC 6455 7.4.2, private use)
_THREADS = 4
# A cookie or token of ours has 43 characters and a prefix; a longer one is no one's.
_LONGEST_SECRET = 128
_REFUSED = frozenset({401, 403})
_BODY = "echonode.search"  # of the scope: what a search asks for


class Access(Protocol):
    """What is known of users; node/access.py. Each may read the database, and raises StoreError."""

    def has_users(self) -> bool: ...

    def by_session(self, secret: str) -> Caller | None: ...

    def by_token(self, secret: str) -> Caller | None: ...


class AccessEnded(Exception):
    """The receiver of the answer may no longer have it; it is cut off."""


class Admission:
    """The access rules of one server.

    on_loopback: it listens for this machine alone. for_everyone: rows that the configuration opens,
    as METHOD and path. origin_proves: the Origin header takes the place of the CSRF token. Browsers
    send it with every POST, and no page can change it (Fetch standard 3.2).
    """

    def __init__(
        self,
        access: Access,
        events: AccessEvents,
        *,
        on_loopback: bool,
        for_everyone: Iterable[str] = (),
        origin_proves: bool = False,
        table: Sequence[Rule] = RULES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        opened = frozenset(for_everyone)
        self._table = [
            Rule(method=row.method, path=row.path, least=None)
            if f"{row.method} {row.path}" in opened
            else row
            for row in table
        ]
        self._access, self._events, self._now = access, events, now
        self._on_loopback = on_loopback
        self._origin_proves = origin_proves
        self._threads = CapacityLimiter(_THREADS)

    def guard(self, routes: Sequence[BaseRoute]) -> list[BaseRoute]:
        """The same routes, each asking first. Raises Unlisted for one that has no row."""
        for route in routes:
            if isinstance(route, Route):
                rules = rules_of(route.methods or (), route.path, self._table)
            elif isinstance(route, WebSocketRoute):
                rules = rules_of((WEBSOCKET,), route.path, self._table)
            else:
                raise TypeError(f"{type(route).__name__} cannot be guarded: give single routes")
            route.app = _Guarded(route.app, rules, self)
        return list(routes)

    async def ask(self, rule: Rule, scope: Scope) -> Caller | Refusal:
        """Who a request is answered as, or why it is not."""
        try:
            return await to_thread.run_sync(self._decided, rule, scope, limiter=self._threads)
        except StoreError:
            if rule.least is None:
                return decide(rule, Asked(caller=None))
            return Refusal(
                status=503,
                error="who is asking cannot be looked up: the database cannot be read",
                remedy="see the alarms at /health/ready",
            )

    def _decided(self, rule: Rule, scope: Scope) -> Caller | Refusal:
        headers = Headers(scope=scope)
        token, cookie = _bearer(headers), session_of(headers)
        caller = None
        if token:
            caller = self._access.by_token(token)
        elif cookie:
            caller = self._access.by_session(cookie)
        return decide(
            rule,
            Asked(
                caller=caller,
                token=bool(token),
                csrf=headers.get(CSRF_HEADER, ""),
                same_origin=self._origin_proves and is_own_origin(headers),
                users=caller is not None or self._access.has_users(),
                on_loopback=self._on_loopback,
            ),
        )

    def tell(self, rule: Rule, scope: Scope, outcome: Caller | Refusal, status: int) -> None:
        """An access to a patient's data, a change or a refusal, once its outcome is known."""
        refused = rule.least is not None and status in _REFUSED
        if not (rule.data or rule.changes_data or refused):
            return
        who = outcome if isinstance(outcome, Caller) else scope.get(CALLER)
        self._events.accessed(
            PatientDataAccess(
                at=self._now(),
                user=(who.name if who else "") or _by_link(scope),
                role=who.role if who else None,
                address=(scope.get("client") or ("",))[0],
                kind=rule.data,
                uid=scope.get(EXAM) or _uid(scope.get("path_params", {})),
                method=rule.method,
                path=rule.path,
                change=rule.changes_data,
                status=status,
                asked=_asked(scope),
            )
        )


def session_of(headers: Headers) -> str:
    """The session's secret in a request's cookie; '' where there is none."""
    secret = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
    return secret if len(secret) <= _LONGEST_SECRET else ""


def is_own_origin(headers: Headers) -> bool:
    """Whether a browser says that a page of this very server asks: its Origin is the Host."""
    origin = headers.get("origin", "").partition("://")[2]
    return bool(origin) and origin.lower() == headers.get("host", "").lower()


def caller_of(scope: Scope) -> Caller | None:
    """Who a route is called by; None on a server without access rules."""
    caller: Caller | None = scope.get(CALLER)
    return caller


def _asked(scope: Scope) -> bytes:
    """Path and query as they came, and the body of a search."""
    query = scope.get("query_string", b"")
    path = scope.get("path", "").encode() + (b"?" + query if query else b"")
    return bytes(path + scope.get(_BODY, b""))[:ASKED_BYTES]


def _by_link(scope: Scope) -> str:
    link = scope.get(WATCH_LINK, "")
    return f"watch link {link}" if link else ""


def _bearer(headers: Headers) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return ""
    token = token.strip()
    return token if len(token) <= _LONGEST_SECRET else "too long"


def _uid(parameters: Mapping[str, object]) -> str:
    """Of the exam, study or instance that a path names."""
    named = (parameters.get(name) for name in ("uid", "exam", "study", "instance", "series"))
    return next((str(value)[:64] for value in named if value), "")


class _Guarded:
    """One route behind the rules."""

    def __init__(self, app: ASGIApp, rules: Mapping[str, Rule], admission: Admission) -> None:
        self._app, self._rules, self._admission = app, rules, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        rule = self._rules.get(scope["method"] if is_http else WEBSOCKET)
        if rule is None or not rule.needs_caller:  # without a rule, the route answers 405
            await self._app(scope, receive, send)
            return
        outcome = await self._admission.ask(rule, scope)
        if isinstance(outcome, Refusal):
            self._admission.tell(rule, scope, outcome, outcome.status)
            await refusal_answer(outcome)(scope, receive, send)
            return
        scope[CALLER] = outcome
        if is_http:
            await self._answer(rule, outcome, scope, receive, send)
        else:
            await self._hold_open(rule, outcome, scope, receive, send)

    async def _answer(
        self, rule: Rule, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        checked = time.monotonic()

        async def checked_send(message: Message) -> None:
            nonlocal checked
            if message["type"] == "http.response.start":
                self._admission.tell(rule, scope, caller, message["status"])
            elif message.get("more_body") and time.monotonic() - checked >= RECHECK_S:
                if isinstance(await self._admission.ask(rule, scope), Refusal):
                    raise AccessEnded
                checked = time.monotonic()
            await send(message)

        async def noted_receive() -> Message:
            message = await receive()
            if len(scope.get(_BODY, b"")) < ASKED_BYTES:
                scope[_BODY] = scope.get(_BODY, b" ") + message.get("body", b"")
            return message

        await self._app(scope, noted_receive if rule.search else receive, checked_send)

    async def _hold_open(
        self, rule: Rule, caller: Caller, scope: Scope, receive: Receive, send: Send
    ) -> None:
        ended = asyncio.Event()
        told = False

        async def watch() -> None:
            while not isinstance(await self._admission.ask(rule, scope), Refusal):
                await asyncio.sleep(RECHECK_S)
            ended.set()

        async def receive_until_ended() -> Message:
            coming = asyncio.ensure_future(receive())
            ending = asyncio.ensure_future(ended.wait())
            try:
                await asyncio.wait({coming, ending}, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    return coming.result()
            finally:
                ending.cancel()
                coming.cancel()
            with suppress(Exception):  # it may have closed by itself meanwhile
                await send({"type": "websocket.close", "code": SESSION_ENDED})
            return {"type": "websocket.disconnect", "code": SESSION_ENDED}

        async def send_until_ended(message: Message) -> None:
            nonlocal told
            if ended.is_set() and message["type"] != "websocket.close":
                raise AccessEnded
            if not told:  # the first message accepts or refuses the connection
                told = True
                self._admission.tell(rule, scope, caller, _status_of(message))
            await send(message)

        watching = asyncio.create_task(watch())
        try:
            await self._app(scope, receive_until_ended, send_until_ended)
        finally:
            watching.cancel()


def _status_of(message: Message) -> int:
    """What a handshake is answered: 101, the status of a denial, or 403 for a close before it."""
    if message["type"] == "websocket.accept":
        return 101
    return int(message.get("status", 403))


def refusal_answer(refusal: Refusal) -> Response:
    """A refusal as every error of the API."""
    body = {"error": refusal.error, "field": "", "remedy": refusal.remedy}
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None
    return JSONResponse(body, status_code=refusal.status, headers=headers)
