"""What is done to an instance's file by its id, on the local disk or in object storage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.store.files.disk import fsync_folder, move, remove, rename
from echonode.store.files.layout import Layout

# Removes a local file, or remembers to.
Remove = Callable[[Path], object]


def place(layout: Layout, file_id: str, file: Path, dataset_sha256: str) -> Path | None:
    """A sealed file becomes the file of an id.

    Returns the folder to fsync; None where nothing is left to do. Raises OutOfSpace.
    """
    target = layout.instance_file(file_id)
    if layout.remote is not None:
        layout.remote.keep(file_id, file, dataset_sha256)
        return None
    rename(file, target)
    return target.parent


def folder_to_keep(layout: Layout, file_id: str) -> Path | None:
    """The folder whose fsync makes the file's name durable; None where there is none."""
    return None if layout.remote is not None else layout.instance_folder(file_id)


def drop(layout: Layout, file_id: str, removing: Remove = remove) -> None:
    """Remove the file of no row. Does not raise: what stays is found by a later start."""
    if layout.remote is None:
        removing(layout.instance_file(file_id))
        return
    with suppress(OutOfSpace):
        layout.remote.delete(file_id)


def is_there(layout: Layout, file_id: str) -> bool:
    """Whether an id has its file. Raises OutOfSpace where that cannot be found out."""
    if layout.remote is not None:
        return layout.remote.exists(file_id)
    return layout.instance_file(file_id).exists()


def readable(layout: Layout, file_id: str) -> Path:
    """The file, of a row or of none, on this machine. Raises FileNotFoundError, OutOfSpace."""
    if layout.remote is not None:
        return layout.remote.fetched_unknown(file_id)
    return layout.instance_file(file_id)


def put_in_quarantine(layout: Layout, file_id: str) -> None:
    """Raises OutOfSpace."""
    if layout.remote is not None:
        layout.remote.quarantine(file_id)
        return
    move(layout.instance_file(file_id), layout.quarantine_file(file_id))
    fsync_folder(layout.quarantine)


def remote_files(layout: Layout, prefix: str) -> list[tuple[str, datetime]]:
    """The ids in object storage that begin so, and since when each is there."""
    return [] if layout.remote is None else list(layout.remote.files(prefix))
