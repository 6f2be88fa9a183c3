"""Whether a file with a secret can be read by other users of the machine."""

from __future__ import annotations

import os
from pathlib import Path

_OTHERS, _OTHERS_BUT_GROUP_READ = 0o077, 0o037


def is_open_to_others(file: Path) -> bool:
    """By its mode. Raises OSError.

    A credential of systemd (LoadCredential=, in $CREDENTIALS_DIRECTORY) may belong to root and be
    readable by its group: its folder admits the service's user alone.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    is_credential = bool(folder) and Path(folder) in file.parents
    forbidden = _OTHERS_BUT_GROUP_READ if is_credential else _OTHERS
    return bool(file.stat().st_mode & forbidden)
