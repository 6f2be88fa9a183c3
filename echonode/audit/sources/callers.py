"""Log-ins and refused callers as audit events (PS3.15 A.5.3.12, A.5.3.11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from echonode.access.events import Authentication
from echonode.audit.codes import Action, EventType, Kind, Outcome
from echonode.audit.event import AuditEvent, Participant

Tell = Callable[[AuditEvent], None]


@dataclass(frozen=True)
class AuditedCallers:
    """Takes log-ins (AuthenticationEvents) and callers that were refused an association."""

    tell: Tell
    us: Participant
    now: Callable[[], datetime]

    def authenticated(self, event: Authentication) -> None:
        """A log-in, granted or not, or a log-out."""
        self.tell(
            AuditEvent(
                at=event.at,
                kind=Kind.LOGIN if event.entered else Kind.LOGOUT,
                action=Action.EXECUTE,
                outcome=Outcome.SUCCESS if event.granted else Outcome.MINOR_FAILURE,
                description=event.reason,
                participants=(
                    Participant(
                        user=event.user or "unknown", requestor=True, address=event.address
                    ),
                    replace(self.us, role=None),
                ),
            )
        )

    def refused(self, *, address: str, ae_title: str, reason: str, count: int) -> None:
        """An association, or its TLS, that was refused: at once, then with a count."""
        times = f" ({count} times)" if count > 1 else ""
        self.tell(
            AuditEvent(
                at=self.now(),
                kind=Kind.ALERT,
                type=EventType.NODE_AUTHENTICATION,
                action=Action.EXECUTE,
                outcome=Outcome.MINOR_FAILURE,
                description=f"{reason}{times}",
                participants=(
                    replace(self.us, role=None),
                    Participant(
                        user=address or "unknown",
                        also=f"AETITLES={ae_title}" if ae_title else "",
                        requestor=True,
                        address=address,
                    ),
                ),
                subject=ae_title or address,
            )
        )
