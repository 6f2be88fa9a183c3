"""`python -m tests.benchmarks [--only SUBSTRING] [--out FILE] [--quick] [--list]`.

--quick does each piece of work once and little of it: it proves the harness, its figures are noise.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from echonode import log
from tests.benchmarks.contest import FULL, QUICK, Benchmark, Scale, Stage, hold
from tests.benchmarks.registry import BENCHMARKS, chosen
from tests.benchmarks.report import print_shortfalls, print_table, write_json
from tests.benchmarks.results import Row

WIDTH_OF_A_LOG = 140


def main() -> None:
    """Run what was asked for; exit 1 only when nothing could be run."""
    arguments = _arguments()
    # What runs in this process logs as a node does; only warnings may stand between the figures.
    log.configure(format="console", level="warning")
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_LOG)
    if arguments.list:
        for benchmark in BENCHMARKS:
            console.print(benchmark.name, highlight=False)
        return
    benchmarks = chosen(arguments.only)
    if not benchmarks:
        console.print(f"no benchmark's name contains {arguments.only!r}; --list names them")
        raise SystemExit(1)
    scale = QUICK if arguments.quick else FULL
    _describe_machine(console, scale)
    rows = _run(benchmarks, scale, console)
    write_json(rows, arguments.out)
    print_table(rows, console)
    print_shortfalls(rows, console)
    console.print(f"written to {arguments.out}", highlight=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="EchoNode beside its peers")
    parser.add_argument("--only", default="", help="run those whose name contains this")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"), help="JSON file")
    parser.add_argument("--quick", action="store_true", help="prove the harness, not the figures")
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    return parser.parse_args()


def _run(benchmarks: Sequence[Benchmark], scale: Scale, console: Console) -> list[Row]:
    rows = []
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=len(benchmarks))
        for benchmark in benchmarks:

            def show(text: str, name: str = benchmark.name) -> None:
                progress.update(task, description=f"{name}: {text}")

            rows.append(_hold_alone(benchmark, scale, show))
            progress.console.print(_summary(rows[-1]), highlight=False)
            progress.advance(task)
    return rows


def _hold_alone(benchmark: Benchmark, scale: Scale, show: Callable[[str], None]) -> Row:
    """Run one benchmark with parts and a folder of its own."""
    with ExitStack() as parts:
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        return hold(benchmark, Stage(parts=parts, folder=folder, scale=scale, show=show), show)


def _summary(row: Row) -> str:
    figures = {"EchoNode": row.echonode, **row.peers}
    said = ", ".join(
        f"{name} {'-' if value is None else f'{value:.4g}'}" for name, value in figures.items()
    )
    return f"{row.name}: {said} {row.unit}"


def _describe_machine(console: Console, scale: Scale) -> None:
    folder = Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free / 1e9
    console.print(
        f"{os.cpu_count()} processors (load {os.getloadavg()[0]:.1f}), Linux "
        f"{platform.release()}, Python "
        f"{platform.python_version()}; one write and fsync of 300 kB in the temporary folder: "
        f"{_fsync_ms(folder):.2f} ms, {free:.0f} GB free; {scale.rounds} rounds",
        highlight=False,
    )


def _fsync_ms(folder: Path) -> float:
    """What durability costs here; near nothing on a memory file system, which would flatter us."""
    data, taken = os.urandom(300_000), []
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as trial:
        for number in range(10):
            started = time.perf_counter()
            with (Path(trial) / str(number)).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            taken.append(time.perf_counter() - started)
    return 1000 * sorted(taken)[len(taken) // 2]


if __name__ == "__main__":
    main()
