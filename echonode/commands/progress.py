"""A progress bar on the terminal's error stream, so that standard output has the result alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def instances_progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Gives a function to call with how many are done, and of how many. what: they are."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    shown = console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=not shown) as bars:
        task = bars.add_task(what, total=None, visible=False)

        def on_progress(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, visible=total > 1)

        yield on_progress
