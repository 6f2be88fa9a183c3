"""The table of docs/tests.md holds what the last run of `make long` found."""

from __future__ import annotations

import importlib.util
import sys
import xml.etree.ElementTree as ET

import pytest

from tests.peers.node_process import ROOT

RUN = """<testsuites><testsuite>
<testcase classname="tests.acceptance.test_tls" name="a" time="1.5"/>
<testcase classname="tests.acceptance.test_tls" name="b" time="2.0"><failure/></testcase>
<testcase classname="tests.faults.test_load" name="c" time="60"><skipped/></testcase>
</testsuite></testsuites>"""


def test_the_table_is_filled_and_filled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each file, the commit above it; a document without the table is refused."""
    place = ROOT / "tools" / "record-long.py"
    spec = importlib.util.spec_from_file_location("record_long", place)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "record_long", tool)  # dataclass looks its module up
    spec.loader.exec_module(tool)
    found = tool.rows(ET.fromstring(RUN).iter("testcase"))
    document = (ROOT / "docs" / "tests.md").read_text()
    once = tool.with_table(document, found, "Last run: commit 1.")
    twice = tool.with_table(once, found, "Last run: commit 2.")
    assert "| `acceptance.test_tls` | 2 | 1 failed | 4 |\n" in twice
    assert "| `faults.test_load` | 1 | 1 skipped | 60 |\n" in twice
    assert twice.count("Last run:") == 1
    assert twice.replace("commit 2", "commit 1") == once
    with pytest.raises(ValueError, match="no table"):
        tool.with_table("nothing", found, "")
