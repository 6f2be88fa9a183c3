"""Accesses to a patient's data, as an audit trail takes them (IHE ITI TF-2 3.20, PS3.15 A.5).

No value of a patient: who asked, for what kind of data, under which UID, and what became of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from echonode.access.roles import Role
from echonode.access.route_table import DataKind


@dataclass(frozen=True, kw_only=True)
class PatientDataAccess:
    """One request for a patient's data.

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

    @property
    def granted(self) -> bool:
        """Whether the caller got it."""
        return self.status < 400


class AccessEvents(Protocol):
    """Takes each access; called once the request is answered, on the event loop."""

    def accessed(self, access: PatientDataAccess) -> None:
        """Must be quick and must not raise."""
