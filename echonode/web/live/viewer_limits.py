"""How many viewers there are, and which goes when there is no room. For the event loop's thread.

Rules
- One address has so many, all together so many. At either limit the one that has been behind for
  longest goes for the new one; where none is, the new one is refused.
- A viewer that answers no ping is closed by the server (server.py), at the limit or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

# Screens of a clinic that watch at a time; each takes a picture of 50 kB twenty times a second.
MAX_VIEWERS = 64
# As of connections.PER_ADDRESS: a reverse proxy must share.
PER_ADDRESS = 16
# A screen that drew nothing for so long is switched off, or out of reach.
BEHIND_S = 10.0


class Viewer(Protocol):
    """What the limits know of a viewer."""

    @property
    def address(self) -> str: ...

    @property
    def behind_since_s(self) -> float | None:
        """Since when a picture waits for it; None: it keeps up."""

    def end(self) -> None:
        """Close it."""


@dataclass
class ViewerLimits:
    """The viewers of one server, of one kind."""

    most: int = MAX_VIEWERS
    per_address: int = PER_ADDRESS
    _open: dict[Viewer, None] = field(default_factory=dict)  # the oldest first

    def enter(self, viewer: Viewer, now_s: float) -> bool:
        """Whether there is room for it."""
        same = [each for each in self._open if each.address == viewer.address]
        if len(same) >= self.per_address:
            has_room = self._make_room(same, now_s)
        elif len(self._open) >= self.most:
            has_room = self._make_room(list(self._open), now_s)
        else:
            has_room = True
        if has_room:
            self._open[viewer] = None
        return has_room

    def leave(self, viewer: Viewer) -> None:
        """It is gone; it may be so already."""
        self._open.pop(viewer, None)

    def __len__(self) -> int:
        return len(self._open)

    def _make_room(self, viewers: list[Viewer], now_s: float) -> bool:
        behind = [
            (since_s, viewer)
            for viewer in viewers
            if (since_s := viewer.behind_since_s) is not None and now_s - since_s >= BEHIND_S
        ]
        if not behind:
            return False
        _, slowest = min(behind, key=lambda each: each[0])
        self.leave(slowest)
        slowest.end()
        return True
