"""Every benchmark, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.benchmarks.at_rest import AT_REST_BENCHMARKS
from tests.benchmarks.c_echo import ECHO_BENCHMARKS
from tests.benchmarks.c_find import FIND_BENCHMARKS
from tests.benchmarks.c_move import MOVE_BENCHMARKS
from tests.benchmarks.c_store import RECEIVE_BENCHMARKS, SEND_BENCHMARKS
from tests.benchmarks.cluster import CLUSTER_BENCHMARKS
from tests.benchmarks.contest import Benchmark
from tests.benchmarks.delivery import DELIVERY_BENCHMARKS, TLS_BENCHMARKS
from tests.benchmarks.dicomweb import WEB_BENCHMARKS
from tests.benchmarks.idle import IDLE_BENCHMARKS
from tests.benchmarks.igtl_speed import IGTL_BENCHMARKS
from tests.benchmarks.index_find import INDEX_BENCHMARKS
from tests.benchmarks.live_latency import LIVE_BENCHMARKS
from tests.benchmarks.memory import MEMORY_BENCHMARKS
from tests.benchmarks.ohif_cine import OHIF_BENCHMARKS
from tests.benchmarks.probe_speed import PROBE_BENCHMARKS
from tests.benchmarks.starting import STARTING_BENCHMARKS
from tests.benchmarks.web_ceiling import CEILING_BENCHMARKS

BENCHMARKS: Final[Sequence[Benchmark]] = (
    *SEND_BENCHMARKS,
    *DELIVERY_BENCHMARKS,
    *RECEIVE_BENCHMARKS,
    *CLUSTER_BENCHMARKS,
    *TLS_BENCHMARKS,
    *AT_REST_BENCHMARKS,
    *ECHO_BENCHMARKS,
    *IDLE_BENCHMARKS,
    *MEMORY_BENCHMARKS,
    *STARTING_BENCHMARKS,
    *IGTL_BENCHMARKS,
    *LIVE_BENCHMARKS,
    *FIND_BENCHMARKS,
    *MOVE_BENCHMARKS,
    *INDEX_BENCHMARKS,
    *WEB_BENCHMARKS,
    *CEILING_BENCHMARKS,
    *OHIF_BENCHMARKS,
    *PROBE_BENCHMARKS,
)


def chosen(substring: str) -> list[Benchmark]:
    """Those whose name contains the substring, in any case; all for an empty one."""
    return [benchmark for benchmark in BENCHMARKS if substring.lower() in benchmark.name.lower()]
