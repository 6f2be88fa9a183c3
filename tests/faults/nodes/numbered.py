"""Temporary files with names known beforehand, so that strace can fail them alone."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from echonode.store.files.layout import Layout

NUMBERED_FILES = "ECHONODE_TEST_NUMBERED_FILES"  # of the environment of a node under test
_NAMES = 256  # used in turn; never so many at once


def numbered_files(incoming: Path) -> list[Path]:
    """Every name that a temporary file may get."""
    return [incoming / f"{number:032x}.part" for number in range(_NAMES)]


def number_files_if_asked() -> None:
    """Where the environment asks for it, the store gives these names instead of random ones."""
    if not os.environ.get(NUMBERED_FILES):
        return
    numbers = itertools.cycle(range(_NAMES))

    def new_incoming_file(layout: Layout) -> Path:
        return layout.incoming / f"{next(numbers):032x}.part"

    Layout.new_incoming_file = new_incoming_file
