"""`python -m tests.fuzz --seconds N [--only NAME]`: every target for an equal share of the time.

Each runs in a process of its own. A finding's input and traceback go into build/fuzz/; the exit
code is 1 when there is any. `--replay FILE` tries one such input again, by the name in its file's
name.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import INPUT_S, Current, write_finding
from tests.peers.node_process import ROOT

FOLDER = ROOT / "build" / "fuzz"
DEFAULT_SECONDS = 3_600.0
START_S = 300.0  # until a worker's first line, on a machine that is busy with other work
SILENCE_S = INPUT_S + 60.0  # between two lines: one input at most, and the end of its listeners


@dataclass(kw_only=True)
class Outcome:
    """What one target's share of the time gave."""

    name: str
    inputs: int = 0
    findings: list[str] = field(default_factory=list)


class Watchdog:
    """Kills a worker that says nothing for too long: a loop within a C library hears no signal of
    its own process. The time counts from its last line, so a slow start is no finding.
    """

    def __init__(self, worker: subprocess.Popen[str]) -> None:
        self._worker = worker
        self._timer = self._started(START_S)

    def heard(self) -> None:
        """The worker has said something."""
        self._timer.cancel()
        self._timer = self._started(SILENCE_S)

    def cancel(self) -> None:
        self._timer.cancel()

    def _started(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._worker.kill)
        timer.daemon = True
        timer.start()
        return timer


def run_target(target: Target, *, seconds: float, seed: int, progress: Progress) -> Outcome:
    """One worker, watched to its end."""
    outcome = Outcome(name=target.name)
    task = progress.add_task(target.name, total=None, inputs=0)
    words = ["--seconds", str(seconds), "--seed", str(seed), "--folder", str(FOLDER)]
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.fuzz.worker", target.name, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stderr is not None
    errors = worker.stderr
    watchdog = Watchdog(worker)
    is_done = False
    said: list[str] = []
    listener = threading.Thread(target=lambda: said.append(errors.read()))
    listener.start()
    try:
        for text in worker.stdout:
            watchdog.heard()
            line = json.loads(text)
            outcome.inputs = line.get("inputs", outcome.inputs)
            is_done = is_done or "done" in line
            if "finding" in line:
                outcome.findings.append(f"{line['finding']} ({line['file']})")
            progress.update(task, inputs=outcome.inputs)
    finally:
        if worker.poll() is None and not is_done:
            worker.kill()
        code = worker.wait()
        listener.join()
        watchdog.cancel()
        for pipe in (worker.stdout, worker.stderr):
            pipe.close()
    if not is_done or code != 0:
        outcome.findings.append(_died(target, code, said[0] if said else ""))
    progress.update(task, total=1, completed=1)
    return outcome


def _died(target: Target, code: int, said: str) -> str:
    """The worker ended by itself or was killed: the input under way is the finding."""
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    data = Current.read(FOLDER / f"{target.name}.current")
    file = write_finding(FOLDER, target.name, data, f"the process died: {how}", said[-4_000:])
    return f"the process died: {how} ({file})"


def run_all(targets: Sequence[Target], *, seconds: float, seed: int) -> list[Outcome]:
    """Each in turn, with a line on the terminal."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.description:26}"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[inputs]:>10,} inputs"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        share = seconds / len(targets)
        return [
            run_target(target, seconds=share, seed=seed, progress=progress) for target in targets
        ]


def replay(path: Path) -> int:
    """Try one input again, in this process: its traceback is the answer."""
    target = TARGETS[path.name.rpartition("-")[0]]
    print(f"{target.name}: {target.invariant}")
    target.run(path.read_bytes())
    target.close()
    print("the invariant holds")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz")
    parser.add_argument("--seconds", type=float, default=DEFAULT_SECONDS, help="for all together")
    parser.add_argument("--only", choices=TARGETS, metavar="NAME", help=", ".join(TARGETS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--replay", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.replay is not None:
        return replay(given.replay)
    chosen = [TARGETS[given.only]] if given.only else list(TARGETS.values())
    outcomes = run_all(chosen, seconds=given.seconds, seed=given.seed)
    for outcome in outcomes:
        print(f"{outcome.name:26} {outcome.inputs:>10,} inputs  {len(outcome.findings)} findings")
        for finding in outcome.findings:
            print(f"    {finding}")
    return 1 if any(outcome.findings for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
