"""kill -9 at any moment under full load (scenario 2): nothing that was acknowledged is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.faults.callers.full_load import FullLoad
from tests.faults.lives.killed_under_load import KILLED
from tests.faults.programme import FULL, KILLS
from tests.peers import reaper
from tests.peers.node_process import ROOT

SEED = 5
# At full numbers several nodes at once, each with its own seed, callers and archives.
SERIES = 5 if FULL else 1


@contextmanager
def series(folder: Path, *, seed: int, kills: int) -> Iterator[subprocess.Popen[str]]:
    """One in a process of its own, ended with the block; what it says is in `folder`/said."""
    folder.mkdir()
    words = [str(folder), "--seed", str(seed), "--kills", str(kills)]
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-B", "-m", "tests.faults.lives.killed_under_load", *words],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            start_new_session=True,
        )
    reaper.note_started(process.pid)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        reaper.note_stopped(process.pid)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_that_is_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """A probe, eight clients and two archives at work, kill -9 while it starts, repairs, stores,
    sends, asks and deletes: what was acknowledged is held or promised by both archives, with the
    same bytes; nothing goes early; in the end all is delivered, and rows and files agree.
    """
    with ThreadPoolExecutor(SERIES) as pool, ExitStack() as undo:
        running = {}
        for number in range(SERIES):
            folder, kills = tmp_path / str(number), KILLS.count // SERIES
            process = undo.enter_context(series(folder, seed=SEED + number, kills=kills))
            running[pool.submit(process.communicate)] = process, folder / "said"
        stages = Counter[str]()
        for ended in as_completed(running):
            process, said = running[ended]
            assert process.returncode == 0, said.read_text()[-8000:]
            stages.update(json.loads(ended.result()[0]))
    print(f"{stages.total()} kills: {dict(stages)}")
    assert stages.total() == KILLS.count
    assert min(stages["start"], stages["load"]) > KILLS.count / 20


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_node_that_answers_before_the_commit_is_found_out(tmp_path: Path) -> None:
    """One kill after one acknowledgement is enough: the judge misses what was acknowledged."""
    defect = {"ECHONODE_TEST_DEFECT": "answers before the commit"}
    with FullLoad(tmp_path, env=defect) as load:
        load.node.start()
        load.clients.wait_for(1)
        assert load.node.kill() == KILLED
        assert load.verdict()["I1"]
