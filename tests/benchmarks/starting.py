"""What a listener costs a small machine before the first call: its start, its memory at rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tests.benchmarks.cast import ORTHANC, RECEIVERS, STOCK, STORESCP
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Stage
from tests.benchmarks.receivers import Receiver
from tests.benchmarks.results import Better
from tests.benchmarks.usage import resident_bytes
from tests.benchmarks.wire_client import open_many

_SETTLED_S = 2.0
_CONTENDERS: Final = (ECHONODE, STOCK, STORESCP, ORTHANC)


class Starting:
    """A contender: the process is started on an empty folder, answers a C-ECHO, and ends."""

    def __init__(self, make: Callable[[], Receiver], *, memory: bool) -> None:
        """memory: the figure is what is resident once it is at rest, in MiB; else seconds."""
        self._make, self._memory = make, memory

    def __call__(self, *, warm_up: bool) -> float:
        began = time.perf_counter()
        with self._make() as receiver:
            [association] = open_many(receiver.addresses(1))
            association.echo()
            elapsed = time.perf_counter() - began
            association.drop()
            if not self._memory:
                return elapsed
            time.sleep(0 if warm_up else _SETTLED_S)
            return resident_bytes(receiver.pid) / (1 << 20)


def _set_up(memory: bool, stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    return {name: partial(Starting, RECEIVERS[name], memory=memory) for name in _CONTENDERS}


STARTING_BENCHMARKS: Final = (
    Benchmark(
        name="start on an empty folder to the first C-ECHO",
        unit="s",
        better=Better.LOWER,
        set_up=partial(_set_up, False),
    ),
    Benchmark(
        name="resident memory at rest",
        unit="MiB",
        better=Better.LOWER,
        set_up=partial(_set_up, True),
    ),
)
