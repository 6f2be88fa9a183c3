"""A part of an answer (RFC 9110 14), and whether the caller has the answer already (13). Pure."""

from __future__ import annotations

import re

from echonode.dicomweb.answers import Refused

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII)


def read_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Offset and length of what is asked for; None for all of it.

    Several ranges, and other units, are as if there were none (14.2). Raises Refused 416.
    """
    found = _RANGE.fullmatch(header) if header else None
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:  # the last so many bytes
        length = min(int(found[2]), size)
        first, last = size - length, size - 1
    else:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < first:
            return None  # 14.1.1: no valid range
    if first >= size or last < first:
        raise Refused(416, f"the range is not within its {size} bytes")
    return first, last - first + 1


def has_it(if_none_match: str | None, etag: str) -> bool:
    """Whether If-None-Match (13.1.2) names this entity tag, with its quotation marks."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or "*" in tags
