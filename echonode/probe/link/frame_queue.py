"""The bounded queue between the thread that reads and the thread that computes.

Rules
- At most `limit` droppable items wait. One more pushes out the oldest droppable one, so the picture
  stays live; what was pushed out is handed back to the caller, who counts it. Nothing vanishes.
- Items that must not be lost (a connection opened, a connection lost) are never pushed out and keep
  their place in the order.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class FrameQueue(Generic[Item]):
    """A queue of items, some of which may be dropped; thread-safe."""

    def __init__(self, *, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a backlog holds at least one item, not {limit}")
        self._limit = limit
        self._items: deque[tuple[Item, bool]] = deque()
        self._droppable = 0
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Item) -> None:
        """Append an item that must not be lost."""
        with self._changed:
            self._items.append((item, False))
            self._changed.notify()

    def put_droppable(self, item: Item) -> Item | None:
        """Append an item; the one that had to go for it, or None."""
        with self._changed:
            dropped = self._push_out_oldest() if self._droppable == self._limit else None
            self._items.append((item, True))
            self._droppable += 1
            self._changed.notify()
            return dropped

    def wait_for_room(self, timeout_s: float) -> bool:
        """Whether a droppable item would push out no other, waiting for it at most timeout_s."""
        with self._changed:
            return self._changed.wait_for(lambda: self._droppable < self._limit, timeout_s)

    def get(self, timeout_s: float | None) -> Item | None:
        """The oldest item; None when none came in time, or when closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                return None
            item, droppable = self._items.popleft()
            self._droppable -= droppable
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """No more will come; `get` no longer waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def waiting(self) -> int:
        """How many droppable items are in it."""
        with self._changed:
            return self._droppable

    @property
    def finished(self) -> bool:
        """Closed, and all taken out."""
        with self._changed:
            return self._closed and not self._items

    def _push_out_oldest(self) -> Item:
        for index, (item, droppable) in enumerate(self._items):
            if droppable:
                del self._items[index]
                self._droppable -= 1
                return item
        raise AssertionError("the count of droppable items is wrong")
