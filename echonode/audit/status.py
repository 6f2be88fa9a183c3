"""How recording and sending stand, for alarms, metrics and the command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class RecorderStatus:
    """records: in the trail, ever. lost: events without a record since the start. problem: why
    nothing can be written now, ''. full: the trail is at its limit. waiting: events in memory.
    size: of the trail, in bytes.
    """

    records: int = 0
    lost: int = 0
    waiting: int = 0
    problem: str = ""
    full: bool = False
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class ForwardingStatus:
    """unsent: records that the receiver does not have. since: when the oldest of them was made.
    problem: why it cannot be reached, '' where it can.
    """

    unsent: int = 0
    since: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditStatus:
    """sending: None where there is no receiver."""

    recording: RecorderStatus = RecorderStatus()
    sending: ForwardingStatus | None = None
