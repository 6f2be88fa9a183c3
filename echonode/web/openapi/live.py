"""Operations of probes, the live picture and watch links."""

from __future__ import annotations

from echonode.access.watch_links import LONGEST_MINUTES
from echonode.web.live.watch_address import LONGEST_ADDRESS
from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import (
    COUNT,
    TEXT,
    list_of,
    object_of,
    reference,
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path="/api/probes",
        summary="The probes: whether they are there, what they bring, who watches",
        answer=list_of(
            {
                "type": "object",
                "required": ["name", "connected"],
                "properties": {
                    "name": TEXT,
                    "connected": {"type": "boolean"},
                    "fps": {"type": "number"},
                    "exam": {"type": ["string", "null"]},
                    "capture_mode": {"enum": ["auto", "manual"]},
                    "frames_received": COUNT,
                    "frames_dropped": COUNT,
                    "viewers": COUNT,
                    "refusal": TEXT,
                    "problem": TEXT,
                    "state": TEXT,
                    "battery_percent": {"type": ["integer", "null"]},
                },
            }
        ),
    ),
    Operation(
        method="get",
        path="/api/probes/{probe}/live",
        summary="The live picture as a stream of JPEGs, each with X-Sequence and X-Captured-At",
        media_type="multipart/x-mixed-replace",
    ),
    Operation(
        method="get",
        path="/api/probes/{probe}/watch",
        summary="The links by which others watch the probe",
        answer=list_of(reference("WatchLink")),
    ),
    Operation(
        method="post",
        path="/api/probes/{probe}/watch",
        summary="A link by which another person watches the probe for so many minutes",
        status=201,
        body=object_of(
            ("minutes",),
            minutes={"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_MINUTES},
            address={
                "type": "string",
                "maxLength": LONGEST_ADDRESS,
                "description": "what `url` begins with, as the browser has it; else as asked for",
            },
        ),
        answer=reference("WatchLink"),
    ),
    Operation(
        method="delete", path="/api/probes/{probe}/watch", summary="End all links to the probe"
    ),
    Operation(
        method="delete",
        path="/api/probes/{probe}/watch/{link}",
        summary="End one of them, by its id",
    ),
)
