"""What a process costs, as the kernel accounts it."""

from __future__ import annotations

import re
import time
from pathlib import Path

_CPUCLOCK_SCHED = 2  # linux/posix-timers.h: the scheduler's own count of a process, in nanoseconds


def cpu_seconds(process_group: int) -> float:
    """Processor time used so far by every living process of a group, threads included."""
    return sum(_cpu_seconds(pid) for pid in _members(process_group))


def descendants(pid: int) -> list[int]:
    """The processes that a process started and those that they did, of whatever group."""
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return found  # it ended while we looked
    for child in map(int, children):
        found += [child, *descendants(child)]
    return found


def resident_bytes(pid: int) -> int:
    """Resident memory now."""
    return _field(Path(f"/proc/{pid}/smaps_rollup"), "Rss")


def reset_peak(pid: int) -> None:
    """Let `peak_bytes` begin again from what is resident now (man 5 proc, clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """The most memory that was resident since the start, or since `reset_peak`."""
    return _field(Path(f"/proc/{pid}/status"), "VmHWM")


def _members(process_group: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[2]) == process_group:
            found.append(int(stat.parent.name))
    return found


def _cpu_seconds(pid: int) -> float:
    """The process's CPU clock; /proc/PID/stat has the same in steps of 10 ms only."""
    try:
        return time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:
        return 0.0  # it ended while we looked


def _field(file: Path, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", file.read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"{file} has no {name}")
    return int(found[1]) * 1024
