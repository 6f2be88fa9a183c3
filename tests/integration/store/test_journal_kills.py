"""Killed while it writes the journal, and then without its index: what the journal had is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echonode.store.store import Store
from echonode.store.values import GivenBack

ROOT = Path(__file__).resolve().parents[3]
KILLS = 20


def killed_life(lives: subprocess.Popen[str], first: int, chance: random.Random) -> set[str]:
    """One life to its SIGKILL, in the step after one of its first lines; what it said."""
    assert lives.stdin is not None
    assert lives.stdout is not None
    lives.stdin.write(f"{first}\n")
    lives.stdin.flush()
    said = [lives.stdout.readline() for _ in range(chance.randrange(2, 9))]
    [pid] = [int(line) for line in said if line.strip().isdecimal()]
    time.sleep(chance.random() * 0.02)  # the kill comes anywhere in its next step
    os.kill(pid, signal.SIGKILL)
    said += iter(lives.stdout.readline, "over\n")
    return {line.strip() for line in said if line.startswith("1.2.3.4.")}


@pytest.mark.long
@pytest.mark.sqlite
@pytest.mark.timeout(300)
def test_what_the_journal_had_is_there_after_each_kill(tmp_path: Path) -> None:
    """Each life begins with the index that the one before made again from files and journal."""
    data_dir, chance = tmp_path / "var", random.Random(20)
    told: set[str] = set()
    module = "tests.integration.store.journalling_child"
    with subprocess.Popen(
        [sys.executable, "-m", module, str(data_dir)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as lives:
        for life in range(KILLS):
            told |= killed_life(lives, 1000 * life, chance)
            for path in data_dir.glob("index.sqlite*"):
                path.unlink()
            with Store.open(data_dir) as store:
                report = store.recovery.report
                assert (report.without_seal, report.seal_broken) == (0, ())
                assert report.given_back == GivenBack()
                sent = {row.sop_instance_uid for row in store.ledger.rows() if row.state == "sent"}
            assert told <= sent
        assert lives.stdin is not None
        lives.stdin.close()
    assert len(told) >= KILLS
