"""The journal follows the database while the node runs: twice a second, where something changed.

Rules
- What the disk refuses is tried again at the next look; the alarms of the disk say why.
- A journal that has grown is written as a whole again, with pauses between its parts.
"""

from __future__ import annotations

from echonode.errors import StoreError
from echonode.log import get_logger
from echonode.store.journal.journal import FLUSH_EVERY_S, Journal
from echonode.threads import RecurringThread

log = get_logger(__name__)

_AGAIN_AFTER_S = 10.0  # after a look that failed


class Journaling:
    """A thread of its own; `look` is what it does."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._is_refused = False
        self._thread = RecurringThread(
            "journal", self.look, on_stalled=self._stalled, stalled_s=_AGAIN_AFTER_S
        )

    def start(self) -> None:
        """Begin with a look at once."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End after the look under way; the store's closing does the last. False: not in time."""
        self._journal.give_up()
        self._thread.ask_stop()
        return self._thread.join(deadline_s)

    def look(self) -> float:
        """Bring the journal up to date; seconds until the next. Raises StoreError."""
        self._journal.flush()
        if self._journal.is_large:
            self._journal.rewrite(gently=True)
        if self._is_refused:
            self._is_refused = False
            log.info("journal_continues")
        return FLUSH_EVERY_S

    def _stalled(self, error: Exception) -> None:
        """Told once: the disk has alarms of its own."""
        if not self._is_refused:
            reason = str(error) if isinstance(error, StoreError) else type(error).__name__
            log.error("journal_stalled", reason=reason)
        self._is_refused = True
