"""OHIF with a long cine: every frame in the viewer's memory, in Chromium on this machine.

What is measured is the viewer and the node together: Chromium decodes and draws, in software, on
the same processors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final

from tests.benchmarks.archive import Archive, fill, one_study
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Stage
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.work import CALLING_AE_TITLE, Address
from tests.peers import EchoNodeProcess, free_port
from tests.peers.instances import InstanceKind
from tests.peers.ohif import Ohif, drawing_browser, viewer_dir, wait_complete
from tests.peers.ports import LOOPBACK

LONG_CINE: Final = InstanceKind(name="cine 640x480, 500 frames", columns=640, rows=480, frames=500)


def _set_up(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    def contender() -> Contender:
        viewer_port = free_port()
        web = {
            "host": LOOPBACK,
            "port": free_port(),
            "viewer_port": viewer_port,
            "viewer_dir": str(viewer_dir()),
        }
        node = EchoNodeProcess(extra={"web": web})
        node.add_peer("bench", ae_title=CALLING_AE_TITLE, may=["store", "find"])
        stage.parts.enter_context(node)
        instances, study = one_study(stage.folder / "study", LONG_CINE, 1)
        address = Address(host=node.host, port=node.port, called=node.ae_title)
        fill(stage, Archive(name=ECHONODE, address=address, pid=node.pid), instances)
        browser = stage.parts.enter_context(drawing_browser())
        ohif = Ohif(browser, f"http://{LOOPBACK}:{viewer_port}")

        def run(*, warm_up: bool) -> float:
            page = ohif.open_study(study, frames=LONG_CINE.frames)
            shown = time.perf_counter()
            wait_complete(page, LONG_CINE.frames)
            taken = time.perf_counter() - shown
            page.context.close()
            return taken

        return run

    return {ECHONODE: contender}


OHIF_BENCHMARKS: Final = (
    Benchmark(
        name="OHIF, a cine of 500 frames from the first picture to the last frame",
        unit="s",
        better=Better.LOWER,
        set_up=_set_up,
        goal=Goal(below=10),
    ),
)
