"""Logging in, and one's own session: set-up, log-in, lock with a quick return, log-out.

Rules
- The session's secret goes out in a cookie that no script reads and that no other site's request
  carries (HttpOnly, SameSite=Strict; Secure where the page came by TLS), and nowhere else.
- What computes a password's hash waits for a thread of its own: a flood of log-ins takes the
  threads of no other route. Beyond MOST_WAITING the rest are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from echonode.access.callers import UNKNOWN, Caller
from echonode.web.admission import COOKIE, caller_of, session_of
from echonode.web.json_requests import Fields, answer, error, only, text

MOST_WAITING = 16  # each takes some 0.15 s: a person waits 3 s at most
LANGUAGES = ("en", "fr")
Json = Mapping[str, Any]
_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([0-9.]{1,5}))?\s*")


class SessionApi(Protocol):
    """What the routes call. Raises LoginRefused, TriedTooOften, FieldRefused, OperatorRefused,
    StoreError. address: where the request comes from.
    """

    @property
    def lasts_s(self) -> int:
        """How long a session lasts."""

    def standing(self, caller: Caller, secret: str) -> Json:
        """Who is logged in, and how; what a page must know before it shows anything."""

    def set_up(self, *, code: str, name: str, password: str, address: str) -> str:
        """Make the first user, an administrator, by the set-up code; the secret of a session."""

    def log_in(self, *, name: str, password: str, address: str) -> str:
        """The secret of a new session."""

    def log_out(self, caller: Caller, *, address: str) -> None: ...

    def lock(self, caller: Caller) -> None: ...

    def unlock(self, caller: Caller, *, pin: str, password: str, address: str) -> None: ...

    def set_pin(self, caller: Caller, *, pin: str) -> None: ...

    def set_password(self, caller: Caller, *, old: str, new: str, address: str) -> None: ...


# The API, the request and its fields -> what is answered, as JSON or a Response.
_Act = Callable[[SessionApi, Request, Fields], object]


def session_routes(api: SessionApi) -> list[BaseRoute]:
    """/api/session and below, /api/setup, /api/login and /api/logout."""
    hashing = CapacityLimiter(1)

    def route(path: str, act: _Act, *, method: str = "POST", hashes: bool = False) -> Route:
        async def endpoint(request: Request) -> Response:
            if hashes and hashing.statistics().tasks_waiting >= MOST_WAITING:
                return error(503, "too many log-ins at this moment", remedy="try again soon")
            threads = hashing if hashes else None
            return await answer(request, lambda fields: act(api, request, fields), threads=threads)

        return Route(path, endpoint, methods=[method])

    return [
        route("/api/session", _standing, method="GET"),
        route("/api/setup", _set_up, hashes=True),
        route("/api/login", _log_in, hashes=True),
        route("/api/logout", _log_out),
        route("/api/session/lock", _lock),
        route("/api/session/unlock", _unlock, hashes=True),
        route("/api/session/pin", _set_pin, hashes=True),
        route("/api/session/password", _set_password, hashes=True),
    ]


def _standing(api: SessionApi, request: Request, _fields: Fields) -> Json:
    language = preferred_language(request.headers.get("accept-language", ""))
    return {**api.standing(_caller(request), session_of(request.headers)), "language": language}


def _set_up(api: SessionApi, request: Request, fields: Fields) -> Response:
    only(fields, "code", "name", "password")
    secret = api.set_up(
        code=text(fields, "code", needed=True),
        name=text(fields, "name", needed=True),
        password=text(fields, "password", needed=True),
        address=_address(request),
    )
    return _with_cookie(request, secret, api.lasts_s, status=201)


def _log_in(api: SessionApi, request: Request, fields: Fields) -> Response:
    only(fields, "name", "password")
    secret = api.log_in(
        name=text(fields, "name", needed=True),
        password=text(fields, "password", needed=True),
        address=_address(request),
    )
    return _with_cookie(request, secret, api.lasts_s, status=200)


def _log_out(api: SessionApi, request: Request, fields: Fields) -> Response:
    only(fields)
    api.log_out(_caller(request), address=_address(request))
    done = JSONResponse({})
    done.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_is_tls(request))
    return done


def _lock(api: SessionApi, request: Request, fields: Fields) -> Json:
    only(fields)
    api.lock(_caller(request))
    return {}


def _unlock(api: SessionApi, request: Request, fields: Fields) -> Json:
    only(fields, "pin", "password")
    api.unlock(
        _caller(request),
        pin=text(fields, "pin"),
        password=text(fields, "password", needed="pin" not in fields),
        address=_address(request),
    )
    return {}


def _set_pin(api: SessionApi, request: Request, fields: Fields) -> Json:
    only(fields, "pin")
    api.set_pin(_caller(request), pin=text(fields, "pin", needed=True))
    return {}


def _set_password(api: SessionApi, request: Request, fields: Fields) -> Json:
    only(fields, "old", "new")
    api.set_password(
        _caller(request),
        old=text(fields, "old", needed=True),
        new=text(fields, "new", needed=True),
        address=_address(request),
    )
    return {}


def preferred_language(accepted: str) -> str:
    """The one of LANGUAGES that an Accept-Language (RFC 9110 12.5.4) asks for first."""
    best, language = 0.0, LANGUAGES[0]
    for part in accepted[:1000].split(","):
        if not (found := _RANGE.fullmatch(part)):
            continue
        try:
            weight = float(found.group(2) or 1)
        except ValueError:
            continue
        if found.group(1).lower() in LANGUAGES and weight > best:
            best, language = weight, found.group(1).lower()
    return language


def _with_cookie(request: Request, secret: str, lasts_s: int, *, status: int) -> Response:
    done = JSONResponse({}, status_code=status)
    done.set_cookie(
        COOKIE,
        secret,
        max_age=lasts_s,
        httponly=True,
        samesite="strict",
        secure=_is_tls(request),
    )
    return done


def _is_tls(request: Request) -> bool:
    return request.url.scheme == "https"


def _caller(request: Request) -> Caller:
    return caller_of(request.scope) or UNKNOWN


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
