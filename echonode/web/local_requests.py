"""Requests that change something or name a patient: only from this machine, with a small JSON body.

Rules
- There is no log-in here. Guard refuses what a browser brings from another site; this refuses
  every caller elsewhere.
- A body is one JSON object, bounded; what is no such thing is answered 400 with the field at fault.
- An error is {error, field, remedy}: what is wrong, where, and what to do; '' where there is none.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from echonode.errors import (
    CaptureRefused,
    Doubtful,
    FieldRefused,
    IllegalTransition,
    InvalidObject,
    NetworkError,
    OperatorRefused,
    StoreError,
    UsageError,
)

# A name in three scripts and a few hundred UIDs fit in a quarter of it.
MAX_BODY_BYTES = 64 * 1024

Fields = Mapping[str, Any]
# The request's fields -> what is answered: a value for JSON, or a response. Raises what `answer`
# maps.
Work = Callable[[Fields], object]


def is_local(request: Request) -> bool:
    """Whether the connection comes from this machine: by loopback, or from the address it is to."""
    if request.client is None:
        return False
    host, server = request.client.host, request.scope.get("server")
    try:
        return ipaddress.ip_address(host).is_loopback or (server is not None and host == server[0])
    except ValueError:
        return False


async def answer(request: Request, work: Work, *, status: int = 200) -> Response:
    """Check who asks and what, then work in a thread: it reads the database, or waits for a probe.

    status: of a success.
    """
    if not is_local(request):
        return error(403, "only from this machine", remedy="use the command there")
    try:
        fields = await _fields(request)
    except FieldRefused as refused:
        return error(400, str(refused), field=refused.field, remedy=refused.remedy)
    except ClientDisconnect:  # before the end of its body; no one reads this answer
        return error(400, "the body is cut off")
    return await run_in_threadpool(_worked, work, fields, status)


def _worked(work: Work, fields: Fields, status: int) -> Response:
    try:
        done = work(fields)
        return done if isinstance(done, Response) else JSONResponse(done, status_code=status)
    except FieldRefused as refused:
        return error(400, str(refused), field=refused.field, remedy=refused.remedy)
    except UsageError as unknown:
        return error(404, str(unknown))
    except Doubtful as doubtful:
        return error(
            409,
            str(doubtful),
            field="patient",
            remedy="send worklist_item, or the patient again with confirmed: true",
            candidates=list(doubtful.candidates),
        )
    except (OperatorRefused, IllegalTransition, CaptureRefused) as refused:
        return error(409, str(refused))
    except InvalidObject as invalid:
        return error(422, str(invalid), remedy="correct the value at the source that it came from")
    except NetworkError as away:
        return error(502, str(away), remedy="try again, or run echonode preflight")
    except StoreError as failed:
        return error(503, str(failed), remedy="try again once the disk has room")


def error(
    status: int, text: str, *, field: str = "", remedy: str = "", **more: object
) -> JSONResponse:
    """An answer that says what is wrong."""
    body = {"error": text, "field": field, "remedy": remedy, **more}
    return JSONResponse(body, status_code=status)


async def _fields(request: Request) -> Fields:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            raise FieldRefused("body", "is too long", f"send at most {MAX_BODY_BYTES} bytes")
    try:
        fields = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise FieldRefused("body", "is not JSON", "send one object") from None
    if not isinstance(fields, dict):
        raise FieldRefused("body", "is no object", "send {...}")
    return fields


def only(fields: Fields, *names: str) -> None:
    """Raises FieldRefused for a field that is not in `names`."""
    for name in fields:
        if name not in names:
            may_be = f"leave it out; there is {', '.join(names)}" if names else "leave it out"
            raise FieldRefused(name[:64], "is not known here", may_be)


def text(fields: Fields, name: str, *, needed: bool = False) -> str:
    """A field that is a string; '' where it is missing. Raises FieldRefused."""
    value = fields.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not value:
        raise FieldRefused(name, "is missing" if value is None else "is not text", "give a string")
    return value


def number(fields: Fields, name: str) -> float:
    """A field that is a finite number. Raises FieldRefused."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        raise FieldRefused(name, "is not a number", "give a number")
    return float(value)


def whole(fields: Fields, name: str) -> int | None:
    """A field that is a whole number from 0 on; None where it is missing. Raises FieldRefused."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise FieldRefused(name, "is not a whole number", "give a number from 0 on")
    return value
