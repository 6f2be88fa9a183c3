"""How near a download by DICOMweb comes to a bare socket that sends as many bytes of files.

On one machine both sides share its memory, and a bare socket is what that allows.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from tests.benchmarks.archive import fill, one_study
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Stage
from tests.benchmarks.dicomweb import CINE, SETTLING_S, download_rate, large_study, web_archives
from tests.benchmarks.results import Better, Goal
from tests.peers import free_port
from tests.peers.instances import Instances
from tests.peers.process import ChildProcess
from tests.peers.stock import ROOT

BARE: Final = "bare socket"


def _set_up(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    instances, study = one_study(stage.folder / "study", CINE, large_study(stage))

    def contender(start: Callable[[Stage, Instances], int]) -> Contender:
        port = start(stage, instances)

        def run(*, warm_up: bool) -> float:
            return download_rate(port, study, stage)

        return run

    return {ECHONODE: partial(contender, _node), BARE: partial(contender, _bare)}


def _node(stage: Stage, instances: Instances) -> int:
    archive = stage.parts.enter_context(web_archives())[ECHONODE]
    fill(stage, archive.archive, instances)
    stage.show(f"{ECHONODE} finishes what it does in the background")
    time.sleep(SETTLING_S)
    return archive.port


def _bare(stage: Stage, instances: Instances) -> int:
    port = free_port()
    child = ChildProcess(
        [
            sys.executable,
            "-m",
            "tests.benchmarks.bare_sender",
            str(port),
            instances.files[0].parent,
        ],
        folder=stage.folder,
        name="bare-sender",
        env={"PYTHONPATH": str(ROOT)},
    )
    child.start(ports=(port,))
    stage.parts.callback(child.kill)
    return port


CEILING_BENCHMARKS: Final = (
    Benchmark(
        name="DICOMweb, as many bytes as a study of 400 MB has, beside a bare socket",
        unit="MB/s",
        better=Better.HIGHER,
        set_up=_set_up,
        goal=Goal(at_least=0.7),
    ),
)
