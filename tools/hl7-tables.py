"""Write the tables of docs/hl7.md from the code: which messages are taken, and what goes where.

    .venv/bin/python tools/hl7-tables.py

Between the marks `<!-- NAME -->` and `<!-- end of NAME -->`; a test compares.
"""

from __future__ import annotations

import re
from pathlib import Path

from echonode.exam.hl7.events import EVENTS, PLACING, WITHDRAWING
from echonode.exam.hl7.order_fields import ORDER_ROWS, START_SOURCES
from echonode.exam.hl7.patient_fields import PATIENT_ROWS
from echonode.model.hl7_character_sets import CODECS

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "hl7.md"


def _patients() -> str:
    lines = ["| HL7 | DICOM attribute | tag |", "|---|---|---|"]
    lines += [f"| {row.hl7} | {row.keyword} | {row.tag} |" for row in PATIENT_ROWS]
    return "\n".join(lines)


def _orders() -> str:
    lines = ["| HL7, the first that says something | DICOM attribute | tag |", "|---|---|---|"]
    for row in ORDER_ROWS:
        sources = ", ".join(source for source, _ in row.sources)
        lines.append(f"| {sources} | {row.keyword} | {row.tag} |")
    start = "ScheduledProcedureStepStartDate, -Time"
    lines.append(f"| {START_SOURCES} | {start} | (0040,0100) > (0040,0002), (0040,0003) |")
    return "\n".join(lines)


def _messages() -> str:
    events = ", ".join(f"{kind}^{event}" for kind, event in EVENTS)
    controls = ", ".join([*sorted(PLACING), *sorted(WITHDRAWING)])
    return f"Taken are {events}; of orders the order controls {controls} (ORC-1)."


def _character_sets() -> str:
    return "Read are " + ", ".join(f"`{name}`" for name in CODECS) + "."


TABLES = {
    "messages": _messages,
    "character sets": _character_sets,
    "patient table": _patients,
    "order table": _orders,
}


def document(text: str) -> str:
    """The document with its tables as the code has them now."""
    for name, made in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        whole = f"{begin}\n{made()}\n{end}"
        text = whole.join(pattern.split(text, maxsplit=1))
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text()))
