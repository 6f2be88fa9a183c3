"""The events of an archive as lines: for a person, or as JSON.

Rules
- One line an event, whatever the wire brought: control characters are escaped.
- UIDs, AE titles, sizes and statuses; no attribute of a patient is read, so none is printed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_HEXADECIMAL = {"status"}
# What a person reads first, by event; the rest follows as key=value.
_SENTENCES = {
    "association_accepted": "association accepted",
    "association_rejected": "association rejected",
    "association_unanswered": "association not answered",
    "broke_off": "the archive breaks off",
    "released": "released",
    "echo": "C-ECHO",
    "store": "C-STORE",
    "find": "C-FIND",
    "commitment_asked": "commitment requested",
    "reported": "commitment reported",
    "pdu_too_long": "FAULT OF THE SENDER: a PDU is longer than was agreed",
    "aborted_by_sender": "the sender aborts",
    "connection_ended": "the connection ended",
    "failed": "the sender's message cannot be read",
}


def as_text(kind: str, fields: Mapping[str, Any], at: datetime) -> str:
    """A line for a person."""
    words = [f"{key}={_shown(key, value)}" for key, value in fields.items() if value != ""]
    return "  ".join([f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", _SENTENCES[kind], *words])


def as_json(kind: str, fields: Mapping[str, Any], at: datetime) -> str:
    """A line for a program; `time` is UTC, ISO 8601."""
    shown = {
        key: _shown(key, value) if key in _HEXADECIMAL else value for key, value in fields.items()
    }
    return json.dumps({"time": at.isoformat(timespec="milliseconds"), "event": kind, **shown})


def _shown(key: str, value: object) -> str:
    if value is None:
        return "none"
    if key in _HEXADECIMAL and isinstance(value, int):
        return f"{value:04X}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if not text.isprintable():
        text = text.encode("unicode_escape").decode()
    return f'"{text}"' if " " in text else text
