"""What encryption at rest and the audit trail cost a node that receives: its rate, and its work.

The same sender to two nodes in turns, which differ in that alone. Each instance is durable before
its answer. The processor time says most: on a slow disk the rate hides it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tests.benchmarks.c_store import INSTANCES_PER_SECOND, Match, Storing, storing
from tests.benchmarks.cast import ENCRYPTED, RAW, UNRECORDED, Cast
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Stage
from tests.benchmarks.receivers import Receiver
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.usage import cpu_seconds
from tests.peers.instances import CINE, STILL, InstanceKind, Instances, make_instances

PLAIN: Final = "EchoNode, not encrypted"
NO_TRAIL: Final = "EchoNode, nothing recorded"
SMALL: Final = InstanceKind(name="still 100x100x1", columns=100, rows=100)
# Rounds of a second or two: the first instances of an association cost more than the others.
_COUNTS: Mapping[InstanceKind, int] = {SMALL: 4, STILL: 3, CINE: 2}
# The trail is written a quarter of a second after what it records.
_SETTLE_S = 0.5


class Working:
    """A contender: the processor time of the receiver for each instance that it stored."""

    def __init__(self, storing: Storing, receiver: Receiver, count: int) -> None:
        self._storing, self._receiver, self._count = storing, receiver, count

    def __call__(self, *, warm_up: bool) -> float:
        before = cpu_seconds(self._receiver.pid)
        self._storing(warm_up=warm_up)
        time.sleep(_SETTLE_S)
        return 1000 * (cpu_seconds(self._receiver.pid) - before) / self._count


def _set_up(
    kind: InstanceKind, receivers: Mapping[str, str], stage: Stage
) -> Mapping[str, Callable[[], Contender]]:
    cast = Cast(stage)
    count = _COUNTS[kind] * (stage.scale.cines if kind is CINE else stage.scale.stills)
    instances = make_instances(stage.folder / "instances", kind, count)

    def contender(name: str) -> Contender:
        receiver = cast.receiver(name)
        return Working(_storing(cast, receiver, instances), receiver, count)

    return {name: partial(contender, receiver) for name, receiver in receivers.items()}


def _storing(cast: Cast, receiver: Receiver, instances: Instances) -> Storing:
    return Storing(
        instances=instances,
        sender=cast.sender(RAW),
        receiver=receiver,
        associations=1,
        unit=INSTANCES_PER_SECOND,
    )


def _working(name: str, kind: InstanceKind, receivers: Mapping[str, str], goal: Goal) -> Benchmark:
    return Benchmark(
        name=f"work of a node that receives {name}, {kind.name}",
        unit="ms of a processor",
        better=Better.LOWER,
        set_up=partial(_set_up, kind, receivers),
        goal=goal,
    )


def _rate(kind: InstanceKind) -> Benchmark:
    return storing(
        f"durable receive by a node that encrypts, and by one that does not, {kind.name}",
        kind,
        {
            ECHONODE: Match(sender=RAW, receiver=ENCRYPTED),
            PLAIN: Match(sender=RAW, receiver=ECHONODE),
        },
        at_least=0.9,
        times=_COUNTS[kind],
    )


AT_REST_BENCHMARKS: Final = (
    *(_rate(kind) for kind in (SMALL, STILL, CINE)),
    *(
        _working("and encrypts", kind, {ECHONODE: ENCRYPTED, PLAIN: ECHONODE}, Goal(at_least=0.9))
        for kind in (SMALL, STILL, CINE)
    ),
    *(
        _working(
            "with an audit trail",
            kind,
            {ECHONODE: ECHONODE, NO_TRAIL: UNRECORDED},
            Goal(at_least=0.9),
        )
        for kind in (SMALL, STILL)
    ),
)
