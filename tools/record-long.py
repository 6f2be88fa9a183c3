"""Writes the results of `make long` into the table of docs/tests.md.

python tools/record-long.py build/long.xml docs/tests.md

build/long.xml is the JUnit file of pytest. A line for each file of tests: number, result, seconds.
"""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BEGIN = "| tests | number | result | seconds |\n|---|---|---|---|\n"


@dataclass
class Row:
    """What one file of tests came to."""

    number: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def result(self) -> str:
        """In words."""
        if self.failed:
            return f"{self.failed} failed"
        return f"{self.skipped} skipped" if self.skipped else "passed"


def rows(cases: Iterable[ET.Element]) -> dict[str, Row]:
    """By file, from the test cases of a JUnit file."""
    found: dict[str, Row] = {}
    for case in cases:
        row = found.setdefault(case.get("classname", "").removeprefix("tests."), Row())
        row.number += 1
        row.seconds += float(case.get("time", "0"))
        kinds = {child.tag for child in case}
        row.failed += bool(kinds & {"failure", "error"})
        row.skipped += "skipped" in kinds
    return found


def with_table(document: str, found: dict[str, Row], heading: str) -> str:
    """The document with its table, and the line above it, written again.

    Raises ValueError where the document has no such table.
    """
    before, begin, after = document.partition(BEGIN)
    if not begin:
        raise ValueError("the document has no table of the long tests")
    kept = before.rstrip("\n").rpartition("\n")[0]
    rest = after.splitlines(keepends=True)
    while rest and rest[0].startswith("|"):
        del rest[0]
    lines = [
        f"| `{name}` | {row.number} | {row.result} | {row.seconds:.0f} |\n"
        for name, row in sorted(found.items())
    ]
    return f"{kept}\n{heading}\n\n{BEGIN}{''.join(lines)}{''.join(rest)}"


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    root = ET.parse(source).getroot()
    git = ["git", "log", "-1", "--format=%h, %cs"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    found = rows(root.iter("testcase"))
    heading = f"Last run: commit {commit}; {sum(row.number for row in found.values())} tests."
    target.write_text(with_table(target.read_text(), found, heading))


if __name__ == "__main__":
    main()
