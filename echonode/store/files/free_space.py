"""Free space on the disk, in minutes of cine, and whether a new exam may begin.

Rules
- Below the minimum (retention.minimum_free_percent) no new exam begins and peers are answered A700.
  An exam that has begun continues; the minimum exists for it: a cine is never cut in the middle. A
  peer's study may be cut: the peer has the rest, and sends it when there is space.
- Measured at each question: when there is space again, the next exam begins without intervention.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from echonode.system_faults import said_of

# (total, free) bytes of the disk of a folder; space that we may not use counts in neither.
Measure = Callable[[Path], tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class DiskSpace:
    """The disk at one moment; sizes in bytes.

    minimum_free_percent: what stays free of new exams. cine_bytes_per_s: what a running cine takes.
    """

    total: int
    free: int
    minimum_free_percent: float
    cine_bytes_per_s: float

    @property
    def free_percent(self) -> float:
        return 100 * self.free / self.total if self.total else 0.0

    @property
    def minutes_of_cine(self) -> float:
        """How long a cine may run before the minimum is reached; 0 below it."""
        above_reserve = self.free - self.total * self.minimum_free_percent / 100
        return max(0.0, above_reserve) / self.cine_bytes_per_s / 60

    @property
    def problem(self) -> str:
        """Why no new exam may begin, for the operator; '' when one may."""
        if self.free_percent >= self.minimum_free_percent:
            return ""
        return (
            f"only {self.free_percent:.1f}% of the disk of data_dir is free, below the limit of "
            f"{self.minimum_free_percent:g}% (retention.minimum_free_percent): new exams are "
            "refused until there is space, and peers get A700 and send later"
        )


def measured(folder: Path) -> tuple[int, int]:
    """What is used and what is free to us, as `df` counts: without the share reserved for root.

    Raises OSError.
    """
    usage = shutil.disk_usage(folder)
    return usage.used + usage.free, usage.free


class FreeSpace:
    """The free space of one folder's disk. Thread-safe."""

    def __init__(
        self,
        folder: Path,
        *,
        minimum_free_percent: float,
        cine_bytes_per_s: float,
        measure: Measure = measured,
    ) -> None:
        self._folder = folder
        self._minimum_free_percent = minimum_free_percent
        self._cine_bytes_per_s = cine_bytes_per_s
        self._measure = measure

    def space(self) -> DiskSpace:
        """The disk now. Raises OSError where it cannot be measured."""
        total, free = self._measure(self._folder)
        return DiskSpace(
            total=total,
            free=free,
            minimum_free_percent=self._minimum_free_percent,
            cine_bytes_per_s=self._cine_bytes_per_s,
        )

    def refusal(self) -> str:
        """Why a new exam may not begin now; '' when it may. Does not raise."""
        try:
            return self.space().problem
        except OSError as error:
            return f"the disk of data_dir cannot be asked for its free space: {said_of(error)}"
