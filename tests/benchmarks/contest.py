"""How a benchmark is run: contenders set up, warmed up, then measured in turns."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from echonode.commands.lying_pacs.wire import WireError
from tests.benchmarks.results import Better, Goal, Row
from tests.peers import NotReady, PeerMissing, RestError

ECHONODE = "EchoNode"


class Failed(Exception):
    """A contender could not do the work, or its receiver does not have it; says why."""


# What can befall one contender while the others go on: its program is missing, does not come up,
# breaks off or answers wrongly.
MISHAPS = (
    Failed,
    NotReady,
    PeerMissing,
    RestError,
    WireError,
    OSError,
    RuntimeError,
    subprocess.SubprocessError,
)


class Contender(Protocol):
    """One way of doing the work; called with warm_up=True it does a little of it, uncounted."""

    def __call__(self, *, warm_up: bool) -> float:
        """Do the work once; the figure in the benchmark's unit. Raises Failed."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much work one measurement is. The figures are rates, so it sets only their noise."""

    rounds: int
    stills: int
    rgb: int
    cines: int
    echoes: int
    idle_s: float
    large_bytes: int
    # Archives: studies that both hold, the instances of the one that is retrieved, and the studies
    # of the index that only EchoNode is asked of.
    studies: int = 2_000
    study_instances: int = 272
    index_studies: int = 100_000


# Orthanc takes 20 stills a second from DCMTK: 100 of them are 5 s a round, and a fifth of a second
# for a sender that keeps its acknowledgements coming.
FULL = Scale(rounds=5, stills=100, rgb=30, cines=6, echoes=1000, idle_s=5.0, large_bytes=1 << 30)
QUICK = Scale(
    rounds=1,
    stills=10,
    rgb=4,
    cines=2,
    echoes=50,
    idle_s=1.0,
    large_bytes=64 << 20,
    studies=40,
    study_instances=8,
    index_studies=1_000,
)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a benchmark's set-up gets: a stack that will stop its parts, a folder, the scale.

    show: takes a word on what is under way, for set-ups that last.
    """

    parts: ExitStack
    folder: Path
    scale: Scale
    show: Callable[[str], None] = lambda text: None


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One row of the table. `set_up` starts the parts and gives the contenders by name.

    A contender's factory that raises leaves the others running: its row says why.
    """

    name: str
    unit: str
    better: Better
    set_up: Callable[[Stage], Mapping[str, Callable[[], Contender]]]
    goal: Goal | None = None


@dataclass(kw_only=True)
class _Record:
    """What one contender has shown so far."""

    contender: Contender | None = None
    values: list[float] = field(default_factory=list)
    failure: str = ""


def hold(
    benchmark: Benchmark, stage: Stage, progress: Callable[[str], None] = lambda text: None
) -> Row:
    """Run one benchmark: every contender once to warm up, then in turns; the medians."""
    records: dict[str, _Record] = {}
    for name, factory in benchmark.set_up(stage).items():
        progress(f"starting {name}")
        records[name] = _prepared(factory)
    for turn in range(stage.scale.rounds + 1):
        for name, record in records.items():
            label = f"round {turn} of {stage.scale.rounds}" if turn else "warm-up"
            progress(f"{label}: {name}")
            _take_turn(record, warm_up=turn == 0)
    return _row(benchmark, records)


def _prepared(factory: Callable[[], Contender]) -> _Record:
    try:
        return _Record(contender=factory())
    except MISHAPS as error:
        return _Record(failure=_words(error))


def _take_turn(record: _Record, *, warm_up: bool) -> None:
    if record.contender is None or record.failure:
        return
    try:
        value = record.contender(warm_up=warm_up)
    except MISHAPS as error:
        record.failure = _words(error)
        return
    if not warm_up:
        record.values.append(value)


def _row(benchmark: Benchmark, records: Mapping[str, _Record]) -> Row:
    medians = {
        name: statistics.median(record.values) if record.values and not record.failure else None
        for name, record in records.items()
    }
    return Row(
        name=benchmark.name,
        unit=benchmark.unit,
        better=benchmark.better,
        echonode=medians.get(ECHONODE),
        peers={name: value for name, value in medians.items() if name != ECHONODE},
        goal=benchmark.goal,
        failures={name: record.failure for name, record in records.items() if record.failure},
    )


def _words(error: Exception) -> str:
    """One line: the error, and the last line of what its program printed, where there is more."""
    lines = str(error).strip().splitlines() or [""]
    said = lines[0] if len(lines) == 1 else f"{lines[0]} ... {lines[-1].strip()}"
    return f"{type(error).__name__}: {said}"
