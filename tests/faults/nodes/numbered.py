"""Files with names known beforehand, so that strace can fail them alone."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from functools import cached_property
from pathlib import Path

from echonode.store.files import layout as layouts
from echonode.store.files.layout import Layout
from echonode.store.files.pool import SIZE

NUMBERED_FILES = "ECHONODE_TEST_NUMBERED_FILES"  # of the environment of a node under test
_NAMES = 256  # used in turn; never so many at once
_FOLDERS = [f"{number:04x}" for number in range(4)]  # used in turn
_IDS = 512  # of the pool's next lots: more than come while strace attaches
_FOLDER_BYTES, _OWN_BYTES = 2, 14  # of an id (layout.py)


def files_to_come(data_dir: Path) -> list[Path]:
    """Names that files may get which are written from now on: temporary ones, and of the pool."""
    incoming = [data_dir / "incoming" / f"{number:032x}.part" for number in range(_NAMES)]
    newest = max((int(path.stem[4:], 16) for path in (data_dir / "pool").iterdir()), default=0)
    coming = range(newest - SIZE, newest + _IDS)  # the last lot, and those after it
    pooled = [f"{folder}{number:028x}.pooled" for folder in _FOLDERS for number in coming]
    return [*incoming, *(data_dir / "pool" / name for name in pooled)]


class _Numbers:
    """In the place of `secrets` in layout.py."""

    def __init__(self) -> None:
        self._folders, self._more = itertools.cycle(_FOLDERS), itertools.count()

    @cached_property
    def _first(self) -> int:
        """Beyond those of the lives before; found out when this life, a fork, has begun."""
        return time.time_ns()

    def token_hex(self, count: int) -> str:
        if count == _FOLDER_BYTES:
            return next(self._folders)
        if count == _OWN_BYTES:
            return f"{self._first + next(self._more):028x}"
        return secrets.token_hex(count)


def number_files_if_asked() -> None:
    """Where the environment asks for it, the store gives these names instead of random ones."""
    if not os.environ.get(NUMBERED_FILES):
        return
    numbers = itertools.cycle(range(_NAMES))

    def new_incoming_file(layout: Layout) -> Path:
        return layout.incoming / f"{next(numbers):032x}.part"

    vars(layouts)["secrets"] = _Numbers()
    Layout.new_incoming_file = new_incoming_file
