"""Writes the results of the fault programme into its document's table "Last full run".

A fault that the results do not name keeps its row: the programme takes hours and is run in parts,
and build/faults.json belongs to one clone.

python tools/record-faults.py build/faults.json docs/faults.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BEGIN = "| scenario | counted | commit | when | trials | result |\n|---|---|---|---|---|---|\n"


def row(result: Mapping[str, Any]) -> str:
    """A fault's line of the table."""
    cells = [result["scenario"], result["unit"], result["commit"], result["when"]]
    cells += [f"{result['trials']:,}", result["outcome"]]
    return f"| {' | '.join(map(str, cells))} |\n"


def place(line: str) -> tuple[int, str]:
    """What tells one fault's line from another's, and their order: scenario, what is counted."""
    scenario, unit = line.strip("| \n").split(" | ")[:2]
    return int(scenario), unit


def with_table(document: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The document with these results in its table. Raises ValueError where it has none."""
    before, begin, after = document.partition(BEGIN)
    if not begin:
        raise ValueError("the document has no table of the last full run")
    rest = after.splitlines(keepends=True)
    lines = {}
    while rest and rest[0].startswith("|"):
        line = rest.pop(0)
        lines[place(line)] = line
    for result in results.values():
        line = row(result)
        lines[place(line)] = line
    return before + BEGIN + "".join(lines[key] for key in sorted(lines)) + "".join(rest)


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    target.write_text(with_table(target.read_text(), json.loads(source.read_text())))


if __name__ == "__main__":
    main()
