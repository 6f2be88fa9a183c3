"""What a process holds of the system, as the kernel counts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Usage:
    """memory: bytes that are the process's alone (smaps_rollup, Anonymous)."""

    threads: int
    descriptors: int
    memory: int


def usage_of(pid: int) -> Usage:
    """What the process holds now."""
    folder = Path(f"/proc/{pid}")
    rollup = (folder / "smaps_rollup").read_text()
    anonymous = re.search(r"^Anonymous:\s+(\d+) kB", rollup, re.MULTILINE)
    assert anonymous is not None, rollup
    return Usage(
        threads=len(list((folder / "task").iterdir())),
        descriptors=len(list((folder / "fd").iterdir())),
        memory=int(anonymous[1]) * 1024,
    )
