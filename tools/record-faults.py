"""Writes the results of the fault programme into its document's table "Last full run".

python tools/record-faults.py build/faults.json docs/faults.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

BEGIN = "| scenario | counted | commit | when | trials | result |\n|---|---|---|---|---|---|\n"


def rows(results: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """A line for each fault, by the number of its scenario."""
    for result in sorted(results.values(), key=lambda one: (one["scenario"], one["unit"])):
        cells = [result["scenario"], result["unit"], result["commit"], result["when"]]
        cells += [f"{result['trials']:,}", result["outcome"]]
        yield f"| {' | '.join(map(str, cells))} |\n"


def with_table(document: str, results: Mapping[str, Mapping[str, Any]]) -> str:
    """The document with its table replaced. Raises ValueError where it has none."""
    before, begin, after = document.partition(BEGIN)
    if not begin:
        raise ValueError("the document has no table of the last full run")
    rest = after.splitlines(keepends=True)
    while rest and rest[0].startswith("|"):
        del rest[0]
    return before + BEGIN + "".join(rows(results)) + "".join(rest)


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    target.write_text(with_table(target.read_text(), json.loads(source.read_text())))


if __name__ == "__main__":
    main()
