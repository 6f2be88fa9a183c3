"""Which of the due deliveries go first. Pure.

Rules
- In order of acquisition, but a long cine stands as if it had been taken LONG_CINE_WAITS later: the
  stills of an exam are at the archive before a cine that takes the line for minutes. Stills among
  themselves keep their order, and so do long cines; none waits for ever.
- A batch holds a bounded number of bytes, beyond its first instance: a still that is taken while a
  batch of cines is on its way waits for no more than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LONG_CINE_BYTES = 16 * 1024 * 1024  # a second and more on a line of 100 Mbit/s
LONG_CINE_WAITS = timedelta(minutes=10)
BATCH_BYTES = 64 * 1024 * 1024
# Deliveries looked at for each one claimed: so far ahead a still is found behind long cines.
WINDOW = 4


@dataclass(frozen=True, kw_only=True)
class Due:
    """A delivery that could be claimed. size: bytes of the instance."""

    job_id: int
    acquired_at: datetime
    size: int

    @property
    def place(self) -> tuple[datetime, int]:
        """Where it stands in the queue; smaller goes first."""
        is_long = self.size >= LONG_CINE_BYTES
        return (self.acquired_at + (LONG_CINE_WAITS if is_long else timedelta()), self.job_id)


def claim_order(due: Iterable[Due], *, limit: int) -> list[Due]:
    """The ones to claim now, in the order to send them: one at least, `limit` at most."""
    chosen: list[Due] = []
    size = 0
    for delivery in sorted(due, key=lambda candidate: candidate.place):
        size += delivery.size
        if len(chosen) == limit or (chosen and size > BATCH_BYTES):
            break
        chosen.append(delivery)
    return chosen
