"""How far resident memory grows while one very large instance goes through."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.benchmarks.cast import (
    ORTHANC,
    RAW,
    STOCK,
    STORESCP_ONE_PROCESS,
    STORESCU,
    Cast,
)
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.receivers import Receiver
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.senders import Sender, StoreScu, WorkerSender
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.benchmarks.work import Errand
from tests.peers.instances import (
    STILL,
    InstanceKind,
    Instances,
    make_instances,
    make_large_instance,
    renew,
)

GOAL_MIB: Final = 64
MIB: Final = 1 << 20
_LOOK_EVERY_S = 0.001
_FRAME = 1024 * 768 * 3


class WatchedStoreScu(StoreScu):
    """storescu with its peak memory read while it runs.

    wait4's ru_maxrss will not do: it begins with the memory of the process that started it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0

    def _end_of(self, process: subprocess.Popen[bytes]) -> int:
        self.peak = 0
        while process.poll() is None:
            with suppress(OSError):  # it ended between the two looks
                self.peak = max(self.peak, peak_bytes(process.pid))
            time.sleep(_LOOK_EVERY_S)
        return process.returncode


@dataclass(frozen=True, kw_only=True)
class _Loads:
    small: Instances
    large: Instances


class Growing:
    """A contender: the peak while the large instance passes, less what was resident before.

    "Before" is after a still has passed (the warm-up), and the same for all rounds: memory that a
    program took in the first and never gave back stays counted.
    """

    def __init__(
        self,
        *,
        loads: _Loads,
        sender: Sender,
        receiver: Receiver,
        before: Callable[[], int],
        peak: Callable[[], int],
    ) -> None:
        self._loads, self._sender, self._receiver = loads, sender, receiver
        self._before, self._peak = before, peak
        self._baseline = 0

    def __call__(self, *, warm_up: bool) -> float:
        if warm_up:
            self._pass(self._loads.small)
            self._baseline = self._before()
            return 0.0
        self._pass(self._loads.large)
        return max(0, self._peak() - self._baseline) / MIB

    def _pass(self, instances: Instances) -> None:
        before = self._receiver.count()
        self._sender.send([Errand.of(renew(instances))], self._receiver.address)
        after = self._receiver.count()
        if before is not None and after is not None and after - before != 1:
            raise Failed("the instance did not arrive")
        self._receiver.discard()


def _loads(stage: Stage) -> _Loads:
    frames = stage.scale.large_bytes // _FRAME
    kind = InstanceKind(name="large", columns=1024, rows=768, samples=3, frames=frames)
    return _Loads(
        small=make_instances(stage.folder / "small", STILL, 1),
        large=make_large_instance(stage.folder / "large", kind),
    )


def _watch(pid: int) -> tuple[Callable[[], int], Callable[[], int]]:
    """(what is resident now, with the peak reset; the peak since)."""

    def before() -> int:
        reset_peak(pid)
        return resident_bytes(pid)

    return before, partial(peak_bytes, pid)


def _receiving(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    cast, loads = Cast(stage), _loads(stage)

    def contender(name: str) -> Contender:
        receiver = cast.receiver(name)
        before, peak = _watch(receiver.pid)
        return Growing(
            loads=loads, sender=cast.worker(RAW), receiver=receiver, before=before, peak=peak
        )

    names = (ECHONODE, STOCK, STORESCP_ONE_PROCESS, ORTHANC)
    return {name: partial(contender, name) for name in names}


def _sending(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    cast, loads = Cast(stage), _loads(stage)

    def worker(name: str) -> Contender:
        sender: WorkerSender = cast.worker(name)
        before, peak = _watch(sender.pid)
        return Growing(
            loads=loads, sender=sender, receiver=cast.receiver(RAW), before=before, peak=peak
        )

    def storescu() -> Contender:
        sender = WatchedStoreScu()
        # A new process each time: its own peak, less that of the one that sent a still.
        return Growing(
            loads=loads,
            sender=sender,
            receiver=cast.receiver(RAW),
            before=lambda: sender.peak,
            peak=lambda: sender.peak,
        )

    workers = {name: partial(worker, name) for name in (ECHONODE, STOCK)}
    return {**workers, STORESCU: storescu}


def _growth(
    name: str, set_up: Callable[[Stage], Mapping[str, Callable[[], Contender]]]
) -> Benchmark:
    return Benchmark(
        name=name,
        unit="MiB",
        better=Better.LOWER,
        set_up=set_up,
        goal=Goal(below=GOAL_MIB),
    )


MEMORY_BENCHMARKS: Final = (
    _growth("memory growth, 1 GiB instance received", _receiving),
    _growth("memory growth, 1 GiB instance sent", _sending),
)
