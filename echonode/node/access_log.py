"""Accesses to patients' data as log events; the audit trail has them with their patients.

Rules
- No value of a patient: the kind of data, and a UID or exam id, and only where it has that form.
- The same access again is logged once in a while (access/repetition.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from echonode.access.events import AccessEvents, PatientDataAccess
from echonode.access.repetition import Repetition
from echonode.log import get_logger
from echonode.model.identity import is_valid_uid

log = get_logger(__name__)
_EXAM_ID = re.compile(r"[A-Z0-9]{1,16}")


class AccessLog:
    """AccessEvents into the log. Used on the web server's event loop alone."""

    def __init__(self) -> None:
        self._repetition = Repetition()

    def accessed(self, access: PatientDataAccess) -> None:
        """Log it, unless the same was logged a moment ago."""
        access = replace(access, uid=named(access.uid))
        if not access.kind or not self._repetition.is_new(access):
            return
        log.info(
            "patient_data_accessed",
            user=access.user,
            role=access.role,
            address=access.address,
            kind=access.kind.value,
            uid=access.uid,
            method=access.method,
            route=access.path,
            change=access.change,
            status=access.status,
        )


class Told:
    """Several subscribers to accesses."""

    def __init__(self, subscribers: Sequence[AccessEvents]) -> None:
        self._subscribers = tuple(subscribers)

    def accessed(self, access: PatientDataAccess) -> None:
        """Give it to each; what one raises is logged, and the others still get it."""
        for subscriber in self._subscribers:
            try:
                subscriber.accessed(access)
            except Exception:
                log.exception("access_event_lost")


def named(uid: str) -> str:
    """A UID or exam id; '' for a text of any other form, which a caller made up."""
    return uid if is_valid_uid(uid) or _EXAM_ID.fullmatch(uid) else ""
