"""The books: what clients, archives and probes saw, written down as it happened.

Each writer keeps a book of its own, a file of JSON lines opened with O_DSYNC: a line that was
written is on the disk whatever is killed next, the writer included. Nothing of EchoNode is used,
here or where the books are read (evidence.py).

Lines, by their `kind`
- "offered": a client is about to send an instance; uid, sha256 of its dataset.
- "answered": the client was answered; uid, sha256, status (null: no answer came).
- "stored": the node's log said that a capture is stored; uid.
- "kept": an archive took an instance; uid, sha256 of the dataset, status it answered.
- "asked": an archive was asked for commitment; transaction, uids.
- "reported": an archive reported; transaction, committed, failed, status it was answered (null).
- "deleted": an instance was seen to be gone from the node; uid.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any


class Book:
    """One writer's book. Thread-safe; several processes may each have their own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_DSYNC
        self._descriptor = os.open(path, flags, 0o644)

    def write(self, kind: str, **fields: Any) -> None:
        """Add a line; on return it is on the disk."""
        line = json.dumps({"kind": kind, **fields}) + "\n"
        with self._lock:
            os.write(self._descriptor, line.encode())

    def close(self) -> None:
        os.close(self._descriptor)


def read_book(path: Path) -> list[dict[str, Any]]:
    """Every whole line; a last one cut by a kill was never on the disk, and is left out."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
