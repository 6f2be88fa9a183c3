"""Events of other processes (the commands), which the node takes into its trail.

    put(data_dir, event)        durable on return; taken in by the node, now or at its next start

A file each, renamed into place when it is whole. What is not an event is set aside and logged.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import open_file
from echonode.at_rest.writing import create_file
from echonode.audit.event import AuditEvent, as_document, from_document
from echonode.audit.trail.trail import FOLDER, TrailPaths
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


def put(data_dir: Path, event: AuditEvent, cipher: FileCipher | None = None) -> None:
    """cipher: of an encrypted store.

    Raises OutOfSpace where it cannot be written: then what was done has no record.
    """
    inbox = TrailPaths(folder=data_dir.absolute() / FOLDER).inbox
    make_folder(inbox)
    name = f"{event.at:%Y%m%dT%H%M%S%f}-{secrets.token_hex(8)}"
    part = inbox / f"{name}.part"
    with disk_errors("an audit record"), create_file(part, cipher) as file:
        file.write(as_document(event).encode())
        file.flush()
        synchronise(file.fileno())
    rename(part, inbox / f"{name}.json")
    fsync_folder(inbox)


def waiting(inbox: Path, cipher: FileCipher | None = None) -> list[tuple[Path, AuditEvent]]:
    """Those to take in, oldest first.

    Raises OutOfSpace where the disk does not give them; they stay, for the next time.
    """
    found = []
    with disk_errors("the folder of new audit records"):
        files = sorted(path for path in inbox.iterdir() if path.suffix == ".json")
    for path in files[:MOST_AT_ONCE]:
        try:
            with disk_errors("an audit record"), open_file(path, cipher) as file:
                if file.size > _LONGEST:
                    raise ValueError("larger than any event")
                document = file.pread(_LONGEST, 0)
            found.append((path, from_document(document.decode())))
        except ValueError as error:
            log.error("audit_event_unreadable", file=path.name, reason=type(error).__name__)
            path.rename(path.with_suffix(".unreadable"))
    return found


def taken(paths: Sequence[Path]) -> None:
    """They are in the trail. One that stays is taken in twice, which is better than never."""
    for path in paths:
        remove(path)
