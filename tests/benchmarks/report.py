"""The table on the terminal and the file for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.benchmarks.results import Better, Row


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as a JSON list, replacing the file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    temporary.replace(path)


def print_table(rows: Sequence[Row], console: Console) -> None:
    """One line a contender: its figure, and how many times better EchoNode is."""
    table = Table(title="EchoNode and the others, medians", show_lines=False)
    table.add_column("benchmark", ratio=3)
    table.add_column("who", ratio=2)
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("EchoNode is", justify="right", no_wrap=True)
    table.add_column("goal", justify="right", no_wrap=True)
    for row in rows:
        _add(table, row)
        table.add_section()
    console.print(table)


def print_shortfalls(rows: Sequence[Row], console: Console) -> None:
    """The goals that were not reached, and the contenders that could not take part."""
    for row in rows:
        for name, words in row.failures.items():
            console.print(f"[yellow]not measured[/] {row.name}: {name}: {words}", highlight=False)
    with_goal = [row for row in rows if row.met is not None]
    short = [row for row in with_goal if not row.met]
    for row in short:
        console.print(f"[red]short of its goal[/] {row.name} ({row.goal})", highlight=False)
    console.print(f"{len(with_goal) - len(short)} of {len(with_goal)} goals met")


def _add(table: Table, row: Row) -> None:
    arrow = "higher" if row.better is Better.HIGHER else "lower"
    ratio = row.ratio
    table.add_row(
        f"{row.name}\n[dim]{row.unit}, {arrow} is better[/]",
        "EchoNode",
        _figure(row.echonode),
        "",
        _verdict(row),
    )
    for name, value in row.peers.items():
        times = f"{ratio[name]:.2f} x" if name in ratio else ""
        table.add_row("", name, _figure(value), times, "")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _verdict(row: Row) -> str:
    if row.goal is None:
        return ""
    return f"{row.goal} [green]met[/]" if row.met else f"{row.goal} [red]short[/]"
