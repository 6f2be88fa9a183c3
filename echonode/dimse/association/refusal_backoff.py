"""An address that is refused repeatedly is paused, for longer each time.

Rules
- The first FREE refusals of an address have no consequence: a device may be in its set-up.
- After that each refusal starts a pause twice as long as the one before, LONGEST_S at most. A call
  within a pause is rejected without a check, and does not extend the pause.
- After QUIET_S without a refusal the count starts again.
- An address from which a peer was recognised within TRUST_S is not paused: behind a shared address
  (NAT) the guesses of one caller must not lock out the peers there.

So a caller that knows no AE title can guess one a minute.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from echonode.model.backoff import Doubling

FREE = 10
FIRST_S, LONGEST_S = 1.0, 60.0
# Without jitter: the callers decide when they call.
_PAUSES = Doubling(first_s=FIRST_S, cap_s=LONGEST_S, jitter=0.0)
QUIET_S = 600.0
TRUST_S = 86_400.0  # a device that is in use calls every day
# Addresses that are kept; beyond it the one that was refused longest ago is removed.
CAPACITY = 4_096


@dataclass(frozen=True)
class _Refusals:
    count: int
    last: float
    until: float


class RefusalBackoff:
    """Which addresses are paused; times are seconds of the monotonic clock. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refused: OrderedDict[str, _Refusals] = OrderedDict()
        self._trusted: OrderedDict[str, float] = OrderedDict()  # when a peer was recognised last

    def is_paused(self, address: str, *, now: float) -> bool:
        """Whether calls from there are rejected now."""
        with self._lock:
            recognised = self._trusted.get(address)
            if recognised is not None and now - recognised < TRUST_S:
                return False
            before = self._refused.get(address)
            return before is not None and now < before.until

    def trust(self, address: str, *, now: float) -> None:
        """A peer was recognised that called from there."""
        with self._lock:
            self._trusted[address] = now
            self._trusted.move_to_end(address)
            if len(self._trusted) > CAPACITY:
                self._trusted.popitem(last=False)

    def note(self, address: str, *, now: float) -> None:
        """A call from there was refused."""
        with self._lock:
            before = self._refused.pop(address, None)
            count = 1 if before is None or now - before.last > QUIET_S else before.count + 1
            self._refused[address] = _Refusals(count, now, now + _pause(count))
            if len(self._refused) > CAPACITY:
                self._refused.popitem(last=False)


def _pause(count: int) -> float:
    """After so many refusals, in seconds."""
    if count <= FREE:
        return 0.0
    return _PAUSES.delay_s(count - FREE - 1, lambda: 0.0)
