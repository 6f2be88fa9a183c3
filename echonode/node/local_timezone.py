"""The zone that dates in our objects are written in, with its summer time."""

from __future__ import annotations

import os
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def local_zone() -> tzinfo:
    """TZ where it names a zone, else the machine's own, else UTC (as in most containers)."""
    try:
        if name := os.environ.get("TZ"):
            return ZoneInfo(name)
        with Path("/etc/localtime").open("rb") as rules:
            return ZoneInfo.from_file(rules, key="localtime")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
