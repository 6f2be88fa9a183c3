"""The same access again: known for a while, so that it is logged and recorded once.

Rules
- Who looks at a clip frame by frame accesses it once: the same counts again after AGAIN_S. What
  changes the data counts each time.
- Of a stranger only the route counts: they have as many UIDs as they like.
- What is remembered is bounded.
"""

from __future__ import annotations

from collections import OrderedDict

from echonode.access.events import PatientDataAccess

AGAIN_S = 300.0
MOST = 4096


class Repetition:
    """What was seen a moment ago. One thread uses it."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[object, ...], float] = OrderedDict()

    def is_new(self, access: PatientDataAccess, *what: object) -> bool:
        """Whether it counts. what: it is the same only for the same values of these."""
        if access.change and access.granted:
            return True
        who = access.user or access.address
        is_known = access.granted or access.user
        about = (access.kind, access.uid, *what) if is_known else (access.method, access.path)
        key = (who, access.granted, access.change, *about)
        at = access.at.timestamp()
        before = self._seen.get(key)
        if before is not None and 0 <= at - before < AGAIN_S:
            return False
        self._seen[key] = at
        self._seen.move_to_end(key)
        if len(self._seen) > MOST:
            self._seen.popitem(last=False)
        return True
