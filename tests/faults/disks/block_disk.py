"""A disk whose raw blocks can be read: an ext4 in a file, mounted for one node.

Only root may mount; elsewhere the tests that need it are skipped, and say so.
"""

from __future__ import annotations

import mmap
import subprocess
from pathlib import Path
from typing import Self

from tests.faults.disks.small_disk import mount, unmount


class BlockDisk:
    """An ext4 at a folder, empty. image: the file with its blocks, which outlives the block."""

    def __init__(self, at: Path, image: Path, *, mib: int) -> None:
        self.at, self.image = at, image
        self._mib = mib

    def __enter__(self) -> Self:
        with self.image.open("wb") as file:
            file.truncate(self._mib << 20)
        subprocess.run(["mkfs.ext4", "-q", str(self.image)], check=True, capture_output=True)
        self.at.mkdir(parents=True)
        mount("-o", "loop", str(self.image), str(self.at))
        (self.at / "lost+found").rmdir()  # a node's folder is its own
        return self

    def __exit__(self, *_: object) -> None:
        unmount(self.at)

    def holds(self, words: list[bytes]) -> list[bytes]:
        """Those of the words that stand in any block, in use or not. Only once it is unmounted."""
        with (
            self.image.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as blocks,
        ):
            return [word for word in words if blocks.find(word) >= 0]
