"""Keys that a server refuses: found by halves, remembered for each peer, tried again after a week.

Rules
- Some servers answer a query with A900 or Cxxx, or abort, for one key that they do not know, where
  PS3.4 K.4.1.1.4 wants the key ignored. Asked without it they serve.
- `refused_among` is pure: it decides by a predicate which keys are at fault.
- What was found is durable: a node that restarts asks rightly at once. It is forgotten after
  FORGET_AFTER, because servers are updated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from echonode.exam.worklist.query import OPTIONAL_KEYS
from echonode.store.database.key_value import KeyValue

FORGET_AFTER = timedelta(days=7)
# Queries for one search: one refused key of 46 takes 12, three take 30. A server that needs more
# refuses whole groups of keys, and is asked without what is not yet cleared.
MOST_TRIALS = 48


def refused_among(
    keys: Sequence[str], accepts: Callable[[Sequence[str]], bool], *, most_trials: int = MOST_TRIALS
) -> frozenset[str]:
    """Which of `keys`, refused together, a server has to be asked without.

    accepts: whether it takes a query with these optional keys and no others. Two halves that are
    each accepted and not together are too many: the second is left out.
    """
    left = most_trials

    def at_fault(part: Sequence[str], *, known: bool) -> frozenset[str]:
        nonlocal left
        if not known:
            if left == 0:
                return frozenset(part)
            left -= 1
            if accepts(part):
                return frozenset()
        if len(part) == 1:
            return frozenset(part)
        middle = len(part) // 2
        first = at_fault(part[:middle], known=False)
        second = at_fault(part[middle:], known=False)
        return first | second or frozenset(part[middle:])

    return at_fault(keys, known=True) if keys else frozenset()


class RefusedKeys:
    """What one peer has to be asked without. Used by one thread at a time for writing."""

    def __init__(self, notes: KeyValue, peer_name: str, *, now: Callable[[], datetime]) -> None:
        self._notes = notes
        self._name = f"worklist_refused_keys {peer_name}"
        self._now = now

    def left_out(self) -> frozenset[str]:
        """The keys; none where nothing was found, or it is too long ago. Raises StoreError."""
        try:
            found = json.loads(self._notes.read(self._name) or "{}")
            at = datetime.fromisoformat(found["at"])
            keys = frozenset(found["keys"])
        except (ValueError, KeyError, TypeError):
            return frozenset()
        # A clock that was set back makes it younger than new: then it is asked again, too.
        age = self._now() - at
        return keys & set(OPTIONAL_KEYS) if timedelta() <= age < FORGET_AFTER else frozenset()

    def remember(self, keys: frozenset[str]) -> None:
        """Durable on return. Raises StoreError."""
        text = json.dumps({"at": self._now().isoformat(), "keys": sorted(keys)})
        self._notes.write(self._name, text)
