"""Temporary folders in memory, where fsync costs nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

IN_MEMORY: Final = Path("/dev/shm")
ROOM: Final = 256 * 1024**2  # bytes; a container may have only 64 MiB there


@contextmanager
def memory_folder(prefix: str) -> Iterator[Path]:
    """A folder in /dev/shm where there is room, else in the usual place; removed at the end."""
    roomy = os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ROOM
    with tempfile.TemporaryDirectory(prefix=prefix, dir=IN_MEMORY if roomy else None) as folder:
        yield Path(folder)
