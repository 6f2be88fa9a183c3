"""The programme as a user reads it is the one that is run."""

from __future__ import annotations

import re

from tests.faults import programme
from tests.faults.programme import Fault
from tests.peers.node_process import ROOT


def told_of() -> set[Fault]:
    """The rows of the table in docs/faults.md that have a number."""
    rows = re.findall(
        r"^\| (\d+) \| [^|]+ \| ([^|]+) \| ([\d,]+) \| ([\d,]+) \|$",
        (ROOT / "docs" / "faults.md").read_text(),
        re.MULTILINE,
    )
    return {
        Fault(scenario=int(scenario), unit=unit, quick=number(quick), full=number(full))
        for scenario, unit, quick, full in rows
    }


def number(text: str) -> int:
    return int(text.replace(",", ""))


def test_the_document_names_every_fault_and_its_numbers() -> None:
    """docs/faults.md says how often each fault is tried, in a change and in the full programme."""
    assert told_of() == {each for each in vars(programme).values() if isinstance(each, Fault)}
