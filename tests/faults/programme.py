"""How often each fault of the programme is tried: on every change, and by `make faults`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

FULL: Final = os.environ.get("ECHONODE_FAULTS") == "full"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A line of the programme. scenario: its number there; unit: what is counted."""

    scenario: int
    unit: str
    quick: int
    full: int

    @property
    def count(self) -> int:
        """The number that this run is to reach."""
        return self.full if FULL else self.quick


TLS_RESETS: Final = Fault(scenario=19, unit="cuts in a TLS session", quick=150, full=6_000)
LARGE_RESETS: Final = Fault(scenario=19, unit="cuts in a 1 MB store", quick=100, full=3_000)
DEAF_ARCHIVES: Final = Fault(scenario=18, unit="archives that stop reading", quick=4, full=100)
SLOW_CONNECTIONS: Final = Fault(scenario=27, unit="connections", quick=60, full=500)
DEAF_VIEWERS: Final = Fault(scenario=27, unit="viewers that stop reading", quick=8, full=100)
MALFORMED_PDUS: Final = Fault(scenario=28, unit="sessions", quick=2_000, full=100_000)
CONTEXTS: Final = Fault(scenario=28, unit="presentation contexts", quick=4_000, full=10_000)
STORES_EACH: Final = Fault(scenario=29, unit="stores on each of 200", quick=3, full=50)
STORE_BYTES: Final = Fault(scenario=29, unit="bytes of a store", quick=4_000, full=1_000_000)
MUTANTS: Final = Fault(scenario=30, unit="mutated datasets", quick=150, full=20_000)
OVERSIZE: Final = Fault(scenario=31, unit="messages without end of a kind", quick=3, full=20)
UID_RACES: Final = Fault(scenario=32, unit="races for one UID", quick=20, full=1_000)
NAMES_ON_THE_WIRE: Final = Fault(scenario=33, unit="UIDs that are none", quick=20, full=400)
