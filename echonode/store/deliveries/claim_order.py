"""Which of the due deliveries go first. Pure.

Rules
- In order of acquisition, but a long cine counts as taken LONG_CINE_WAITS later: the stills of an
  exam reach the archive before a cine that occupies the association for minutes. Stills keep their
  order among themselves, and so do long cines; none waits without end.
- A batch holds a bounded number of bytes after its first instance: a still that is taken while a
  batch of cines is sent waits for no more than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LONG_CINE_BYTES = 16 * 1024 * 1024  # a second or more at 100 Mbit/s
LONG_CINE_WAITS = timedelta(minutes=10)
BATCH_BYTES = 64 * 1024 * 1024
# Deliveries read for each one claimed: that far ahead a still is found behind long cines.
WINDOW = 4


@dataclass(frozen=True, kw_only=True)
class Due:
    """A delivery that could be claimed. size: bytes of the instance."""

    job_id: int
    acquired_at: datetime
    size: int

    @property
    def place(self) -> tuple[datetime, int]:
        """Its place in the queue; smaller goes first."""
        is_long = self.size >= LONG_CINE_BYTES
        return (self.acquired_at + (LONG_CINE_WAITS if is_long else timedelta()), self.job_id)


def claim_order(due: Iterable[Due], *, limit: int) -> list[Due]:
    """The ones to claim now, in the order to send them: at least one, at most `limit`."""
    chosen: list[Due] = []
    size = 0
    for delivery in sorted(due, key=lambda candidate: candidate.place):
        size += delivery.size
        if len(chosen) == limit or (chosen and size > BATCH_BYTES):
            break
        chosen.append(delivery)
    return chosen
