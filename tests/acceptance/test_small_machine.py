"""A node with one core and 768 MiB: a probe, an archive and a viewer at the same time.

`make faults` runs the whole ten minutes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
from pydicom import dcmread

from tests.benchmarks.usage import cpu_seconds, peak_bytes
from tests.faults.programme import SMALL_MACHINE
from tests.peers.fixtures import require_program
from tests.peers.live_viewer import LiveViewer
from tests.peers.node_process import EchoNodeProcess
from tests.peers.numbered_probe import number_in, numbered_sender, probe_section
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.long]

FPS, CLIP_S = 20.0, 5
MEMORY_MIB = 768
USUALLY_BEHIND_S, MOST_BEHIND_S = 0.5, 5.0  # what the viewer shows: the median, any moment
MOST_CLIPS_WAITING = 3  # for the archive, at any moment


class SmallNode(EchoNodeProcess):
    """On one core of this machine."""

    wrapper = ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0))))


@dataclass
class Watching:
    """A viewer's thread. behind: by how many frames each picture was late when it was read."""

    behind: list[int] = field(default_factory=list)
    failed: Exception | None = None

    def run(self, viewer: LiveViewer, sent: Iterator[int], over: threading.Event) -> None:
        try:
            while not over.is_set():
                shown = number_in(viewer.next().pixels())
                self.behind.append(next(sent) - 1 - shown)
        except Exception as error:  # noqa: BLE001  # the thread's top; raised by the test
            self.failed = error


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.timeout(SMALL_MACHINE.count * 2 + 300)
def test_one_core_and_768_mib_are_enough_for_a_probe_an_archive_and_a_viewer(
    parts: ExitStack,
) -> None:
    """20 frames of 640x480 a second, stored as clips, sent to Orthanc, which commits them, and
    watched: every frame is in Orthanc once, the archive is never more than three clips behind, and
    the viewer is half a second behind at the median, never five.
    """
    require_program("Orthanc")
    port, web = free_port(), free_port()
    sender = parts.enter_context(numbered_sender(fps=FPS))
    orthanc = parts.enter_context(
        OrthancServer(modalities={"echonode": ("ECHONODE", LOOPBACK, port)})
    )
    probe = probe_section(sender.address[1], mode="auto")
    probe["capture"] = {"mode": "auto", "gap_s": 0.5, "max_clip_s": CLIP_S}
    archive = {"ae_title": "ORTHANC", "host": LOOPBACK, "port": orthanc.dicom_port}
    node = parts.enter_context(
        SmallNode(
            port=port,
            peers={"pacs": {**archive, "may": ["echo", "commit"]}},
            destinations=[{"peer": "pacs", "commitment": "required"}],
            probes=[probe],
            extra={"web": {"host": LOOPBACK, "port": web}},
            ulimit=f"-d {MEMORY_MIB * 1024}",
        )
    )
    watching, over = Watching(), threading.Event()
    viewer = parts.enter_context(LiveViewer(web))
    viewer.next()
    counts = iter(lambda: sender.sent, None)
    thread = threading.Thread(target=watching.run, args=(viewer, counts, over))
    began, used_before, waiting = time.monotonic(), cpu_seconds(node.pid), 0
    thread.start()
    while time.monotonic() - began < SMALL_MACHINE.count:
        time.sleep(1)
        waiting = max(waiting, len(node.stored_files()) - orthanc.rest.instance_count())
    elapsed, used = time.monotonic() - began, cpu_seconds(node.pid) - used_before
    over.set()
    thread.join(30)
    assert watching.failed is None, watching.failed
    sender.stop()
    node.wait_for("probe_lost", timeout_s=60)
    wait_until(
        lambda: {row["state"] for row in node.ledger()} == {"committed"},
        lambda: f"all is committed: {[row['state'] for row in node.ledger()]}",
        timeout_s=60,
        every_s=1,
    )
    print(
        f"{elapsed:.0f} s: {len(node.ledger())} clips, {sender.sent} frames sent, the viewer got "
        f"{len(watching.behind)}, {median(watching.behind):g} frames behind, at most "
        f"{max(watching.behind)}; at most {waiting} "
        f"clips waited; {used / elapsed:.2f} of the core; "
        f"peak {peak_bytes(node.pid) / 1024**2:.0f} MiB"
    )
    numbers = sorted(frames_in(orthanc))
    assert [two - one for one, two in pairwise(numbers)] == [1] * (len(numbers) - 1)
    # The sender hangs up within the last two.
    assert sender.sent - 1 - numbers[-1] <= 2
    assert len(numbers) > 0.9 * FPS * SMALL_MACHINE.count
    assert waiting <= MOST_CLIPS_WAITING
    assert median(watching.behind) <= USUALLY_BEHIND_S * FPS
    assert max(watching.behind) <= MOST_BEHIND_S * FPS
    assert peak_bytes(node.pid) < MEMORY_MIB * 1024**2


def frames_in(orthanc: OrthancServer) -> Iterator[int]:
    """The number of each frame of each clip that Orthanc has."""
    for instance in orthanc.rest.instances():
        pixels = dcmread(BytesIO(orthanc.rest.file(instance))).pixel_array
        for frame in pixels if pixels.ndim == 3 else pixels[np.newaxis]:
            yield number_in(frame)
