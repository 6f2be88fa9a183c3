"""What the store needs of a place for instances other than the local disk (objects/)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from echonode.model.instance import RemoteBytes


class RemoteStorage(RemoteBytes, Protocol):
    """Instances by their file ids. objects/remote_files.py has the rules. Raises OutOfSpace."""

    def path(self, file_id: str) -> Path:
        """Where the file is on this machine, while it is."""

    def keep(self, file_id: str, file: Path, dataset_sha256: str) -> None:
        """Take a file; it is kept on return."""

    def fetched_unknown(self, file_id: str) -> Path:
        """The file on this machine, of no row. Raises FileNotFoundError."""

    def delete(self, file_id: str) -> None:
        """Keep it no longer; what is not kept is deleted."""

    def quarantine(self, file_id: str) -> None:
        """Keep it as evidence only."""

    def files(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The ids that begin so (two or four characters), and since when each is kept."""
