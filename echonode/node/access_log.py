"""Accesses to patients' data as log events, until an audit trail takes them as well.

Rules
- No value of a patient: the kind of data, and a UID or exam id, and only where it has that form.
- Who looks at a clip frame by frame accesses it once: the same access is logged again after
  AGAIN_S. What changes the data is logged each time.
- The memory of what was logged is bounded.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence

from echonode.access.events import AccessEvents, PatientDataAccess
from echonode.log import get_logger
from echonode.model.identity import is_valid_uid

log = get_logger(__name__)
AGAIN_S = 300.0
MOST = 4096
_EXAM_ID = re.compile(r"[A-Z0-9]{1,16}")


class AccessLog:
    """AccessEvents into the log. Used on the web server's event loop alone."""

    def __init__(self) -> None:
        self._logged: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def accessed(self, access: PatientDataAccess) -> None:
        """Log it, unless the same was logged a moment ago."""
        if not (access.change and access.granted) and self._is_known(access):
            return
        log.info(
            "patient_data_accessed",
            user=access.user,
            role=access.role,
            address=access.address,
            kind=access.kind.value,
            uid=named(access.uid),
            method=access.method,
            route=access.path,
            change=access.change,
            status=access.status,
        )

    def _is_known(self, access: PatientDataAccess) -> bool:
        who = access.user or access.address
        # A stranger's by route alone: they have as many UIDs as they like.
        is_known = access.granted or access.user
        what = (access.kind, named(access.uid)) if is_known else (access.path,)
        key = (who, access.granted, access.change, *what)
        at = access.at.timestamp()
        before = self._logged.get(key)
        if before is not None and 0 <= at - before < AGAIN_S:
            return True
        self._logged[key] = at
        self._logged.move_to_end(key)
        if len(self._logged) > MOST:
            self._logged.popitem(last=False)
        return False


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
