"""Operations of the audit trail."""

from __future__ import annotations

from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import COUNT, TEXT, list_of, object_of

_NUMBER_OR_NONE = {"type": ["integer", "null"]}
_RECORD = object_of(
    ("seq", "at", "kind", "outcome", "user"),
    seq=COUNT,
    at=TEXT,
    kind=TEXT,
    type=TEXT,
    action=TEXT,
    outcome=COUNT,
    user=TEXT,
    participants=list_of({"type": "object"}),
    patient={"type": ["object", "null"]},
    erased={"type": "boolean"},
    studies=list_of({"type": "object"}),
    query={"type": ["object", "null"]},
    subject=TEXT,
    description=TEXT,
    hash=TEXT,
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="post",
        path="/api/audit/search",
        summary="Records, the newest first; next: give it as `before` for the next page",
        body=object_of(since=TEXT, until=TEXT, user=TEXT, patient=TEXT, kind=TEXT, before=COUNT),
        answer=object_of(
            ("records", "next"),
            records=list_of(_RECORD),
            next=_NUMBER_OR_NONE,
            reached={"type": ["string", "null"], "format": "date-time"},
            looked=COUNT,
            of=COUNT,
        ),
    ),
    Operation(
        method="post",
        path="/api/audit/export",
        summary="Every record that is looked for, one a line, the newest first",
        body=object_of(since=TEXT, until=TEXT, user=TEXT, patient=TEXT, kind=TEXT),
        media_type="application/x-ndjson",
    ),
    Operation(
        method="post",
        path="/api/audit/verify",
        summary="Read every record: whether the chain is whole, and the first that is not",
        body=object_of(),
        answer=object_of(
            ("records", "whole"),
            records=COUNT,
            first=COUNT,
            last=COUNT,
            checkpoint=TEXT,
            erased=COUNT,
            whole={"type": "boolean"},
            broken={"type": ["object", "null"]},
        ),
    ),
)
