"""C-MOVE and C-GET: one large study out of the archive, megabytes a second until all is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from tests.benchmarks.archive import ORTHANC, Archive, archives, fill, one_study
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.results import Better, Goal
from tests.peers import StoreScp, find_program
from tests.peers.instances import InstanceKind

# 272 of these are a study of 400 MB.
IMAGE: Final = InstanceKind(name="image 800x613x3", columns=800, rows=613, samples=3)
TIMEOUT_S = 600.0


class Retrieving:
    """A contender: DCMTK asks the archive for the study; timed until DCMTK has its answer.

    bring: asks, and returns the files that arrived; its start-up of some 10 ms is in the time.
    """

    def __init__(self, bring: Callable[[], list[Path]], *, expected: int) -> None:
        self._bring, self._expected = bring, expected

    def __call__(self, *, warm_up: bool) -> float:
        os.sync()  # what an earlier round wrote is not paid for in this one
        started = time.perf_counter()
        files = self._bring()
        elapsed = time.perf_counter() - started
        sizes = [file.stat().st_size for file in files]
        for file in files:
            file.unlink()
        if len(sizes) != self._expected or min(sizes) < IMAGE.pixel_bytes:
            raise Failed(f"{len(sizes)} of {self._expected} instances arrived")
        return len(sizes) * IMAGE.pixel_bytes / elapsed / 1e6


def _ask(program: str, archive: Archive, study: str, *options: str | Path) -> None:
    """Run movescu or getscu. Raises Failed unless the archive answered success."""
    address = archive.address
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
    command = [find_program(program), "-q", "-S", "-aet", address.calling, "-aec", address.called]
    done = subprocess.run(
        [*command, *options, *keys, address.host, str(address.port)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{program} exited with {done.returncode}: {done.stderr.decode()[-200:]}")


def _by_move(receiver: StoreScp, archive: Archive, study: str) -> list[Path]:
    _ask("movescu", archive, study, "-aem", receiver.ae_title)
    return receiver.received()


def _by_get(folder: Path, archive: Archive, study: str) -> list[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    _ask("getscu", archive, study, "+B", "-od", folder)
    return sorted(folder.iterdir())


def _set_up(service: str, stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    receiver = stage.parts.enter_context(StoreScp())
    both = stage.parts.enter_context(archives(receiver))
    count = stage.scale.study_instances
    instances, study = one_study(stage.folder / "study", IMAGE, count)

    def contender(name: str) -> Contender:
        fill(stage, both[name], instances)
        if service == "C-MOVE":
            bring = partial(_by_move, receiver, both[name], study)
        else:
            bring = partial(_by_get, stage.folder / f"got-{name}", both[name], study)
        return Retrieving(bring, expected=count)

    return {name: partial(contender, name) for name in (ECHONODE, ORTHANC)}


def _retrieving(service: str, client: str) -> Benchmark:
    return Benchmark(
        name=f"{service} of a study of 272 instances, 400 MB, {client}",
        unit="MB/s",
        better=Better.HIGHER,
        set_up=partial(_set_up, service),
        goal=Goal(at_least=6),
    )


MOVE_BENCHMARKS: Final = (
    _retrieving("C-MOVE", "to DCMTK storescp"),
    _retrieving("C-GET", "by DCMTK getscu"),
)
