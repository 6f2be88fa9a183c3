"""Power cuts at every moment of a node's life: nothing that was acknowledged is lost (scenario 4).

A life is recorded once, call by call; the disks that a power cut could leave of it are built from
the recording (disks/states.py says what is assumed), and the real start is made on each.
"""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.disks.fates import EVERYTHING
from tests.faults.disks.power_cuts import LOST_EVERY
from tests.faults.disks.recording import Recording, record
from tests.faults.disks.states import Disk, Tree
from tests.faults.lives.defective import DEFECTS
from tests.faults.lives.defective_starts import STARTS
from tests.faults.programme import DISK_STATES
from tests.peers.node_process import ROOT

PROCESSES = 2
SEED = 4
AT_LEAST = 5  # wrong states that each defect must show
# Defect -> what the checks must say of it.
WHAT_IT_BREAKS = {
    "no fsync of the file": "I1",
    "no fsync of the folder": "I1",
    "synchronous=NORMAL": "is forgotten",  # what peers were told; the files are there and adopted
    "answer before commit": "I1",
    "report answered before commit": "the promise for",
    "delete before the tombstone": "I4",
    "delete before the promise": "I2",
    "seal after the rename": "seals are not theirs",
    "delete before the journal": "the deletion of",
    "no fsync of the journal": "the deletion of",
    "no fsync of the pool": "I1",
    "pool emptied before the folder is durable": "I1",
    "delete what has not settled": "was deleted and is back",
}
# Of the start.
WHAT_A_START_BREAKS = {"no look into the pool": "I1"}
# What shows only where the index is lost as well.
OF_FILES_AND_JOURNAL = {
    "seal after the rename",
    "delete before the journal",
    "no fsync of the journal",
}


def record_life(folder: Path, *, defect: str = "") -> Recording:
    """A node's life in `folder`/root, from an empty disk on."""
    root, book = folder / "root", folder / "book"
    root.mkdir(parents=True)
    module = "tests.faults.lives." + ("defective" if defect else "durable")
    command = [sys.executable, "-B", "-m", module, str(root / "var"), str(book)]
    return record([*command, defect] if defect else command, root=root, book=book, cwd=ROOT)


def cut_power(
    recording: Recording,
    folder: Path,
    *,
    states: int,
    processes: int = PROCESSES,
    until: str = "",
    start: str = "",
    **more: int,
) -> list[dict[str, Any]]:
    """Go through so many states, in so many processes; what each of them found."""
    folder.mkdir()
    file = folder / "recording"
    file.write_bytes(pickle.dumps(recording))
    running = []
    for share in range(processes):
        own = folder / str(share)
        own.mkdir()
        options = {"seed": SEED, "share": share, "shares": processes} | more
        options["states"] = states // processes
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-B", "-m", "tests.faults.disks.power_cuts", str(file), str(own)]
        command += ["--until", until] + (["--start", start] if start else [])
        running.append(
            subprocess.Popen([*command, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        )
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * processes
    shutil.rmtree(folder)
    return [json.loads(output) for output in outputs]


def tree_of(folder: Path) -> Tree:
    """What lies below a folder really."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


@pytest.mark.slow
def test_the_recording_leaves_nothing_out(memory_path: Path) -> None:
    """Played back to its end, it is the very disk that the node has left, byte by byte."""
    recording = record_life(memory_path)
    disk = Disk(recording.root)
    for step in recording.steps:
        disk.apply(step)
    assert disk.state(EVERYTHING) == tree_of(memory_path / "root")
    assert len([step for step in recording.steps if step.said]) > 20


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_power_cut_loses_what_was_acknowledged(memory_path: Path) -> None:
    """Whatever of the unsynced is there or not, in any order, whole or torn: what was acknowledged
    is held, nothing is gone that the archive has not promised, rows and files agree, the database
    is sound, what we told any peer is remembered, and a second start has nothing to repair. Where
    the index is lost as well, the files say what they were, and no deletion is forgotten."""
    found = cut_power(record_life(memory_path), memory_path / "sound", states=DISK_STATES.count)
    print(f"{[(share['states'], share['lost'], share['by_fate']) for share in found]}")
    assert [wrong for share in found for wrong in share["wrong"]] == []
    assert sum(share["states"] for share in found) >= DISK_STATES.count - PROCESSES
    assert sum(share["lost"] for share in found) > DISK_STATES.count / 8


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_node_that_syncs_too_little_or_speaks_too_early_is_found_out(
    memory_path: Path, defect: str
) -> None:
    """The same power cuts on a node with one defect show what it would cost."""
    look_for(
        record_life(memory_path, defect=defect),
        memory_path / "defective",
        defect,
        WHAT_IT_BREAKS[defect],
        lost_every=1 if defect in OF_FILES_AND_JOURNAL else LOST_EVERY,
    )


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("defect", STARTS)
def test_a_start_that_takes_in_too_little_is_found_out(memory_path: Path, defect: str) -> None:
    """The same power cuts on a sound node, whose next start has one defect."""
    what = WHAT_A_START_BREAKS[defect]
    look_for(record_life(memory_path), memory_path / "defective", defect, what, start=defect)


def look_for(
    recording: Recording,
    folder: Path,
    defect: str,
    what: str,
    *,
    start: str = "",
    lost_every: int = LOST_EVERY,
) -> None:
    """Cut the power until a defect shows in this way, and in so many states."""
    [found] = cut_power(
        recording,
        folder,
        states=600,
        processes=1,
        until=what,
        start=start,
        shares=5,
        enough=AT_LEAST,
        lost_every=lost_every,
    )
    assert found["wrong_states"] >= AT_LEAST, f"{found['wrong_states']} of {found['states']}"
    assert any(what in wrong for wrong in found["wrong"]), found["wrong"]
    counted = f"{found['wrong_states']} of {found['states']} states"
    print(f"{defect}: {counted}, such as {found['wrong'][0]}")
