"""What the service can do, as an answer to OPTIONS (PS3.18 8.9).

Rules
- WADL where it is accepted, as the standard has it; else JSON with the same content.
- Nothing of it depends on what is stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from starlette.requests import Request
from starlette.responses import Response

from echonode.dicomweb.accept import accepted, takes_any
from echonode.dicomweb.searching import Handler

_WADL = "application/vnd.sun.wadl+xml"
_ALLOW = "GET, HEAD, POST, OPTIONS"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """path: below the service's. methods: without HEAD and OPTIONS. answers: media types."""

    path: str
    methods: tuple[str, ...]
    answers: tuple[str, ...]


def capabilities_handler(resources: Sequence[Resource], *, base: str) -> Handler:
    """Answers the list of resources."""
    as_json = json.dumps(
        {
            "resources": [
                {"path": each.path, "methods": each.methods, "answers": each.answers}
                for each in resources
            ]
        },
        indent=1,
    )
    as_wadl = _wadl(resources, base)

    async def capabilities(request: Request) -> Response:
        ranges = accepted(request.headers.get("accept", ""))
        media_type = takes_any(ranges, "application/json", _WADL) or "application/json"
        content = as_wadl if media_type == _WADL else as_json
        return Response(content, headers={"Allow": _ALLOW}, media_type=media_type)

    return capabilities


def _wadl(resources: Sequence[Resource], base: str) -> str:
    """Web Application Description Language (W3C submission, 2009)."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<application xmlns="http://wadl.dev.java.net/2009/02">',
        f"<resources base={quoteattr(base)}>",
    ]
    for each in resources:
        lines.append(f"<resource path={quoteattr(each.path.removeprefix('/'))}>")
        for method in each.methods:
            answers = "".join(
                f"<representation mediaType={quoteattr(kind)}/>" for kind in each.answers
            )
            lines.append(f'<method name="{method}"><response>{answers}</response></method>')
        lines.append("</resource>")
    return "\n".join([*lines, "</resources>", "</application>", ""])
