"""A disk that is full, of bytes or of files (scenario 7): refused in words, and survived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.callers.full_load import LOUD_S, QUIET_S
from tests.faults.disks.scene import OUT_OF_RESOURCES, SUCCESS, DiskScene, disk_scene
from tests.faults.disks.small_disk import PAGE, SmallDisk
from tests.faults.programme import FILLS
from tests.faults.test_judge import NOTHING
from tests.support.waiting import wait_until


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of the node's own, where its data folder will be.

    What is stored between two fills stays: on a busy machine a fill takes seconds, in which the
    probe and the clients go on, and the disk must not be full of instances before the end.
    """
    mib = 24 + 20 * FILLS.count
    with SmallDisk(tmp_path / "data", mib=mib, inodes=20_000) as mounted:
        yield mounted


@pytest.fixture
def scene(disk: SmallDisk, tmp_path: Path) -> Iterator[DiskScene]:
    """All at work."""
    with disk_scene(tmp_path) as made:
        yield made


def of_bytes(scene: DiskScene, disk: SmallDisk, number: int) -> None:
    """At another offset each time: within a file, or within what the database writes for it."""
    disk.leave(number * 37 % 31 * PAGE)


def of_files(scene: DiskScene, disk: SmallDisk, number: int) -> None:
    """No inode is left, or next to none."""
    disk.leave_inodes(number % 3)


def from_the_start(scene: DiskScene, disk: SmallDisk, number: int) -> None:
    """The node has just begun, so that the WAL must grow with the first row."""
    scene.pace(QUIET_S)
    scene.write_captures_down()
    assert scene.node.stop() == 0
    scene.node.start()
    disk.leave(number % 5 * 4 * PAGE)
    scene.pace(LOUD_S)


FILLINGS: tuple[Callable[[DiskScene, SmallDisk, int], None], ...] = (
    of_bytes,
    of_files,
    from_the_start,
)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_full_disk_is_a_refusal_and_no_loss(scene: DiskScene, disk: SmallDisk) -> None:
    """Full within a file, the WAL or its inodes, again and again: senders hear "out of resources"
    (A700) and nothing else, the operator sees each capture that waits, and when there is
    room again all goes on without a restart; what was acknowledged is whole.
    """
    for number in range(FILLS.count):
        scene.wait_stored(2)
        scene.forget_answers()
        mark = scene.node.mark()
        FILLINGS[number % len(FILLINGS)](scene, disk, number)
        scene.wait_refused(mark)
        disk.make_room()
        scene.wait_stored(1)
        assert scene.answers() <= {SUCCESS, OUT_OF_RESOURCES, None}
    scene.come_to_rest()
    assert scene.verdict() == NOTHING


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_node_that_hides_a_full_disk_is_found_out(disk: SmallDisk, tmp_path: Path) -> None:
    """One that answers success to what the disk has refused is convicted."""
    env = {"ECHONODE_TEST_DEFECT": "hides what the disk refuses"}
    with disk_scene(tmp_path, env=env) as scene:
        assert any(convicted_of(scene, disk, filling) for filling in range(20))


def convicted_of(scene: DiskScene, disk: SmallDisk, number: int) -> bool:
    """Fill the disk and see; with no room for even the file of a message, nothing can be hidden."""
    scene.wait_stored(1)
    scene.forget_answers()
    from_the_start(scene, disk, number)
    wait_until(
        lambda: OUT_OF_RESOURCES in scene.answers() or bool(scene.verdict()["I1"]),
        "an instance refused, or a conviction",
    )
    convicted = bool(scene.verdict()["I1"])
    disk.make_room()
    return convicted
