"""Requests of the API: a small JSON body, an answer in JSON, and errors in one form.

Rules
- Who may ask is not decided here but before (admission.py).
- A body is one JSON object, bounded; what is no such thing is answered 400 with the field at fault.
- An error is {error, field, remedy}: what is wrong, where, and what to do; '' where there is none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from echonode.errors import (
    CaptureRefused,
    Doubtful,
    FieldRefused,
    IllegalTransition,
    InvalidObject,
    LoginRefused,
    NetworkError,
    OperatorRefused,
    StoreError,
    TriedTooOften,
    UsageError,
)

# A name in three scripts and a few hundred UIDs fit in a quarter of it.
MAX_BODY_BYTES = 64 * 1024

Fields = Mapping[str, Any]
# The request's fields -> what is answered, as JSON or a Response. Raises what `answer` maps.
Work = Callable[[Fields], object]


async def answer(
    request: Request, work: Work, *, status: int = 200, threads: CapacityLimiter | None = None
) -> Response:
    """Check what is asked, then work in a thread: it reads the database, or waits for a probe.

    status: of a success. threads: that the work waits for, where they are not those of all routes.
    """
    try:
        fields = await _fields(request)
    except FieldRefused as refused:
        return error(400, str(refused), field=refused.field, remedy=refused.remedy)
    except ClientDisconnect:  # before the end of its body; no one reads this answer
        return error(400, "the body is cut off")
    return await to_thread.run_sync(_worked, work, fields, status, limiter=threads)


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
    except LoginRefused as refused:
        return error(401, str(refused), remedy=refused.remedy)
    except TriedTooOften as often:
        answer = error(429, str(often), remedy="wait, then try again")
        answer.headers["Retry-After"] = str(math.ceil(often.wait_s))
        return answer
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


def truth(fields: Fields, name: str) -> bool:
    """A field that is true or false; false where it is missing. Raises FieldRefused."""
    value = fields.get(name, False)
    if not isinstance(value, bool):
        raise FieldRefused(name, "is neither true nor false", "give one of them")
    return value


def whole(fields: Fields, name: str) -> int | None:
    """A field that is a whole number from 0 on; None where it is missing. Raises FieldRefused."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        raise FieldRefused(name, "is not a whole number", "give a number from 0 on")
    return value
