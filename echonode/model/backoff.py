"""How long to wait before a repetition: doubling or by a list of steps, with jitter. Pure.

Rules
- Jitter is added, up to a share of the delay: nodes that one outage has stopped together do not
  come back together.
- The exponent has a bound, because failures may be counted for years and a float overflows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Random = Callable[[], float]  # as random.random: [0, 1)

# The share of a delay that is added at most.
JITTER = 0.2
_LARGEST_EXPONENT = 60

# Between two requests to a peer that fails in the background, in seconds: one that restarts is
# asked within seconds, one that is away for the day costs a packet every five minutes.
PEER_STEPS_S = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0)


@dataclass(frozen=True, kw_only=True)
class Doubling:
    """first_s, twice that, and so on, up to cap_s; in seconds. jitter: the share that is added."""

    first_s: float
    cap_s: float
    jitter: float = JITTER

    def delay_s(self, failures_before: int, random: Random) -> float:
        """The delay after so many earlier failures; never above cap_s."""
        whole_s = self.first_s * 2.0 ** min(failures_before, _LARGEST_EXPONENT)
        return min(self.cap_s, whole_s * (1 + self.jitter * random()))


def step_s(
    steps_s: Sequence[float], failures_before: int, random: Random, *, jitter: float = JITTER
) -> float:
    """The delay of a list of steps after so many earlier failures; the last step repeats."""
    step = steps_s[min(failures_before, len(steps_s) - 1)]
    return step * (1 + jitter * random())
