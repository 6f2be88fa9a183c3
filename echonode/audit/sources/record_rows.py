"""What a row of an audit table says: which event is recorded, or why none is. Pure values."""

from __future__ import annotations

from dataclasses import dataclass

from echonode.audit.codes import EVENT_IDS, EVENT_TYPES, TYPE_OF_KIND, Action, EventType, Kind


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The event that something leaves (PS3.15 A.5.1).

    by: which part of the node records it, where the request itself does not; '' otherwise.
    """

    kind: Kind
    action: Action
    type: EventType | None = None
    by: str = ""

    @property
    def event_type(self) -> EventType | None:
        """EventTypeCode: its own, or the one that goes with the kind."""
        return self.type or TYPE_OF_KIND.get(self.kind)

    def __str__(self) -> str:
        """As a document shows it: EventID, EventTypeCode, EventActionCode."""
        code = EVENT_IDS[self.kind]
        kind = self.event_type
        typed = f", {EVENT_TYPES[kind]} ({kind.value})" if kind else ""
        by = f"; recorded by {self.by}" if self.by else ""
        return f"{code.meaning} ({code.value}){typed}, {self.action.value}{by}"


@dataclass(frozen=True)
class Unrecorded:
    """Something that leaves no record of its own, with the reason."""

    reason: str

    def __str__(self) -> str:
        return f"none: {self.reason}"


Row = Recorded | Unrecorded
