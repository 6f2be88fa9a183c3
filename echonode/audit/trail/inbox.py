"""Events of other processes (the commands), which the node takes into its trail.

    put(data_dir, event)        durable on return; taken in by the node, now or at its next start

A file each, renamed into place when it is whole. What is not an event is set aside and logged.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from echonode.audit.event import AuditEvent, as_document, from_document
from echonode.audit.trail.trail import TrailPaths
from echonode.log import get_logger
from echonode.store.files.disk import (
    disk_errors,
    fsync_folder,
    make_folder,
    remove,
    rename,
    synchronise,
)

log = get_logger(__name__)
MOST_AT_ONCE = 200
_LONGEST = 1024 * 1024  # bytes of one event: some ten thousand UIDs


def put(data_dir: Path, event: AuditEvent) -> None:
    """Raises OutOfSpace where it cannot be written: then what was done has no record."""
    inbox = TrailPaths.below(data_dir.absolute()).inbox
    make_folder(inbox)
    name = f"{event.at:%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"
    part = inbox / f"{name}.part"
    with disk_errors("an audit record"):
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(as_document(event).encode())
            file.flush()
            synchronise(file.fileno())
    rename(part, inbox / f"{name}.json")
    fsync_folder(inbox)


def waiting(inbox: Path) -> list[tuple[Path, AuditEvent]]:
    """Those to take in, oldest first.

    Raises OutOfSpace where the disk does not give them; they stay, for the next time.
    """
    found = []
    with disk_errors("the folder of new audit records"):
        files = sorted(path for path in inbox.iterdir() if path.suffix == ".json")
    for path in files[:MOST_AT_ONCE]:
        try:
            with disk_errors("an audit record"):
                if path.stat().st_size > _LONGEST:
                    raise ValueError("larger than any event")
                document = path.read_bytes()
            found.append((path, from_document(document.decode())))
        except ValueError as error:
            log.error("audit_event_unreadable", file=path.name, reason=type(error).__name__)
            path.rename(path.with_suffix(".unreadable"))
    return found


def taken(paths: Sequence[Path]) -> None:
    """They are in the trail. One that stays is taken in twice, which is better than never."""
    for path in paths:
        remove(path)
