"""The frames that freezes of one probe keep: how many, how large, how long. Pure.

Rules
- A freeze keeps references to frames, not copies: frames that are among the last seconds as well,
  or in two freezes, are in memory once.
- Few freezes are kept, and together no more than so many bytes; the newest always is. The oldest
  goes for a new one: a page that was loaded again must not be refused for the freeze that it left.
- A freeze is over some time after it was last used.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from echonode.frames.frame import Frame

# One for each of the two screens that an exam may have, and two that were left by reloads.
MOST_FREEZES = 4
# Measuring on a frozen picture takes minutes; each look at a frame of it counts as use.
UNUSED_S = 900.0


@dataclass
class _Freeze:
    frames: tuple[Frame, ...]
    used_s: float


class Freezes:
    """most_bytes: of the pixels in all of them. For one thread at a time."""

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, _Freeze] = OrderedDict()  # the oldest first

    def add(self, name: str, frames: Iterable[Frame], now_s: float) -> None:
        """Keep them under a name that is new."""
        self.expire(now_s)
        self._kept[name] = _Freeze(tuple(frames), now_s)
        while len(self._kept) > 1 and (
            len(self._kept) > MOST_FREEZES or self.kept_bytes > self._most_bytes
        ):
            self._kept.popitem(last=False)

    def frames(self, name: str, now_s: float) -> tuple[Frame, ...]:
        """The frames of a freeze, the oldest first; none where it is over or unknown."""
        self.expire(now_s)
        freeze = self._kept.get(name)
        if freeze is None:
            return ()
        freeze.used_s = now_s
        return freeze.frames

    def release(self, name: str) -> None:
        """End one; it may be over already."""
        self._kept.pop(name, None)

    def clear(self) -> None:
        """End all."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def kept_bytes(self) -> int:
        """Of all pixels that freezes keep, each frame counted once."""
        frames = {id(frame): frame for freeze in self._kept.values() for frame in freeze.frames}
        return sum(frame.nbytes for frame in frames.values())

    def expire(self, now_s: float) -> None:
        """End those that were not used for UNUSED_S."""
        for name in [n for n, each in self._kept.items() if now_s - each.used_s > UNUSED_S]:
            del self._kept[name]
