"""docs/hl7.md says what the code does."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]


def test_the_tables_are_those_of_the_code() -> None:
    """Run tools/hl7-tables.py where this fails."""
    tool = runpy.run_path(str(ROOT / "tools" / "hl7-tables.py"))
    text = (ROOT / "docs" / "hl7.md").read_text()
    assert tool["document"](text) == text
    assert "| PID-5 (legal name; XPN.8 A, I, P are the three groups) | PatientName" in text
