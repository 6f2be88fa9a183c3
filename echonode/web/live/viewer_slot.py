"""What a viewer gets next: the newest picture, when it is ready for one. Pure.

Rules
- A viewer has a slot for one picture. A newer one takes its place; what was never sent is counted.
- Each picture that is sent takes one credit. A viewer begins with two, so that the next picture is
  on its way while it draws; it gives one back for each that it has drawn.
"""

from __future__ import annotations

from echonode.model.live_picture import LivePicture

FIRST_CREDIT = 2
# More pictures on the way are no better than these: each is older when it is drawn.
MOST_CREDIT = 8


class ViewerSlot:
    """Of one viewer; for one thread at a time."""

    def __init__(self, *, credit: int = FIRST_CREDIT) -> None:
        self._credit = credit
        self._picture: LivePicture | None = None
        self.skipped = 0  # pictures that were replaced before they were sent
        self.sent = 0

    @property
    def is_ready(self) -> bool:
        """Whether `take` would give a picture."""
        return self._picture is not None and self._credit > 0

    @property
    def is_behind(self) -> bool:
        """Whether a picture waits for the viewer's credit."""
        return self._picture is not None and self._credit == 0

    def put(self, picture: LivePicture) -> None:
        """A newer picture."""
        if self._picture is not None:
            self.skipped += 1
        self._picture = picture

    def give(self, count: int) -> None:
        """The viewer can take so many more; what goes beyond MOST_CREDIT is forgotten."""
        self._credit = min(MOST_CREDIT, self._credit + count)

    def take(self) -> LivePicture | None:
        """The picture to send now; None where none waits, or the viewer is not ready."""
        if not self.is_ready:
            return None
        picture, self._picture = self._picture, None
        self._credit -= 1
        self.sent += 1
        return picture
