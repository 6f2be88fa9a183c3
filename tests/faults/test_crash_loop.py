"""Killed again and again while it repairs what the kill before has left (scenario 6)."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from echonode.store.store import Store
from tests.faults.disks.restart_check import violations
from tests.faults.disks.wreck import ACKNOWLEDGED, HALF_RECEIVED, ORPHANS, PROMISED, wreck
from tests.faults.lives.durable import DESTINATION
from tests.faults.lives.killer import Killer
from tests.faults.programme import CRASH_LOOPS
from tests.unit.store.samples import Clock

KILLS = 20
SEED = 6

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_start_finds_all_of_a_wreck(memory_path: Path) -> None:
    """Uninterrupted, a start repairs everything that the crash loop is about."""
    lines = wreck(memory_path)
    with Store.open(memory_path / "var", now=Clock(), adopt_to=[DESTINATION]) as store:
        found = store.recovery.report
    assert found.temporary_files_removed == HALF_RECEIVED
    assert found.orphans_adopted == ORPHANS
    assert found.deliveries_requeued == ACKNOWLEDGED // 2
    assert found.missing == ()
    assert sum(line["kind"] == "deleted" for line in lines) == PROMISED
    assert violations(memory_path / "var", lines, memory_path / "judge") == []


@pytest.mark.long
def test_a_node_that_is_killed_in_every_recovery_recovers_in_the_end(memory_path: Path) -> None:
    """Twenty starts, each killed at a moment of its own unless it was through by then: one that is
    left alone repairs the rest, nothing is lost, and a further start has nothing to repair."""
    lines = wreck(memory_path)
    draw = random.Random(SEED)
    kept, killed = memory_path / "var", 0
    with Killer(writes=0) as killer:
        began = time.monotonic()
        here = memory_path / "uninterrupted"
        shutil.copytree(kept, here)
        killer.send("start_and_stop", here)
        whole_s = time.monotonic() - began
        for number in range(CRASH_LOOPS.count):
            here = memory_path / str(number)
            shutil.copytree(kept, here)
            for _ in range(KILLS):
                after_s = draw.uniform(0, whole_s / 3)
                killed += killer.send("start_and_stop", here, after_s=after_s)
            assert violations(here, lines, memory_path / "judge") == []
            shutil.rmtree(here)
    starts = KILLS * CRASH_LOOPS.count
    print(f"{killed} of {starts} starts were killed; one that is left alone takes {whole_s:.2f} s")
    assert killed > CRASH_LOOPS.count
