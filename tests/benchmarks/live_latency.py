"""How old a live picture is when it is there: at a client, and as a pixel on a canvas.

Rules
- Three viewers watch; a simulated sender gives 20 pictures of 640 x 480 a second. The age counts
  from the arrival of the frame's last byte at the node (the time in the picture's head) to the
  moment that the viewer has it, by the clock of this one machine.
- In Chromium the console itself draws, on its screen of an open exam; the moment is when a pixel of
  the picture was read back from its canvas. Three tabs of a browser without a window, which draws
  in software.
- The peer is the same node's multipart stream, which a canvas cannot read.
"""

from __future__ import annotations

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from typing import Final

from playwright.sync_api import Page, sync_playwright

from tests.acceptance.exam_client import ExamClient
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.results import Better, Goal
from tests.peers.live_viewer import LiveViewer
from tests.peers.node_process import EchoNodeProcess
from tests.peers.numbered_probe import numbered_sender, probe_section
from tests.peers.ports import free_port
from tests.peers.programs import find_program

MULTIPART: Final = "multipart"
VIEWERS: Final = 3
FPS: Final = 20.0
ROUND_S: Final = 10.0
QUICK_ROUND_S: Final = 2.0
WARM_UP_S: Final = 1.0
GOAL_MEDIAN_MS: Final = 100.0
GOAL_P95_MS: Final = 200.0
BROWSER: Final = (
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    # Three tabs, of which a person would have each before them.
    *("--disable-renderer-backgrounding", "--disable-background-timer-throttling"),
    "--disable-backgrounding-occluded-windows",
)
# Watches the console's own canvas for so many milliseconds, and gives the age of each picture when
# it was drawn: the console names the frame at the canvas as the last step of drawing it.
DRAWN: Final = """
async (milliseconds) => {
  const { shown, theCanvas } = await import("./console/scan/picture.js");
  const canvas = theCanvas();
  const ages = [];
  const observer = new MutationObserver(() => {
    canvas.getContext("2d").getImageData(0, 0, 1, 1);
    ages.push(performance.timeOrigin + performance.now() - 1000 * shown.capturedAt);
  });
  observer.observe(canvas, {attributes: true, attributeFilter: ["data-sequence"]});
  await new Promise((done) => setTimeout(done, milliseconds));
  observer.disconnect();
  return ages;
}
"""

Ages = Callable[[float], Sequence[float]]
Figure = Callable[[Sequence[float]], float]


def median(ages_ms: Sequence[float]) -> float:
    return statistics.median(ages_ms)


def p95(ages_ms: Sequence[float]) -> float:
    return statistics.quantiles(ages_ms, n=20)[-1]


class Watching:
    """A contender: a figure of the ages of all pictures of a round, in milliseconds."""

    def __init__(self, ages: Ages, figure: Figure, *, round_s: float) -> None:
        self._ages, self._figure, self._round_s = ages, figure, round_s

    def __call__(self, *, warm_up: bool) -> float:
        seconds = WARM_UP_S if warm_up else self._round_s
        ages = self._ages(seconds)
        if len(ages) < seconds * VIEWERS:  # a picture a second for each is not live
            raise Failed(f"only {len(ages)} pictures in {seconds:g} s")
        return self._figure(ages)


class Node:
    """A node with the simulated probe."""

    def __init__(self, parts: ExitStack) -> None:
        sender = parts.enter_context(numbered_sender(fps=FPS))
        self.port = free_port()
        parts.enter_context(
            EchoNodeProcess(
                probes=[probe_section(sender.address[1])], extra={"web": {"port": self.port}}
            )
        )

    def by_socket(self, seconds: float) -> Sequence[float]:
        """Ages at three clients of the WebSocket."""
        return _together(self._socket_ages, seconds)

    def by_stream(self, seconds: float) -> Sequence[float]:
        """Ages at three readers of the multipart stream."""
        return _together(self._stream_ages, seconds)

    def lost(self) -> int:
        """Frames that came and became no image, so far."""
        return self._frames()["frames_dropped"]

    def _frames(self) -> Mapping[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/api/probes")
            [probe] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        found: Mapping[str, int] = probe
        return found

    def _socket_ages(self, seconds: float) -> list[float]:
        ages, ends = [], time.monotonic() + seconds
        with LiveViewer(self.port) as viewer:
            while time.monotonic() < ends:
                shown = viewer.next()
                ages.append(1000 * time.time() - shown.captured_at_us / 1000)
        return ages

    def _stream_ages(self, seconds: float) -> list[float]:
        ages, ends = [], time.monotonic() + seconds
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", "/api/probes/handheld/live")
        answer = connection.getresponse()
        answer.readline()
        while time.monotonic() < ends:
            head = {}
            while line := answer.readline().strip():
                name, _, value = line.decode().partition(": ")
                head[name] = value
            answer.read(int(head["Content-Length"]))
            captured_at = datetime.fromisoformat(head["X-Captured-At"])
            ages.append(1000 * (time.time() - captured_at.timestamp()))
            answer.readline()
            answer.readline()
        connection.close()
        return ages


def _together(one: Callable[[float], list[float]], seconds: float) -> list[float]:
    """All viewers' ages; they watch at the same time."""
    ages: list[float] = []
    threads = [threading.Thread(target=lambda: ages.extend(one(seconds))) for _ in range(VIEWERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ages


class Tabs:
    """Three tabs of Chromium with the console's own screen of a scan."""

    def __init__(self, parts: ExitStack, port: int) -> None:
        browser = parts.enter_context(sync_playwright()).chromium.launch(
            executable_path=str(find_program("chromium")), args=list(BROWSER)
        )
        parts.callback(browser.close)
        exam = ExamClient(port).open()
        self._pages: list[Page] = []
        for _ in range(VIEWERS):
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{port}/#/scan/{exam}")
            page.wait_for_selector("canvas[data-sequence]")
            self._pages.append(page)

    def ages(self, seconds: float) -> Sequence[float]:
        """Ages of the pictures in all tabs."""
        for page in self._pages:
            page.evaluate(f"(ms) => {{ window.ages = ({DRAWN})(ms); }}", 1000 * seconds)
        return [age for page in self._pages for age in page.evaluate("() => window.ages")]


class Losing:
    """A contender: frames that the node lost at intake while three tabs drew."""

    def __init__(self, node: Node, tabs: Tabs, *, round_s: float) -> None:
        self._node, self._tabs, self._round_s = node, tabs, round_s

    def __call__(self, *, warm_up: bool) -> float:
        before = self._node.lost()
        self._tabs.ages(WARM_UP_S if warm_up else self._round_s)
        return float(self._node.lost() - before)


def _round_s(stage: Stage) -> float:
    return ROUND_S if stage.scale.rounds > 1 else QUICK_ROUND_S


def _clients(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    node, round_s = Node(stage.parts), _round_s(stage)
    return {
        ECHONODE: lambda: Watching(node.by_socket, median, round_s=round_s),
        MULTIPART: lambda: Watching(node.by_stream, median, round_s=round_s),
    }


def _canvas(figure: Figure, stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    def contender() -> Contender:
        tabs = Tabs(stage.parts, Node(stage.parts).port)
        return Watching(tabs.ages, figure, round_s=_round_s(stage))

    return {ECHONODE: contender}


def _losses(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    def contender() -> Contender:
        node = Node(stage.parts)
        return Losing(node, Tabs(stage.parts, node.port), round_s=_round_s(stage))

    return {ECHONODE: contender}


LIVE_BENCHMARKS: Final = (
    Benchmark(
        name="Live picture, three viewers: from arrival to the JPEG at the client, median",
        unit="ms",
        better=Better.LOWER,
        set_up=_clients,
        goal=Goal(below=GOAL_MEDIAN_MS),
    ),
    Benchmark(
        name="Live picture, three tabs: from arrival to the pixel on the canvas, median",
        unit="ms",
        better=Better.LOWER,
        set_up=partial(_canvas, median),
        goal=Goal(below=GOAL_MEDIAN_MS),
    ),
    Benchmark(
        name="Live picture, three tabs: from arrival to the pixel on the canvas, 95th percentile",
        unit="ms",
        better=Better.LOWER,
        set_up=partial(_canvas, p95),
        goal=Goal(below=GOAL_P95_MS),
    ),
    Benchmark(
        name="Live picture, three tabs: frames lost at intake in a round",
        unit="frames",
        better=Better.LOWER,
        set_up=_losses,
        goal=Goal(below=1),
    ),
)
