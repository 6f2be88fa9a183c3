"""`echonode ledger`: what is proved of each instance, read beside a running node."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.store import Store
from echonode.store.values import LedgerRow

_COLUMNS = ("sop_instance_uid", "frames", "destination", "state", "attempts", "last_error")
_STYLES = {"committed": "green", "verified": "green", "held": "bold red"}


def plain_rows(store: ReadOnlyStore) -> Iterator[dict[str, object]]:
    """The ledger's rows as JSON takes them: times in ISO 8601."""
    for row in store.ledger():
        yield {key: _plain(value) for key, value in asdict(row).items()}


def print_json(data_dir: Path) -> None:
    """A JSON list on stdout, a row at a time: a long ledger takes no memory."""
    with Store.open_read_only(data_dir) as store:
        separator = "["
        for row in plain_rows(store):
            sys.stdout.write(f"{separator}\n{json.dumps(row)}")
            separator = ","
        sys.stdout.write("[]\n" if separator == "[" else "\n]\n")


def print_table(data_dir: Path) -> None:
    """A table for people, the states in colour."""
    table = Table(*_COLUMNS, "committed_at", title=f"Ledger of {data_dir}")
    with Store.open_read_only(data_dir) as store:
        for row in store.ledger():
            table.add_row(*_cells(row))
    Console().print(table)


def _cells(row: LedgerRow) -> list[str]:
    cells = [str(getattr(row, column)) for column in _COLUMNS]
    style = _STYLES.get(row.state)
    cells[_COLUMNS.index("state")] = f"[{style}]{row.state}[/]" if style else row.state
    committed = row.committed_at
    return [*cells, committed.isoformat(timespec="seconds") if committed else ""]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
