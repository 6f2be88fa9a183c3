"""How a destination answered last, and how long it is paused.

In memory only: after a restart one attempt finds it out again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from echonode.delivery.delivery_status import Contact


class DestinationHealth:
    """Failures in a row, by what they count for, and the pause they led to.

    back_at: when an association was last opened after an outage or a lost association; None where
    there was none. heard_at: when it last answered anything.
    """

    def __init__(self, monotonic: Callable[[], float], now: Callable[[], datetime]) -> None:
        self._monotonic = monotonic
        self._now = now
        self._paused_until = 0.0
        self.refused = 0  # associations that could not be opened, in a row
        self.lost = 0  # associations that ended before an answer
        self.unable = 0  # answers that the archive cannot store for now
        self.fault = ""  # our own failure that keeps us from opening an association
        self.contact = Contact.NOT_TRIED
        self.back_at: datetime | None = None
        self.heard_at: datetime | None = None
        self._heard_s: float | None = None
        self._was_away = False

    @property
    def is_suspect(self) -> bool:
        """Whether its last answer, or the lack of one, was a failure of its own."""
        return self.refused + self.lost + self.unable > 0

    def paused_s(self) -> float:
        """Seconds until the pause of the destination ends; 0 where it is not paused."""
        return max(0.0, self._paused_until - self._monotonic())

    def pause(self, pause_s: float) -> None:
        """Pause it for so long from now."""
        self._paused_until = self._monotonic() + pause_s

    def end_pause(self) -> None:
        """A person asks for a call now; the failures in a row are still counted."""
        self._paused_until = 0.0

    def silent_s(self) -> float | None:
        """Seconds since it last answered anything; None where it never did."""
        return None if self._heard_s is None else self._monotonic() - self._heard_s

    def not_associated(self) -> None:
        """An association could not be opened."""
        self.refused += 1
        self.contact = Contact.NOT_REACHED
        self._was_away = True

    def lost_association(self) -> None:
        """An association ended before an answer."""
        self.lost += 1
        self._was_away = True

    def lost_idle_association(self) -> None:
        """An association that was not in use was ended without a release."""
        self._was_away = True

    def heard(self) -> None:
        """It answered something."""
        self.contact = Contact.REACHED
        self.heard_at, self._heard_s = self._now(), self._monotonic()
        if self._was_away:
            self.back_at, self._was_away = self.heard_at, False

    def associated(self) -> None:
        """An association was opened."""
        self.refused = 0
        self.fault = ""
        self.heard()

    def answered(self) -> None:
        """A C-STORE was answered, whatever the status."""
        self.lost = 0
        self.heard()

    def stored(self) -> None:
        """An instance was stored: the destination is well."""
        self.refused = self.lost = self.unable = 0
