"""C-FIND over the wire: answers a second, from archives that hold the same studies."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tests.benchmarks.archive import ORTHANC, Archive, archives, fill, many_studies
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.find_client import STUDY_LIST, count_answers, study_list
from tests.benchmarks.results import Better, Goal
from tests.peers import StoreScp, find_program
from tests.peers.instances import InstanceKind

TINY: Final = InstanceKind(name="tiny", columns=16, rows=16)
ANSWERS_PER_SECOND: Final = "answers/s"
TIMEOUT_S = 300.0


class Listing:
    """A contender: ask for all studies; timed until the final answer.

    list_all: asks, and returns how many answers came, or None when it does not count.
    """

    def __init__(self, list_all: Callable[[], int | None], *, expected: int) -> None:
        self._list_all, self._expected = list_all, expected

    def __call__(self, *, warm_up: bool) -> float:
        started = time.perf_counter()
        count = self._list_all()
        elapsed = time.perf_counter() - started
        if count not in (None, self._expected):
            raise Failed(f"{count} of {self._expected} studies were answered")
        return self._expected / elapsed


def _by_socket(archive: Archive) -> int:
    return count_answers(archive.address, study_list())


def _by_findscu(archive: Archive) -> None:
    """DCMTK's findscu, which takes every answer apart; quiet, since printing is slower still."""
    address = archive.address
    keys = [part for keyword in STUDY_LIST for part in ("-k", keyword)]
    command = [find_program("findscu"), "-q", "-S", "-aet", address.calling, "-aec", address.called]
    done = subprocess.run(
        [*command, "-k", "QueryRetrieveLevel=STUDY", *keys, address.host, str(address.port)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise Failed(f"findscu exited with {done.returncode}")


def _set_up(
    ask: Callable[[Archive], int | None], stage: Stage
) -> Mapping[str, Callable[[], Contender]]:
    receiver = stage.parts.enter_context(StoreScp())
    both = stage.parts.enter_context(archives(receiver))
    count = stage.scale.studies
    instances = many_studies(stage.folder / "studies", TINY, count)

    def contender(name: str) -> Contender:
        fill(stage, both[name], instances)
        if (found := _by_socket(both[name])) != count:
            raise Failed(f"{found} of {count} studies are there")
        return Listing(partial(ask, both[name]), expected=count)

    return {name: partial(contender, name) for name in (ECHONODE, ORTHANC)}


def _listing(name: str, ask: Callable[[Archive], int | None]) -> Benchmark:
    return Benchmark(
        name=f"C-FIND of all 2,000 studies, {name}",
        unit=ANSWERS_PER_SECOND,
        better=Better.HIGHER,
        set_up=partial(_set_up, ask),
        goal=Goal(at_least=5, reach=10_000),
    )


FIND_BENCHMARKS: Final = (
    _listing("to a plain socket", _by_socket),
    _listing("to DCMTK findscu", _by_findscu),
)
