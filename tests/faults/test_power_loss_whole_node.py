"""Power cuts at every moment of a real, running node (scenario 50).

test_power_loss.py cuts the power of a store in one thread, which says itself what was acknowledged.
Here all threads of `echonode run` are recorded, through two starts, and what was acknowledged is
what went out on its sockets.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.disks.fates import EVERYTHING
from tests.faults.disks.states import Disk
from tests.faults.disks.whole_node import CLIENTS, FIRST, SECOND, record_node
from tests.faults.programme import WHOLE_NODE_STATES
from tests.faults.test_power_loss import PROCESSES, cut_power, tree_of

DEFECT_STATES = 1_500  # at most; the first wrong one comes much earlier


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_power_cut_of_a_running_node_loses_what_it_acknowledged(memory_path: Path) -> None:
    """Two clients at once, an archive, deletions and a second start: whatever of the unsynced is
    there, each answer that left a socket holds. Played back to its end, the recording is the very
    disk that the node has left."""
    recording = record_node(memory_path / "node")
    disk = Disk(recording.root)
    for step in recording.steps:
        disk.apply(step)
    assert disk.state(EVERYTHING) == tree_of(memory_path / "node" / "root")
    said = [step.said["kind"] for step in recording.steps if step.said]
    assert said.count("answered") == CLIENTS * (FIRST + SECOND)
    assert {"kept", "asked", "reported"} <= set(said)
    found = cut_power(recording, memory_path / "cuts", states=WHOLE_NODE_STATES.count)
    print(f"{[(share['states'], share['by_fate']) for share in found]}")
    assert [wrong for share in found for wrong in share["wrong"]] == []
    assert sum(share["states"] for share in found) >= WHOLE_NODE_STATES.count - PROCESSES


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("defect", ["no fsync of the file", "answer before the commit"])
def test_a_running_node_with_a_defect_is_found_out(memory_path: Path, defect: str) -> None:
    """The same replay convicts a node that does not sync, or answers too early: what was
    acknowledged is lost (I1).
    """
    recording = record_node(memory_path / "node", defect=defect)
    [found] = cut_power(
        recording, memory_path / "cuts", states=DEFECT_STATES, processes=1, enough=1
    )
    assert any("I1" in wrong for wrong in found["wrong"]), found
