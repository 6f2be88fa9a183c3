"""What is asked over HTTP, as an audit trail takes it (IHE ITI TF-2 3.20, PS3.15 A.5).

Who asked, for what kind of data, under which UID, and what became of it. `asked` may name a patient
(a search does): it is for the audit trail alone, and never for a log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from echonode.access.roles import Role
from echonode.access.route_table import DataKind

ASKED_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class PatientDataAccess:
    """One request for a patient's data, or one that changes the node; kind is '' of the latter.

    user: of the caller, `local command`, or '' where it is not known or there are no users; then
    role says nothing. uid: of the exam, study or instance, '' where the request is
    about several. change: it changes the data. status: of HTTP; 101 for a WebSocket that was
    opened. address: the caller's.
    """

    at: datetime
    user: str
    role: Role | None
    address: str
    kind: DataKind
    uid: str
    method: str
    path: str
    change: bool
    status: int
    asked: bytes = b""

    @property
    def granted(self) -> bool:
        """Whether the caller got it."""
        return self.status < 400


@dataclass(frozen=True, kw_only=True)
class Authentication:
    """A try to log in, or a log-out. user: as it was typed. reason: of a try that failed."""

    at: datetime
    user: str
    address: str
    entered: bool
    granted: bool = True
    reason: str = ""


class AuthenticationEvents(Protocol):
    """Takes each, of any thread."""

    def __call__(self, event: Authentication, /) -> None:
        """Must be quick and must not raise."""


class AccessEvents(Protocol):
    """Takes each access; called once the request is answered, on the event loop."""

    def accessed(self, access: PatientDataAccess) -> None:
        """Must be quick and must not raise."""
