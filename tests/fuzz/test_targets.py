"""The quick tier of the fuzzer: every target for a moment; and that the fuzzer itself can find."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from rich.progress import Progress

from tests.fuzz import __main__ as fuzz
from tests.fuzz import worker
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS
from tests.peers.node_process import ROOT

EACH_S, AT_MOST = 0.25, 300


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """What the listeners' targets set for the log, and start, ends with the test."""
    hook = threading.excepthook
    yield
    structlog.reset_defaults()
    threading.excepthook = hook


@pytest.mark.filterwarnings("ignore")  # pydicom's, on what values are
@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_the_invariant_holds_for_a_moment(target: Target) -> None:
    """Good inputs, and mutations of them for a quarter of a second."""
    ends = time.monotonic() + EACH_S
    try:
        for number, data in enumerate(itertools.islice(worker.inputs(target, 7), AT_MOST)):
            if number >= len(target.seeds) + 3 and time.monotonic() > ends:
                break
            target.run(data)
    finally:
        target.close()


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_an_input_is_the_same_from_the_same_seed(target: Target) -> None:
    """What failed once fails again; another seed gives other inputs."""
    first, again, other = (
        list(itertools.islice(worker.inputs(target, seed), 40)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert target.invariant.rstrip(".")


def raises_at_a_flip(data: bytes) -> None:
    """Nothing is raised."""
    if data != b"good" * 20:
        raise KeyError("planted")


def never_returns(data: bytes) -> None:
    """An end."""
    while True:
        time.sleep(0.01)


def takes_all_memory(data: bytes) -> None:
    """Memory within bounds."""
    bytearray(4 * 1024**3)


@pytest.mark.parametrize(
    ("run", "finding"),
    [(raises_at_a_flip, "KeyError"), (never_returns, "TooLong"), (takes_all_memory, "MemoryError")],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_planted_defect_is_a_finding(
    run: object, finding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A foreign error, a loop and a want of memory are each written down with their input."""
    monkeypatch.setattr(worker, "INPUT_S", 0.2)
    target = Target(run=run, seeds=(b"good" * 20,))  # type: ignore[arg-type]
    with worker.limited():
        lines = list(worker.work(target, seconds=0.3, seed=1, folder=tmp_path))
    found = [line for line in lines if "finding" in line]
    assert finding in str(found[0]["finding"])
    kept = Path(str(found[0]["file"]))
    assert kept.exists()
    assert finding in kept.with_suffix(".txt").read_text()


def test_the_input_of_a_process_that_dies_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash within a C library leaves the input under way."""
    monkeypatch.setattr(fuzz, "FOLDER", tmp_path)
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from tests.fuzz import worker\n"
        f"worker.Current(Path({str(tmp_path)!r}) / 'command.current').put(b'deadly')\n"
        "os.abort()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    text = fuzz._died(TARGETS["command"], done.returncode, "")
    assert "SIGABRT" in text
    assert [path.read_bytes() for path in tmp_path.glob("command-*.bin")] == [b"deadly"]


def test_the_command_runs_a_target_in_its_own_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the nightly run does it: inputs are tried, nothing is found, the process ends."""
    monkeypatch.setattr(fuzz, "FOLDER", tmp_path)
    with Progress(disable=True) as progress:
        outcome = fuzz.run_target(TARGETS["pdu_stream"], seconds=0.5, seed=3, progress=progress)
    assert outcome.inputs > 10
    assert outcome.findings == []
