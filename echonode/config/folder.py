"""Whether data_dir is a folder that this user may keep patients' images in, as far as one can see.

Only doubts: the check may run as another user, or on another machine, than the node.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from echonode.config.schema import Config
from echonode.errors import ConfigFault

_OTHERS = 0o007


def folder_doubts(config: Config) -> Iterator[ConfigFault]:
    """What an operator should know before the node is started."""
    data_dir = config.data_dir.absolute()
    try:
        problem, remedy = _doubt(data_dir)
    except OSError as error:
        problem = f"{data_dir} cannot be looked at ({error.strerror})"
        remedy = "Give a folder that this user may write."
    if problem:
        yield ConfigFault(path="data_dir", problem=problem, remedy=remedy)


def _doubt(data_dir: Path) -> tuple[str, str]:
    there = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    if os.statvfs(there).f_blocks == 0 or not os.access(there, os.W_OK | os.X_OK):
        doing = "written" if there == data_dir else "made"
        return f"{data_dir} cannot be {doing} here", "Give a folder that this user may write."
    if there == data_dir and data_dir.stat().st_mode & _OTHERS:
        mode = data_dir.stat().st_mode & 0o777
        return (
            f"{data_dir} is open to other users of this machine (mode {mode:o})",
            f"Close it: chmod 700 {data_dir}",
        )
    return "", ""
