"""A record as a syslog message (RFC 5424), and its frame in a TLS stream (RFC 5425 4.3). Pure.

Rules
- Facility 10 (security); severity 5 (notice), 4 (warning) where the event failed (PS3.15 A.6).
- MSG is UTF-8 with its byte order mark (RFC 5424 6.4).
- `meta sequenceId` (RFC 5424 7.3.1) is the record's number in the trail: a receiver sees what is
  missing, and what came twice after a connection broke.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_FACILITY = 10
_NOTICE, _WARNING = 5, 4
_BOM = b"\xef\xbb\xbf"
_HIGHEST_SEQUENCE = 2**31 - 1  # then it begins at 1 again (RFC 5424 7.3.1)
_NOT_PRINTED = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, kw_only=True)
class Head:
    """What is the same of all messages. message_id: MSGID, which a receiver sorts by."""

    host: str
    application: str
    process: str
    message_id: str


def syslog_message(xml: bytes, head: Head, *, at: datetime, sequence: int, failed: bool) -> bytes:
    """One SYSLOG-MSG."""
    severity = _WARNING if failed else _NOTICE
    time = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    number = (sequence - 1) % _HIGHEST_SEQUENCE + 1
    words = (
        f"<{_FACILITY * 8 + severity}>1",
        time,
        _printed(head.host, 255),
        _printed(head.application, 48),
        _printed(head.process, 128),
        _printed(head.message_id, 32),
        f'[meta sequenceId="{number}"]',
    )
    return " ".join(words).encode("ascii") + b" " + _BOM + xml


def framed(message: bytes) -> bytes:
    """MSG-LEN SP SYSLOG-MSG (RFC 5425 4.3)."""
    return b"%d %s" % (len(message), message)


def _printed(text: str, longest: int) -> str:
    return _NOT_PRINTED.sub("_", text)[:longest] or "-"
