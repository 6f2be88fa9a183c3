"""A pytest plugin that writes down what a run of the programme found: `-p tests.faults.record`.

--record-faults FILE: a JSON object, from "scenario: unit" to its last result. A run of a part
replaces the results of that part and leaves the others. A fault belongs to the tests that name it;
it passed when all of them passed. At full numbers no test has a limit of time: the limit that its
marker gives is for the quick numbers.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.faults.programme import FULL, Fault
from tests.peers.node_process import ROOT

_WORST = ("passed", "skipped", "failed")  # the later counts more


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-faults", type=Path, metavar="FILE", help="write the results here")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record-faults") is not None:
        config.pluginmanager.register(Recorder(config.getoption("--record-faults")))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items if FULL else ():
        item.add_marker(pytest.mark.timeout(0), append=False)  # the first marker counts


def faults_of(function: Any, module: Any) -> list[Fault]:
    """Those that a test's own code names; where it names none, those of its file."""
    named = {name: value for name, value in vars(module).items() if isinstance(value, Fault)}
    own = [named[name] for name in function.__code__.co_names if name in named]
    return own or list(named.values())


class Recorder:
    """The results of one run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, dict[str, Any]] = {}
        self._commit = _commit()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report: pytest.TestReport = yield
        # What was set up and then stopped by the operator was not tried.
        if isinstance(item, pytest.Function) and (call.when == "call" or not report.passed):
            for fault in faults_of(item.function, item.module):
                self.note(fault, report.outcome, report.duration, item.nodeid)
        return report

    def note(self, fault: Fault, outcome: str, seconds: float, test: str) -> None:
        """One phase of one test; the file is whole after each."""
        key = f"{fault.scenario}: {fault.unit}"
        result = self._results.setdefault(
            key,
            {
                "scenario": fault.scenario,
                "unit": fault.unit,
                "trials": fault.count,
                "outcome": "passed",
                "seconds": 0.0,
                "commit": self._commit,
                "when": datetime.now(UTC).date().isoformat(),
                "tests": [],
            },
        )
        result["outcome"] = max(result["outcome"], outcome, key=_WORST.index)
        result["seconds"] = round(result["seconds"] + seconds, 1)
        if test not in result["tests"]:
            result["tests"].append(test)

    def pytest_sessionfinish(self) -> None:
        merge(self._path, self._results)


def merge(path: Path, results: dict[str, dict[str, Any]]) -> None:
    """Results of a run in place of the earlier ones of the same faults."""
    known = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known | results, indent=1, sort_keys=True) + "\n")


def _commit() -> str:
    """The commit that is tested, with a + where files are changed; '' outside a repository."""
    words = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
