"""`echonode ledger`: the delivery status of each instance, read while a node runs.

Rules
- Where the output is not a terminal it is tab-separated, a row a line, and nothing is cut: its
  first column is the SOP Instance UID, so that `echonode release -` takes it as it is.
- On a terminal a UID has a line of its own, whatever the width: it can be selected and pasted.
- Rows are written as they are read: a long ledger takes no memory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.store.read_only_store import ReadOnlyStore, open_read_only
from echonode.store.values import LedgerChoice, LedgerRow

COLUMNS = (
    "sop_instance_uid",
    "study_instance_uid",
    "state",
    "acquired_at",
    "destination",
    "frames",
    "attempts",
    "last_error",
    "committed_at",
)
_EVERYTHING = LedgerChoice()
_STYLES = {"committed": "green", "verified": "green", "held": "bold red"}
_STATE_WIDTH = len("commit_requested")


def plain_rows(
    store: ReadOnlyStore, choice: LedgerChoice = _EVERYTHING
) -> Iterator[dict[str, object]]:
    """The ledger's rows as JSON takes them: times in ISO 8601."""
    for row in store.ledger.rows(choice):
        yield {key: _plain(value) for key, value in asdict(row).items()}


def print_json(
    data_dir: Path,
    choice: LedgerChoice = _EVERYTHING,
    *,
    index_url: str = "",
    cipher: FileCipher | None = None,
) -> None:
    """A JSON list on stdout."""
    with open_read_only(data_dir, index_url=index_url, cipher=cipher) as store:
        separator = "["
        for row in plain_rows(store, choice):
            sys.stdout.write(f"{separator}\n{json.dumps(row)}")
            separator = ","
        sys.stdout.write("[]\n" if separator == "[" else "\n]\n")


def print_rows(
    data_dir: Path,
    choice: LedgerChoice = _EVERYTHING,
    *,
    index_url: str = "",
    cipher: FileCipher | None = None,
) -> None:
    """For people on a terminal; elsewhere tab-separated values with a head."""
    with open_read_only(data_dir, index_url=index_url, cipher=cipher) as store:
        if sys.stdout.isatty():
            _print_for_people(store.ledger.rows(choice))
            return
        sys.stdout.write("\t".join(COLUMNS) + "\n")
        for row in store.ledger.rows(choice):
            sys.stdout.write("\t".join(_field(getattr(row, name)) for name in COLUMNS) + "\n")


def _print_for_people(rows: Iterable[LedgerRow]) -> None:
    """Grouped by study, in the order given; soft wrapped, so that nothing is cut."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False, soft_wrap=True)
    study = None
    for row in rows:
        if row.study_instance_uid != study:
            study = row.study_instance_uid
            console.print(f"[bold]Study {escape(_one_line(study))}[/]")
        style = _STYLES.get(row.state, "default")
        state = f"[{style}]{row.state:<{_STATE_WIDTH}}[/]"
        where = row.destination or "no destination"
        console.print(f"  {state}  {_taken(row)}  {escape(where)}, {_extent(row)}")
        console.print(f"    {escape(_one_line(row.sop_instance_uid))}")
        if row.last_error:
            console.print(f"    [yellow]{escape(_one_line(row.last_error))}[/]")
    if study is None:
        console.print("Nothing in the ledger matches.")


def _taken(row: LedgerRow) -> str:
    """When it was taken, or else stored, in this machine's time."""
    return f"{(row.acquired_at or row.stored_at).astimezone():%Y-%m-%d %H:%M:%S}"


def _extent(row: LedgerRow) -> str:
    frames = "1 frame" if row.frames == 1 else f"{row.frames} frames"
    return frames if row.attempts < 2 else f"{frames}, {row.attempts} attempts"


def _field(value: object) -> str:
    """One field of a line: what would end it, or drive a terminal, is escaped."""
    if value is None:
        return ""
    return _one_line(value.isoformat() if isinstance(value, datetime) else str(value))


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
