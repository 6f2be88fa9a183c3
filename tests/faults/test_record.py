"""What the programme found is written down, part by part, and shown in its document."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.faults import record, test_bit_rot
from tests.faults.programme import INDEX_BITS, KILLS, ROTTEN_BITS
from tests.peers.node_process import ROOT


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """tools/record-faults.py."""
    place = ROOT / "tools" / "record-faults.py"
    spec = importlib.util.spec_from_file_location("record_faults", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_test_belongs_to_the_faults_that_it_names() -> None:
    """Two faults of one file are not mixed up."""
    of_files = test_bit_rot.test_a_file_that_has_changed_is_never_sent
    of_index = test_bit_rot.test_an_index_that_has_changed_sends_nothing_wrong
    assert record.faults_of(of_files, test_bit_rot) == [ROTTEN_BITS]
    assert record.faults_of(of_index, test_bit_rot) == [INDEX_BITS]


def test_a_part_replaces_its_own_results_and_no_others(tmp_path: Path) -> None:
    """A failure stays one whatever else of the fault passed; another part is left as it was."""
    path = tmp_path / "build" / "faults.json"
    first, second = record.Recorder(path), record.Recorder(path)
    first.note(KILLS, "passed", 2.0, "a")
    first.note(ROTTEN_BITS, "passed", 1.0, "b")
    first.pytest_sessionfinish()
    second.note(KILLS, "failed", 3.0, "a")
    second.note(KILLS, "passed", 0.5, "c")
    second.pytest_sessionfinish()
    results = json.loads(path.read_text())
    assert [(r["scenario"], r["outcome"]) for r in results.values()] == [
        (10, "passed"),
        (2, "failed"),
    ]
    assert results["2: kills under full load"]["seconds"] == 3.5
    assert results["2: kills under full load"]["tests"] == ["a", "c"]


@pytest.mark.timeout(100)
def test_at_full_numbers_no_test_has_a_limit_of_time(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three thousand disks take longer than sixty: what stops a test that hangs is the operator."""
    record.pytest_collection_modifyitems([request.node])
    assert request.node.get_closest_marker("timeout").args == (100,)
    monkeypatch.setattr(record, "FULL", True)
    record.pytest_collection_modifyitems([request.node])
    assert request.node.get_closest_marker("timeout").args == (0,)


def test_the_table_is_filled_and_filled_again(tmp_path: Path, tool: ModuleType) -> None:
    """By scenario, and the rest of the document stays."""
    recorder = record.Recorder(tmp_path / "faults.json")
    recorder.note(ROTTEN_BITS, "passed", 1.0, "b")
    recorder.note(KILLS, "passed", 2.0, "a")
    document = f"before\n\n{tool.BEGIN}\nafter\n"
    once = tool.with_table(document, recorder._results)
    assert once == tool.with_table(once, recorder._results)
    head, lines, tail = once.split("\n\n")
    assert (head, tail) == ("before", "after\n")
    assert [line.split(" | ")[0] for line in lines.splitlines()[2:]] == ["| 2", "| 10"]


def test_a_fault_that_was_not_tried_again_keeps_its_row(tmp_path: Path, tool: ModuleType) -> None:
    """A clone that ran one part writes that part: the results of the others stay."""
    first, second = record.Recorder(tmp_path / "a.json"), record.Recorder(tmp_path / "b.json")
    first.note(KILLS, "failed", 1.0, "a")
    first.note(ROTTEN_BITS, "passed", 1.0, "b")
    second.note(KILLS, "passed", 2.0, "a")
    document = tool.with_table(f"before\n\n{tool.BEGIN}\nafter\n", first._results)
    after = tool.with_table(document, second._results)
    assert [tuple(line.split(" | ")[0::5]) for line in after.split("\n\n")[1].splitlines()[2:]] == [
        ("| 2", "passed |"),
        ("| 10", "passed |"),
    ]


def test_the_document_has_the_table(tool: ModuleType) -> None:
    """`make faults-record` finds where to write."""
    assert tool.BEGIN in (ROOT / "docs" / "faults.md").read_text()
