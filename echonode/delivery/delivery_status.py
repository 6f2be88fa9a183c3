"""The state of the delivery to one destination: for status, alarms and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Contact(StrEnum):
    """What came of the last call to a destination."""

    NOT_TRIED = "not_tried"
    REACHED = "reached"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, kw_only=True)
class DeliveryStatus:
    """One destination at one moment; the texts are for the operator.

    contact, heard_at: what came of the last call, and when it last answered anything. unreachable:
    why it cannot be reached. stalled: what on our own side stops deliveries. unpromising: why it
    takes no commitment requests, and the remedy. Each is '' where there is no such problem.
    associations: open to it. accepts: SOP class -> transfer syntaxes that it accepts. paused_s: how
    long it is not called, because of its last failure; 0 where it is not paused.
    sent_per_minute: what it stored, over the last minutes.
    """

    contact: Contact = Contact.NOT_TRIED
    heard_at: datetime | None = None
    unreachable: str = ""
    stalled: str = ""
    unpromising: str = ""
    associations: int = 0
    accepts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    paused_s: float = 0.0
    sent_per_minute: float = 0.0

    @property
    def problem(self) -> str:
        """All of its problems in one text; '' where there is none."""
        return "; ".join(
            words for words in (self.stalled, self.unreachable, self.unpromising) if words
        )
