"""`echonode demo`: a self-contained demonstration, and the proof that it was done.

A simulated probe, a node, and a second EchoNode as the PACS, in one process and a folder of its
own. The path is proved and not the machine's speed: where the node does not keep up, the probe
waits, so that a busy laptop drops no frame. At the end nothing is taken on trust: a viewer asks
both nodes by C-FIND for each instance, has the PACS send each one by C-MOVE, and compares the bytes
with those that the first node stored.
"""

from __future__ import annotations

import signal
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from echonode import log
from echonode.commands.demo_viewer import Viewer
from echonode.commands.probe_sim import load_recording
from echonode.config import Config
from echonode.node.node import Node
from echonode.probe.recordings.echopen_text import KitRecording
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from echonode.store.values import LedgerRow

FPS = 20.0
FRAMES = 100  # five seconds: two whole clips and the beginning of a third
DEADLINE_S = 90.0
# The probe waits where more frames are under way to the node, or wait in it; it drops from 33 on.
MOST_UNDER_WAY, MOST_WAITING = 2, 8
LOOPBACK = "127.0.0.1"
_ALL = ["echo", "store", "find", "move", "get", "commit"]


@dataclass(kw_only=True)
class Outcome:
    """What was counted, line by line: name -> (count, what it must be)."""

    lines: list[tuple[str, int, int]] = field(default_factory=list)

    def add(self, name: str, count: int, expected: int) -> None:
        self.lines.append((name, count, expected))

    @property
    def good(self) -> bool:
        return all(count == expected for _, count, expected in self.lines)

    def table(self) -> Table:
        table = Table("what", "count", "must be", "", title="EchoNode demo")
        for name, count, expected in self.lines:
            mark = "[green]ok[/]" if count == expected else "[bold red]MISMATCH[/]"
            table.add_row(name, str(count), str(expected), mark)
        return table


def run_demo(*, recording: Path | None, keep: bool) -> bool:
    """Run it and print the table; whether every count is what it must be."""
    log.configure(format="console", level="error")
    source = load_recording(recording)
    console = Console()
    with ExitStack() as parts:
        parts.enter_context(_tidy_on_sigterm())
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="echonode-demo-")))
        clinic = _Clinic(folder, source, parts)
        console.print(f"Probe on {clinic.probe_address}; PACS {clinic.pacs.config.ae_title}; node")
        with _progress(console) as progress:
            clinic.stream(progress)
            outcome = clinic.prove(progress)
        console.print(outcome.table())
        if keep:
            _keep(console, clinic, parts)
        else:
            console.print("To look at it: [bold]echonode demo --keep[/] (make demo KEEP=1)")
    return outcome.good


class _Clinic:
    """Probe, node, PACS and viewer, each knowing the others by AE title."""

    def __init__(self, folder: Path, source: KitRecording, parts: ExitStack) -> None:
        self._source = source
        node_port, pacs_port, probe_port, web_port = _free_ports(4)
        self.probe_address = f"{LOOPBACK}:{probe_port}"
        self._probe_port = probe_port
        self.viewer = parts.enter_context(
            Viewer(peers={"ECHONODE": node_port, "DEMOPACS": pacs_port})
        )
        viewer = _peer("VIEWER", self.viewer.port, ["echo", "find", "move"])
        self.pacs = parts.enter_context(
            Node(
                _config(
                    folder / "pacs",
                    "DEMOPACS",
                    pacs_port,
                    peers={"echonode": _peer("ECHONODE", node_port, _ALL), "viewer": viewer},
                )
            )
        )
        self.node = parts.enter_context(
            Node(
                _config(
                    folder / "node",
                    "ECHONODE",
                    node_port,
                    peers={"pacs": _peer("DEMOPACS", pacs_port, _ALL), "viewer": viewer},
                    destinations=[{"peer": "pacs", "commitment": "required"}],
                    probes=[_probe(self.probe_address)],
                    web={"host": LOOPBACK, "port": web_port, "viewer_port": _free_ports(1)[0]},
                )
            )
        )
        self._frames_sent = 0
        self._deadline = 0.0

    def stream(self, progress: Progress) -> None:
        """A film, then one frame alone: clips and a still; wait until all are committed."""
        count = FRAMES if len(self._source.frames) < FRAMES else len(self._source.frames)
        frames = progress.add_task("frames received", total=count + 1)
        committed = progress.add_task("instances committed", total=None)
        self._deadline = time.monotonic() + DEADLINE_S + count / FPS
        for frames_of_this in (count, 1):
            self._connection(frames_of_this, progress, frames, committed)
        self._until(self._all_committed, progress, frames, committed)
        rows = self.rows()
        progress.update(committed, total=len(rows), completed=self._states()["committed"])

    def _connection(self, frames: int, progress: Progress, *tasks: TaskID) -> None:
        before = self._frames_sent
        probe = ProbeSimulator(
            self._source,
            port=self._probe_port,
            fps=FPS,
            frames=frames,
            may_send=lambda sent: self._keeps_up(before + sent),
        )
        with probe:
            self._until(probe.finished.is_set, progress, *tasks)
            self._frames_sent += len(probe.sent)
            sent = self._frames_sent
            self._until(lambda: self._counted() >= sent, progress, *tasks)

    def _until(
        self, done: Callable[[], bool], progress: Progress, frames: TaskID, committed: TaskID
    ) -> None:
        """Show how it goes until `done`, or until the deadline: then the table tells."""
        while not done() and time.monotonic() < self._deadline:
            progress.update(frames, completed=self._counted())
            progress.update(committed, completed=self._states()["committed"])
            threading.Event().wait(0.1)
        progress.update(frames, completed=self._counted())

    def _counted(self) -> int:
        return self.node.scanning.sources[0].counts.frames_received

    def _keeps_up(self, sent: int) -> bool:
        waiting = self.node.scanning.sources[0].frames_waiting
        return waiting <= MOST_WAITING and self._counted() >= sent - MOST_UNDER_WAY

    def _all_committed(self) -> bool:
        states, counts = self._states(), self.node.scanning.sources[0].counts
        stored = sum(row.frames for row in self.rows())
        everything = stored == counts.frames_received - counts.frames_dropped
        return everything and set(states) == {"committed"}

    def rows(self) -> list[LedgerRow]:
        return list(self.node.store.ledger.rows())

    def _states(self) -> Counter[str]:
        return Counter(str(row.state) for row in self.rows())

    def prove(self, progress: Progress) -> Outcome:
        """Count, ask and compare."""
        rows, counts, states = self.rows(), self.node.scanning.sources[0].counts, self._states()
        outcome = Outcome()
        outcome.add("frames sent by the probe", self._frames_sent, self._frames_sent)
        outcome.add("frames received", counts.frames_received, self._frames_sent)
        outcome.add("frames dropped", counts.frames_dropped, 0)
        stills = sum(row.frames == 1 for row in rows)
        outcome.add("stills built", stills, 1)
        outcome.add("cine built", len(rows) - stills, max(1, len(rows) - 1))
        outcome.add("frames in them", sum(row.frames for row in rows), counts.frames_received)
        outcome.add("instances sent", sum(row.attempts > 0 for row in rows), len(rows))
        outcome.add("instances committed by the PACS", states["committed"], len(rows))
        checked = progress.add_task("instances proved", total=len(rows))
        found, moved, equal = Counter[str](), 0, 0
        for row in rows:
            for ae_title in ("ECHONODE", "DEMOPACS"):
                found[ae_title] += self.viewer.finds(ae_title, row)
            digest = self.viewer.fetches("DEMOPACS", row)
            kept = self.node.store.index.instance(row.sop_instance_uid)
            moved += digest is not None
            equal += kept is not None and digest == kept.dataset_sha256
            progress.advance(checked)
        for ae_title, count in found.items():
            outcome.add(f"found by C-FIND at {ae_title}", count, len(rows))
        outcome.add("moved back by C-MOVE", moved, len(rows))
        outcome.add("equal bit for bit", equal, len(rows))
        return outcome


def _config(data_dir: Path, ae_title: str, port: int, **sections: Any) -> Config:
    return Config.model_validate(
        {
            "ae_title": ae_title,
            "data_dir": data_dir,
            "listen": [{"host": LOOPBACK, "port": port}],
            # A demonstration of a minute needs no reserve, and runs on a full laptop too.
            "retention": {"minimum_free_percent": 0},
            "exam": {"deliver_unidentified": True},  # no person is there to name them
            **sections,
        }
    )


def _peer(ae_title: str, port: int, may: list[str]) -> dict[str, Any]:
    return {"ae_title": ae_title, "host": LOOPBACK, "port": port, "may": may}


def _probe(address: str) -> dict[str, Any]:
    return {
        "name": "demo",
        "protocol": "echopen",
        "dialect": "kit",
        "connect": address,
        "capture": {"mode": "auto", "gap_s": 2.0, "max_clip_s": 2.0},
    }


def _free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [int(each.getsockname()[1]) for each in sockets]


@contextmanager
def _tidy_on_sigterm() -> Iterator[None]:
    """SIGTERM ends the demo like Ctrl-C: its parts are stopped and its folder is removed."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """Bars on a terminal; elsewhere each bar's last state."""
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress:
        yield progress


def _keep(console: Console, clinic: _Clinic, parts: ExitStack) -> None:
    """Go on until Ctrl-C, the probe looping."""
    assert clinic.node.web is not None
    host, port = clinic.node.web.address
    probe = ProbeSimulator(clinic._source, port=clinic._probe_port, fps=FPS, loop=True)
    parts.enter_context(probe)
    console.print(f"Status page: http://{host}:{port}/ (Ctrl-C ends it)")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Stopping.")
