"""C-FIND inside the node on an index of 100,000 studies and 1,000,000 instances.

The store's find and the query service, as the acceptor calls them; no network but where the name
says so. Keys are drawn again for each query, so that no page is warm because it was just read.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final

from pydicom.dataset import Dataset

from echonode import log
from echonode.dimse.services import FindRequest
from echonode.model.criteria import Root
from echonode.model.identity import Peer, Service
from echonode.query_retrieve.find_scp import FindSCP
from echonode.store.read_only_store import open_read_only
from tests.benchmarks.c_find import ANSWERS_PER_SECOND
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.find_client import count_answers, study_list
from tests.benchmarks.index_node import AE_TITLE
from tests.benchmarks.large_index import (
    SURNAMES,
    Shape,
    accession_number,
    large_index,
    patient_id,
    study_day,
    uid,
)
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.benchmarks.work import Address
from tests.peers import ChildProcess, free_port
from tests.peers.stock import ROOT

QUERIES_A_ROUND = 100
GOAL_ONE_STUDY_MS: Final = 5
GOAL_FIRST_ANSWER_MS: Final = 50
GOAL_ANSWERS_PER_SECOND: Final = 10_000
GOAL_MIB: Final = 64
MIB: Final = 1 << 20
_VIEWER = Peer(
    name="bench",
    ae_title="BENCH",
    host="127.0.0.1",
    port=104,
    may=frozenset({Service.FIND}),
)

# What to ask for, drawn from what the index holds.
Draw = Callable[[random.Random, Shape], Mapping[str, str]]


class Asking:
    """A contender: the median of many queries, in milliseconds; to the end or the first answer."""

    def __init__(
        self, scp: FindSCP, draw: Callable[[random.Random], Dataset], *, first_only: bool
    ) -> None:
        self._scp, self._draw, self._first_only = scp, draw, first_only
        self._chance = random.Random(20261120)

    def __call__(self, *, warm_up: bool) -> float:
        return statistics.median(self._timed() for _ in range(QUERIES_A_ROUND))

    def _timed(self) -> float:
        request = _request(self._draw(self._chance))
        started = time.perf_counter()
        answers = self._scp(request)
        first = next(answers, None)
        if first is None:
            raise Failed("nothing was found of what is there")
        if not self._first_only:
            for _ in answers:
                pass
        elapsed = time.perf_counter() - started
        answers.close()  # type: ignore[attr-defined]  # a generator
        return 1000 * elapsed


class Streaming:
    """A contender: all studies, answers a second."""

    def __init__(self, scp: FindSCP, *, expected: int) -> None:
        self._scp, self._expected = scp, expected

    def __call__(self, *, warm_up: bool) -> float:
        started = time.perf_counter()
        count = sum(1 for _ in self._scp(_request(study_list())))
        elapsed = time.perf_counter() - started
        if count != self._expected:
            raise Failed(f"{count} of {self._expected} studies were answered")
        return count / elapsed


class Growing:
    """A contender: MiB that the node's process grows by while all studies go out on the wire."""

    def __init__(self, address: Address, pid: int, *, expected: int) -> None:
        self._address, self._pid, self._expected = address, pid, expected
        self._baseline = 0

    def __call__(self, *, warm_up: bool) -> float:
        if warm_up:
            count_answers(self._address, study_list({"StudyDate": "20990101"}))
            self._baseline = resident_bytes(self._pid)
            return 0.0
        reset_peak(self._pid)
        if (count := count_answers(self._address, study_list())) != self._expected:
            raise Failed(f"{count} of {self._expected} studies were answered")
        return max(0, peak_bytes(self._pid) - self._baseline) / MIB


class Sending(Growing):
    """A contender: the same, as answers a second."""

    def __call__(self, *, warm_up: bool) -> float:
        started = time.perf_counter()
        super().__call__(warm_up=warm_up)
        return self._expected / (time.perf_counter() - started)


def _request(identifier: Dataset) -> FindRequest:
    return FindRequest(
        caller=_VIEWER,
        root=Root.STUDY,
        identifier=identifier,
        relational=False,
        cancelled=lambda: False,
    )


def shape_of(stage: Stage) -> Shape:
    studies = stage.scale.index_studies
    return Shape(studies=studies, instances=10 * studies)


def _service(stage: Stage) -> FindSCP:
    log.configure(format="json", level="error")
    folder = large_index(shape_of(stage), show=stage.show)
    store = stage.parts.enter_context(open_read_only(folder))
    return FindSCP(store.index.find, ae_title=AE_TITLE)


def _asking(draw: Draw, first_only: bool, stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    def drawn(chance: random.Random) -> Dataset:
        identifier = study_list(draw(chance, shape_of(stage)))
        identifier.SpecificCharacterSet = "ISO_IR 192"
        return identifier

    return {ECHONODE: lambda: Asking(_service(stage), drawn, first_only=first_only)}


def _streaming(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    expected = stage.scale.index_studies
    return {ECHONODE: lambda: Streaming(_service(stage), expected=expected)}


def _on_the_wire(contender: type[Growing], stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    def make() -> Contender:
        port, _, pid = index_node(stage)
        address = Address(host="127.0.0.1", port=port, called=AE_TITLE)
        return contender(address, pid, expected=stage.scale.index_studies)

    return {ECHONODE: make}


def index_node(stage: Stage) -> tuple[int, int, int]:
    """A node over the large index: its DICOM port, its web port, and its process."""
    folder, port, web_port = large_index(shape_of(stage), show=stage.show), free_port(), free_port()
    child = ChildProcess(
        [sys.executable, "-m", "tests.benchmarks.index_node", str(port), folder, str(web_port)],
        folder=stage.folder,
        name="index-node",
        env={"PYTHONPATH": str(ROOT)},
    )
    child.start(ports=(port, web_port))
    stage.parts.callback(child.kill)
    return port, web_port, child.pid


def _surname(chance: random.Random) -> str:
    return f"{chance.choice(SURNAMES)}{chance.randrange(10)}"


def _month(chance: random.Random, shape: Shape) -> Mapping[str, str]:
    day = study_day(chance.randrange(shape.studies))
    return {"StudyDate": f"{day:%Y%m%d}-{day + timedelta(days=30):%Y%m%d}"}


def _benchmark(
    name: str,
    unit: str,
    set_up: Callable[[Stage], Mapping[str, Callable[[], Contender]]],
    goal: Goal,
) -> Benchmark:
    better = Better.LOWER if goal.below is not None else Better.HIGHER
    return Benchmark(
        name=f"index of 1,000,000 instances: {name}",
        unit=unit,
        better=better,
        set_up=set_up,
        goal=goal,
    )


def _one(name: str, draw: Draw) -> Benchmark:
    return _benchmark(name, "ms", partial(_asking, draw, False), Goal(below=GOAL_ONE_STUDY_MS))


def _first(name: str, draw: Draw) -> Benchmark:
    return _benchmark(
        f"{name}, first answer",
        "ms",
        partial(_asking, draw, True),
        Goal(below=GOAL_FIRST_ANSWER_MS),
    )


INDEX_BENCHMARKS: Final = (
    _one(
        "studies by Patient ID",
        lambda chance, shape: {"PatientID": patient_id(chance.randrange(shape.patients // 10))},
    ),
    _one(
        "study by accession number",
        lambda chance, shape: {
            "AccessionNumber": accession_number(chance.randrange(shape.studies))
        },
    ),
    _one(
        "study by UID",
        lambda chance, shape: {"StudyInstanceUID": uid("study", chance.randrange(shape.studies))},
    ),
    _first("name*", lambda chance, shape: {"PatientName": f"{_surname(chance)}*"}),
    _first("*name*", lambda chance, shape: {"PatientName": f"*{_surname(chance)}*"}),
    _first("a month of dates", _month),
    _benchmark(
        "all studies",
        ANSWERS_PER_SECOND,
        _streaming,
        Goal(reach=GOAL_ANSWERS_PER_SECOND),
    ),
    _benchmark(
        "all studies over the wire to a plain socket",
        ANSWERS_PER_SECOND,
        partial(_on_the_wire, Sending),
        Goal(reach=GOAL_ANSWERS_PER_SECOND),
    ),
    _benchmark(
        "memory growth while all studies go out",
        "MiB",
        partial(_on_the_wire, Growing),
        Goal(below=GOAL_MIB),
    ),
)
