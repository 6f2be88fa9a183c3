"""Whether a new exam may begin, and how much cine there is room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.store.files.free_space import DiskSpace, FreeSpace, measured

GIB = 1024**3


def space(free: float, *, least: float = 10, rate: float = 1024**2) -> DiskSpace:
    return DiskSpace(
        total=100 * GIB, free=int(free * GIB), minimum_free_percent=least, cine_bytes_per_s=rate
    )


@pytest.mark.parametrize(("free", "minutes"), [(70, 1024), (10, 0), (9, 0), (0, 0)])
def test_minutes_of_cine_end_at_the_reserve(free: float, minutes: float) -> None:
    """60 GiB above the reserve at 1 MiB a second are 1024 minutes; below it none."""
    assert space(free).minutes_of_cine == pytest.approx(minutes)


def test_below_the_reserve_the_operator_is_told_what_happens() -> None:
    """How much is free, how much must be, and that new exams are refused."""
    assert space(10).problem == ""
    assert space(9.96).problem == (
        "only 10.0% of the disk of data_dir is free, below the limit of 10% "
        "(retention.minimum_free_percent): new exams are refused until there is space, "
        "and peers get A700 and send later"
    )
    assert space(0, least=0).problem == ""


def test_it_recovers_by_itself(tmp_path: Path) -> None:
    """Asked again when there is room, it says yes."""
    free = [5, 15]
    free_space = FreeSpace(
        tmp_path,
        minimum_free_percent=10,
        cine_bytes_per_s=1,
        measure=lambda _: (100, free.pop(0)),
    )
    assert free_space.refusal()
    assert free_space.refusal() == ""


def test_a_disk_that_cannot_be_asked_admits_nothing(tmp_path: Path) -> None:
    """The folder is gone: an exam would be lost, so none begins."""
    free_space = FreeSpace(tmp_path / "gone", minimum_free_percent=0, cine_bytes_per_s=1)
    assert "cannot be asked" in free_space.refusal()


def test_what_is_kept_for_root_is_nobodys(tmp_path: Path) -> None:
    """Free of total, as `df` says it in percent."""
    total, free = measured(tmp_path)
    assert 0 <= free <= total
