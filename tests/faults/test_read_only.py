"""A data folder that freezes, goes away or is no longer ours (scenario 9)."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.callers.full_load import LOUD_S, QUIET_S
from tests.faults.disks.scene import (
    OUT_OF_RESOURCES,
    SUCCESS,
    UNAVAILABLE,
    DiskScene,
    disk_scene,
)
from tests.faults.disks.small_disk import ReadOnlyView
from tests.faults.programme import READ_ONLY
from tests.faults.test_judge import NOTHING
from tests.support.waiting import wait_until

# A node that meets the fault in a tight loop takes a whole core, or all it gets of one.
MORE_OF_A_CORE = 0.3
MEASURED_S = 1.0
# Root is above permissions; this one is not. (An account without rights could not even start
# Python where that is installed for root alone.)
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


@contextmanager
def taken_away(folder: Path) -> Iterator[None]:
    """A folder is not where it was."""
    elsewhere = folder.with_name(f"{folder.name}.elsewhere")
    folder.rename(elsewhere)
    try:
        yield
    finally:
        elsewhere.rename(folder)


@contextmanager
def forbidden(folder: Path, mode: int) -> Iterator[None]:
    """A folder has other permissions."""
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.chmod(0o700)


@dataclass(frozen=True)
class Fault:
    """clients, captures: whether it refuses what peers send, and what the probe captures."""

    of: Callable[[Path], AbstractContextManager[object]]
    clients: bool = True
    captures: bool = True


FAULTS = (
    Fault(ReadOnlyView),
    Fault(lambda data_dir: taken_away(data_dir / "incoming"), clients=False),
    Fault(lambda data_dir: taken_away(data_dir / "instances")),
    Fault(lambda data_dir: forbidden(data_dir / "incoming", 0o500), clients=False),
    Fault(lambda data_dir: taken_away(data_dir / "pool"), captures=False),
    Fault(lambda data_dir: forbidden(data_dir, 0o000)),
)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[DiskScene]:
    """All at work, and no user above permissions."""
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root is above permissions, and there is no setpriv")
    with disk_scene(tmp_path, wrapper=AS_ANYBODY if os.geteuid() == 0 else ()) as made:
        yield made


def busy(pid: int) -> float:
    """The share of a core that a process takes, over a second."""

    def used_s() -> float:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    before = used_s()
    time.sleep(MEASURED_S)
    return (used_s() - before) / MEASURED_S


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_folder_that_cannot_be_written_is_a_refusal_and_no_loss(scene: DiskScene) -> None:
    """Frozen, gone or forbidden: senders hear A700 and nothing else, the operator sees it, the node
    does not run hot, and goes on without a restart as soon as the folder is back.
    """
    scene.pace(QUIET_S)
    scene.wait_stored(1)
    usual = busy(scene.node.pid)
    for number in range(READ_ONLY.count):
        scene.pace(LOUD_S)
        scene.wait_stored(2)
        scene.forget_answers()
        mark = scene.node.mark()
        scene.pace(QUIET_S)
        fault = FAULTS[number % len(FAULTS)]
        with fault.of(scene.node.data_dir):
            scene.wait_refused(mark, clients=fault.clients, captures=fault.captures)
            wait_until(
                lambda: busy(scene.node.pid) < usual + MORE_OF_A_CORE,
                timeout_s=30,  # what came before the fault may still be worked off
                what="a second in which the node does little more than usual",
            )
        scene.wait_stored(1)
        assert scene.answers() <= {SUCCESS, OUT_OF_RESOURCES}
    scene.come_to_rest()
    assert scene.verdict() == NOTHING


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_node_begins_on_a_folder_that_it_cannot_write(scene: DiskScene) -> None:
    """It serves what it has, refuses whatever is sent, captures nothing, and says why; when the
    folder is back, a start goes on as before.
    """
    assert scene.node.stop() == 0
    with ReadOnlyView(scene.node.data_dir):
        mark = scene.node.mark()
        scene.node.start()
        scene.forget_answers()
        unwritable = scene.node.wait_for("store_unwritable", since=mark)
        wait_until(lambda: OUT_OF_RESOURCES in scene.answers(), "an instance refused")
        assert scene.readiness()[0] == UNAVAILABLE
        assert scene.node.stop() == 0
    assert "queries alone are served" in unwritable["reason"]
    assert scene.answers() <= {OUT_OF_RESOURCES, None}
    assert "Traceback" not in scene.node.stderr()
    scene.node.start()
    scene.wait_stored(1)
    scene.come_to_rest()
    assert scene.verdict() == NOTHING
