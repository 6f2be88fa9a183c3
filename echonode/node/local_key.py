"""The key by which the commands on this machine ask the node that runs, without being a user.

Rules
- New at each start, in data_dir, for the node's user alone: who can read it can read the database
  as well, so it gives no one anything.
- The node keeps its digest; the file that an earlier start left is worth nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from echonode.access.random_secrets import digest, new_session
from echonode.log import get_logger

log = get_logger(__name__)
_NAME = "web.key"


def write_local_key(data_dir: Path) -> bytes:
    """Write a new key; its digest, which fits nothing where it could not be written."""
    key = new_session()
    path = data_dir / _NAME
    part = path.with_suffix(".part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(key)
        part.replace(path)
    except OSError as error:
        log.warning("local_key_not_written", reason=error.strerror)
        return b""
    return digest(key)


def read_local_key(data_dir: Path) -> str:
    """The key of the node that runs; '' where there is none, or this user may not read it."""
    try:
        return (data_dir / _NAME).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
