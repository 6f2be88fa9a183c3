"""How long the trail was: kept next to the database, so that records cut off at its end are missed.

It is written behind the records, so it never names one that is not durable.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from echonode.audit.trail.chain import Link
from echonode.errors import UsageError
from echonode.store.files.disk import disk_errors, fsync_folder, rename, synchronise


def write_checkpoint(path: Path, link: Link) -> None:
    """Durable on return. Raises OutOfSpace."""
    part = path.with_name(f"{path.name}.part")
    with disk_errors("the checkpoint of the audit trail"):
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, as_text(link).encode())
            synchronise(descriptor)
        finally:
            os.close(descriptor)
    rename(part, path)
    fsync_folder(path.parent)


def read_checkpoint(path: Path) -> Link | None:
    """None where there is none yet. Raises UsageError where it is not one."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path} cannot be read") from None
    return from_text(text)


def as_text(link: Link) -> str:
    """As in the file, the log and the option of `echonode audit verify`."""
    return f"{link.seq}:{link.hash.hex()}"


def from_text(text: str) -> Link:
    """Raises UsageError."""
    number, _, digest = text.strip().partition(":")
    try:
        link = Link(seq=int(number), hash=bytes.fromhex(digest))
    except ValueError:
        link = Link(seq=-1)
    if link.seq < 0 or len(link.hash) != len(Link().hash):
        raise UsageError(f"not a checkpoint (NUMBER:HASH): {json.dumps(text.strip()[:80])}")
    return link
