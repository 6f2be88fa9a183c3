"""One operation of the API."""

from __future__ import annotations

from dataclasses import dataclass, field

from echonode.web.openapi.schema import Schema


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of a path. body: schema of the request's; answer: of the success."""

    method: str
    path: str
    summary: str
    status: int = 200
    body: Schema | None = None
    answer: Schema = field(default_factory=dict)
    query: tuple[str, ...] = ()
    media_type: str = "application/json"
