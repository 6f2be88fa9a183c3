"""docs/content.md: each row of what is done to content names a test, and that test exists."""

from __future__ import annotations

import re

from tests.docs.blocks import ROOT

DOCUMENT = (ROOT / "docs" / "content.md").read_text(encoding="utf-8")
ROWS = [line for line in DOCUMENT.splitlines() if line.startswith("| ")][1:]


def test_every_row_of_content_is_tested() -> None:
    """No line says what is done without a test that does it."""
    assert len(ROWS) >= 10
    for row in ROWS:
        named = re.findall(r"`(\S+?\.py)(?:::(\w+))?` \|$", row)
        assert named, row
        path, function = named[0]
        source = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {function}(" in source if function else "def test_" in source, row
