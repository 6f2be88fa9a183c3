"""What an operator does over HTTP: changes to deliveries, and a preflight.

Rules
- Who may ask is decided before (admission.py). `echonode hold` and the like are a way in.
- Bodies are small JSON objects; anything else is answered 400.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from echonode.errors import OperatorRefused, StoreError, UsageError

MAX_BODY_BYTES = 4096
ACTIONS = frozenset({"hold", "release", "retry"})

# action, SOP Instance UID, destination or None for all -> what is answered. Raises OperatorRefused.
Act = Callable[[str, str, str | None], Mapping[str, object]]
# Study Instance UID -> what is answered. Raises OperatorRefused.
Acknowledge = Callable[[str], Mapping[str, object]]
# A peer's name, or None for all -> what is answered. Raises UsageError.
RunPreflight = Callable[[str | None], Mapping[str, object]]


def operator_routes(
    *, act: Act, preflight: RunPreflight, acknowledge: Acknowledge
) -> list[BaseRoute]:
    """POST /api/instances/UID/hold, /release and /retry {destination?}; /api/preflight {peer?};
    /api/studies/UID/acknowledge.
    """

    async def operate(request: Request) -> Response:
        action = request.path_params["action"]
        if action not in ACTIONS:
            return _error(404, "there is hold, release and retry")
        uid = request.path_params["uid"]
        return await _answer(request, "destination", lambda name: act(action, uid, name))

    async def run_preflight(request: Request) -> Response:
        return await _answer(request, "peer", preflight)

    async def acknowledge_study(request: Request) -> Response:
        uid = request.path_params["uid"]
        return await _answer(request, None, lambda _: acknowledge(uid))

    return [
        Route("/api/studies/{uid}/acknowledge", acknowledge_study, methods=["POST"]),
        Route("/api/instances/{uid}/{action}", operate, methods=["POST"]),
        Route("/api/preflight", run_preflight, methods=["POST"]),
    ]


async def _answer(
    request: Request, key: str | None, work: Callable[[str | None], Mapping[str, object]]
) -> Response:
    """Check what is asked, then work in a thread: it reads the database, or the network."""
    try:
        value = await _value(request, key)
    except ValueError as error:
        return _error(400, str(error))
    except ClientDisconnect:  # before the end of its body; no client reads this answer
        return _error(400, "the body is cut off")
    try:
        return JSONResponse(dict(await run_in_threadpool(work, value)))
    except UsageError as error:
        return _error(404, str(error))
    except OperatorRefused as error:
        return _error(409, str(error))
    except StoreError as error:
        return _error(503, str(error))


async def _value(request: Request, key: str | None) -> str | None:
    """The one key that the body may have, if any. Raises ValueError."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise ValueError("the body is too long")
    return _parsed(body, key)


def _parsed(body: bytes, key: str | None) -> str | None:
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ValueError("the body is not JSON") from None
    if not isinstance(fields, dict) or fields.keys() - {key}:
        may_have = f"that may have the key `{key}`" if key else "without keys"
        raise ValueError(f"the body is an object {may_have}")
    value = fields.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"`{key}` is a name")
    return value


def _error(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status_code=status)
