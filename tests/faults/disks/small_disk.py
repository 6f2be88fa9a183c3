"""Disks that can be filled, frozen and taken away: a tmpfs of its own for one node.

Only root may mount; elsewhere the tests that need it are skipped, and say so.
"""

from __future__ import annotations

import errno
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

_TRIES = 100
PAGE = 4096  # what a tmpfs gives at once
# Taken at once: a larger piece takes so long that the node writes meanwhile, and is refused.
_PIECE = 4 * 1024 * 1024


class SmallDisk:
    """A tmpfs mounted at a folder; leaving the block unmounts it, also where it is still open.

    What fills it lies with what a node keeps there, under names that no node uses.
    """

    def __init__(self, at: Path, *, mib: int, inodes: int) -> None:
        self.at = at
        self._options = f"size={mib}m,nr_inodes={inodes}"

    def __enter__(self) -> Self:
        self.at.mkdir(parents=True)
        mount("-t", "tmpfs", "-o", self._options, "tmpfs", str(self.at))
        return self

    def __exit__(self, *_: object) -> None:
        unmount(self.at)

    def free(self) -> int:
        """Bytes that can still be written."""
        room = os.statvfs(self.at)
        return room.f_bavail * room.f_frsize

    def leave(self, bytes_: int) -> None:
        """Fill it up but for so many bytes, whatever else is written meanwhile."""
        with (self.at / "filling").open("wb") as filling:
            size = 0
            while (room := self.free() - bytes_) >= PAGE:
                piece = min(room, _PIECE)
                try:
                    os.posix_fallocate(filling.fileno(), size, piece)
                except OSError as error:  # the node wrote meanwhile: there is less room now
                    if error.errno != errno.ENOSPC:
                        raise
                    continue
                size += piece

    def leave_inodes(self, count: int) -> None:
        """Use up all inodes but for so many; there is room for bytes."""
        folder = self.at / "filling.d"
        folder.mkdir()
        with suppress(OSError):
            for number in range(os.statvfs(self.at).f_favail - count):
                (folder / str(number)).touch()

    def make_room(self) -> None:
        """There is room again."""
        (self.at / "filling").unlink(missing_ok=True)
        folder = self.at / "filling.d"
        if folder.exists():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


class ReadOnlyView:
    """For the length of the block, what is opened under a folder can be read and not written.

    Files that are open already are not: the kernel refuses to freeze those from outside, as it
    does when a disk fails.
    """

    def __init__(self, at: Path) -> None:
        self.at = at

    def __enter__(self) -> Self:
        for _ in range(_TRIES):
            mount("--bind", str(self.at), str(self.at))
            frozen = subprocess.run(
                ["mount", "-o", "remount,bind,ro", str(self.at)],
                check=False,
                capture_output=True,
                text=True,
            )
            if frozen.returncode == 0:
                return self
            unmount(self.at)
            # "Busy": somebody opened a file for writing between the two mounts.
            assert "busy" in frozen.stderr, frozen.stderr
        raise AssertionError("there was always a file open for writing")

    def __exit__(self, *_: object) -> None:
        unmount(self.at)


def mount(*arguments: str) -> None:
    """Raises what skips the test where mounting is not permitted."""
    try:
        subprocess.run(["mount", *arguments], check=True, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"mounting is not permitted here: {error.stderr.strip()}")


def unmount(at: Path) -> None:
    """Lazily: a node that was killed a moment ago may still hold it."""
    subprocess.run(["umount", "--lazy", str(at)], check=True, capture_output=True)
