"""How long a session lasts, and when it locks by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# How exactly `seen_at` is kept: a write for each request would be one for each poll of a page.
SEEN_EVERY = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class SessionRules:
    """lasts: since the log-in, whatever happens. locks_after: without a request; None: never.

    A page asks every second or two, and locks itself when it is not touched; a tablet that sleeps
    asks nothing, and its session is locked by this rule.
    """

    lasts: timedelta
    locks_after: timedelta | None

    def is_over(self, *, created_at: datetime, now: datetime) -> bool:
        """Whether the session has ended. A clock that was set back ends it too."""
        return not created_at - SEEN_EVERY <= now < created_at + self.lasts

    def is_locked(self, *, locked: bool, seen_at: datetime, now: datetime) -> bool:
        """Whether the session waits for its PIN or password."""
        if locked or self.locks_after is None:
            return locked
        return now - seen_at > self.locks_after + SEEN_EVERY

    def is_to_note(self, *, seen_at: datetime, now: datetime) -> bool:
        """Whether that it was seen now is to be written down."""
        return abs(now - seen_at) >= SEEN_EVERY
