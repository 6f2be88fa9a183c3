"""C-ECHO: the median round trip on an association that is already open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tests.benchmarks.c_store import Match
from tests.benchmarks.cast import ORTHANC, RAW, STOCK, STORESCP, Cast
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Stage
from tests.benchmarks.receivers import Receiver
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.senders import WorkerSender

GOAL_MS: Final = 0.5
WARM_UP_ECHOES = 20


class Echoing:
    """A contender: so many C-ECHOs in a row, the median in milliseconds."""

    def __init__(self, *, sender: WorkerSender, receiver: Receiver, count: int) -> None:
        self._sender, self._receiver, self._count = sender, receiver, count

    def __call__(self, *, warm_up: bool) -> float:
        count = WARM_UP_ECHOES if warm_up else self._count
        return 1000 * self._sender.echo_median_s(self._receiver.address, count)


def _set_up(matches: Mapping[str, Match], stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    cast = Cast(stage)

    def contender(match: Match) -> Contender:
        return Echoing(
            receiver=cast.receiver(match.receiver),
            sender=cast.worker(match.sender),
            count=stage.scale.echoes,
        )

    return {name: partial(contender, match) for name, match in matches.items()}


def _echoing(name: str, matches: Mapping[str, Match]) -> Benchmark:
    return Benchmark(
        name=name,
        unit="ms",
        better=Better.LOWER,
        set_up=partial(_set_up, matches),
        goal=Goal(below=GOAL_MS),
    )


ECHO_BENCHMARKS: Final = (
    _echoing(
        "C-ECHO round trip, each to itself",
        {name: Match(sender=name, receiver=name) for name in (ECHONODE, STOCK, RAW)},
    ),
    _echoing(
        "C-ECHO round trip, asked from a raw socket",
        {
            name: Match(sender=RAW, receiver=name)
            for name in (ECHONODE, STOCK, STORESCP, ORTHANC, RAW)
        },
    ),
)
