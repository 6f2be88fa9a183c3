"""What a listener costs while associations are open and silent."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from tests.benchmarks.cast import ORTHANC, STOCK, STORESCP, Cast
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Stage
from tests.benchmarks.receivers import Receiver
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.usage import cpu_seconds
from tests.benchmarks.wire_client import open_many

GOAL_PERCENT: Final = 2.0
SETTLE_S = 0.5


class Idling:
    """A contender: open associations, wait, and count the processor time of the listener."""

    def __init__(self, *, receiver: Receiver, associations: int, wait_s: float) -> None:
        self._receiver, self._associations, self._wait_s = receiver, associations, wait_s

    def __call__(self, *, warm_up: bool) -> float:
        wait_s = 0.1 if warm_up else self._wait_s
        associations = open_many(self._receiver.addresses(self._associations))
        try:
            time.sleep(SETTLE_S)
            started, before = time.perf_counter(), cpu_seconds(self._receiver.pid)
            time.sleep(wait_s)
            used = cpu_seconds(self._receiver.pid) - before
            share = used / (time.perf_counter() - started)
            for association in associations:  # they were open all the time, or it counts nothing
                association.echo()
        finally:
            for association in associations:
                association.drop()
        return 100 * share


def _set_up(
    receivers: Sequence[str], associations: int, stage: Stage
) -> Mapping[str, Callable[[], Contender]]:
    cast = Cast(stage)

    def contender(name: str) -> Contender:
        return Idling(
            receiver=cast.receiver(name), associations=associations, wait_s=stage.scale.idle_s
        )

    return {name: partial(contender, name) for name in receivers}


def _idling(associations: int, *receivers: str) -> Benchmark:
    noun = "association" if associations == 1 else "associations"
    return Benchmark(
        name=f"{associations} idle {noun}",
        unit="% of a core",
        better=Better.LOWER,
        set_up=partial(_set_up, receivers, associations),
        goal=Goal(below=GOAL_PERCENT),
    )


# Orthanc serves four associations at once, so it cannot hold more.
IDLE_BENCHMARKS: Final = (
    _idling(1, ECHONODE, STOCK, STORESCP, ORTHANC),
    _idling(20, ECHONODE, STOCK, STORESCP),
    _idling(100, ECHONODE, STOCK, STORESCP),
)
