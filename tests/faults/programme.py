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


KILLED_WRITES: Final = Fault(scenario=1, unit="SQLite writes to a kill", quick=40, full=1)
KILLS: Final = Fault(scenario=2, unit="kills under full load", quick=40, full=10_000)
KILLED_SENDS: Final = Fault(scenario=3, unit="SQLite writes to a kill", quick=40, full=1)
DISK_STATES: Final = Fault(scenario=4, unit="disks after a power cut", quick=200, full=50_000)
CRASH_LOOPS: Final = Fault(scenario=6, unit="loops of twenty kills", quick=5, full=200)
FILLS: Final = Fault(scenario=7, unit="fills of the disk", quick=5, full=100)
DISK_ERRORS: Final = Fault(scenario=8, unit="kinds of error", quick=9, full=60)
READ_ONLY: Final = Fault(scenario=9, unit="folders taken away", quick=6, full=20)
ROTTEN_BITS: Final = Fault(scenario=10, unit="bits of files", quick=1_000, full=1_000)
INDEX_BITS: Final = Fault(scenario=10, unit="bits of the index", quick=60, full=3_000)
LOST_DATABASES: Final = Fault(scenario=11, unit="databases", quick=5, full=50)
CLOCK_STEPS: Final = Fault(scenario=12, unit="settings of the clock", quick=20, full=20)
ENDS_UNDER_LOAD: Final = Fault(scenario=13, unit="SIGTERMs under load", quick=10, full=100)
STANDSTILLS: Final = Fault(scenario=13, unit="SIGSTOPs under load", quick=10, full=100)
MEMORY_SHORTAGES: Final = Fault(scenario=13, unit="shortages of memory", quick=10, full=100)
SECOND_NODES: Final = Fault(scenario=14, unit="second nodes on a folder", quick=10, full=10)
OUTAGE_BACKLOG: Final = Fault(scenario=15, unit="instances of an outage", quick=200, full=10_000)
BREAKING_INSTANCES: Final = Fault(scenario=16, unit="instances before it fails", quick=50, full=50)
STATUS_REPEATS: Final = Fault(scenario=17, unit="repeats of each answer", quick=3, full=3)
DEAF_ARCHIVES: Final = Fault(scenario=18, unit="archives that stop reading", quick=4, full=100)
TLS_RESETS: Final = Fault(scenario=19, unit="cuts in a TLS session", quick=100, full=6_000)
LARGE_RESETS: Final = Fault(scenario=19, unit="cuts in a 1 MB store", quick=60, full=3_000)
FAILURE_REASONS: Final = Fault(scenario=20, unit="instances of each reason", quick=3, full=20)
LATE_REPORTS: Final = Fault(scenario=21, unit="reports, late or never", quick=52, full=52)
REPORT_WAYS: Final = Fault(scenario=22, unit="reports of each way", quick=20, full=50)
ODD_REPORTS: Final = Fault(scenario=23, unit="reports of each kind", quick=10, full=20)
FORGED_REPORTS: Final = Fault(scenario=24, unit="reports of each forger", quick=50, full=50)
TWO_ARCHIVES: Final = Fault(scenario=25, unit="instances for two archives", quick=100, full=1_000)
REFUSED_CONTEXTS: Final = Fault(scenario=26, unit="archives that refuse", quick=10, full=10)
SLOW_CONNECTIONS: Final = Fault(scenario=27, unit="connections", quick=60, full=500)
DEAF_VIEWERS: Final = Fault(scenario=27, unit="viewers that stop reading", quick=8, full=100)
MALFORMED_PDUS: Final = Fault(scenario=28, unit="sessions", quick=1_000, full=100_000)
CONTEXTS: Final = Fault(scenario=28, unit="presentation contexts", quick=4_000, full=10_000)
STORES_EACH: Final = Fault(scenario=29, unit="stores on each of 200", quick=3, full=50)
STORE_BYTES: Final = Fault(scenario=29, unit="bytes of a store", quick=4_000, full=1_000_000)
MUTANTS: Final = Fault(scenario=30, unit="mutated datasets", quick=100, full=20_000)
OVERSIZE: Final = Fault(scenario=31, unit="messages without end of a kind", quick=3, full=20)
UID_RACES: Final = Fault(scenario=32, unit="races for one UID", quick=20, full=1_000)
NAMES_ON_THE_WIRE: Final = Fault(scenario=33, unit="malformed UIDs", quick=20, full=400)
HOSTILE_REQUESTS: Final = Fault(scenario=39, unit="of each request", quick=1, full=10)
MUTATED_REQUESTS: Final = Fault(scenario=39, unit="requests", quick=500, full=5_000)
UNCERTAIN_COMMITS: Final = Fault(scenario=47, unit="SQLite writes to an EIO", quick=4, full=1)
SENT_AGAIN: Final = Fault(scenario=47, unit="files damaged, sent again", quick=30, full=600)
FULL_STARTS: Final = Fault(scenario=47, unit="starts on a full disk", quick=1, full=10)
RESTARTED_ARCHIVES: Final = Fault(
    scenario=47, unit="archives restarted between request and report", quick=0, full=20
)
SILENT_GATEWAYS: Final = Fault(
    scenario=48, unit="read-only disks without a probe", quick=1, full=10
)
POISONED: Final = Fault(scenario=49, unit="poisoned objects before good ones", quick=3, full=50)
WHOLE_NODE_STATES: Final = Fault(
    scenario=50, unit="disks after a power cut", quick=200, full=20_000
)
EXAM_KILLS: Final = Fault(scenario=51, unit="kills during exams", quick=20, full=200)
EXAM_SWITCHES: Final = Fault(scenario=52, unit="exams at two probes", quick=20, full=100)
BACKUP_KILLS: Final = Fault(scenario=53, unit="kills of backup and restore", quick=20, full=200)
TRUST_KILLS: Final = Fault(scenario=54, unit="SQLite writes to a kill", quick=10, full=1)
ENCRYPTION_KILLS: Final = Fault(
    scenario=55, unit="kills of encryption and rotation", quick=20, full=200
)
CLUSTER_FAULTS: Final = Fault(
    scenario=56, unit="faults of two nodes on one PostgreSQL and S3", quick=5, full=200
)
QUERIES_ON_BOTH: Final = Fault(
    scenario=57, unit="queries on SQLite and PostgreSQL", quick=100, full=20_000
)
REPORTS_ELSEWHERE: Final = Fault(
    scenario=58, unit="reports at the other node", quick=20, full=1_000
)
STUDIES_AT_BOTH: Final = Fault(scenario=59, unit="studies at two nodes at once", quick=5, full=500)
FROZEN_DELIVERIES: Final = Fault(
    scenario=60, unit="deliveries of a frozen node", quick=40, full=2_000
)
SMALL_MACHINE: Final = Fault(
    scenario=61, unit="seconds on one core and 768 MiB", quick=20, full=600
)
