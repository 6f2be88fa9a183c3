"""Paths in the folder of a backup, who may write it, and what is left of interrupted runs.

    DIR/
      echonode-backup.lock          its mark; locked while a backup is made
      manifest.json                 names the files of the backup that is complete (manifest.py)
      index-TIME.sqlite             the database as it was at one moment (snapshot.py)
      files-TIME.sha256             a line for each file below, as `sha256sum -c` reads it
      audit-TIME.sqlite             the audit trail's database
      key-TIME.sealed               of an encrypted store: the key of the databases
      config-TIME.yaml              the configuration, as it was given to the command
      pseudonyms-TIME.key           the key of the pseudonyms, where copies were anonymised
      instances/ab/cd/ID.dcm        as in data_dir; lines/ and quarantine/ as well
      incoming/NAME.part            files that are being written

Rules
- Only `manifest.json` says which index and which list count, and it is replaced in one step when
  all that they name is durable. Until then the backup before it is complete.
- A folder without the mark is written only while it is empty: nothing that is not a backup is
  changed.
- Files of an interrupted run that are whole are kept, and the next run finds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echonode.errors import StoreLocked, UsageError
from echonode.store.files.disk import disk_errors, make_folder, remove
from echonode.store.files.kept_lines import FOLDER as LINES
from echonode.store.files.layout import Layout
from echonode.store.files.lock import FolderLock

MARK = "echonode-backup.lock"
MANIFEST = "manifest.json"
_OF_A_RUN = re.compile(r"(index|audit|key|files|config|pseudonyms)-[0-9A-Za-z.-]+")
# Databases other than the index, by the name that they have here: where they lie in data_dir.
OTHER_DATABASES = {"audit": Path("audit/audit.sqlite")}
# Of an encrypted store: the sealed key of all of them (store/files/database_key.py).
DATABASE_KEY = "key"
OTHERS = {**OTHER_DATABASES, DATABASE_KEY: Path("database.key")}
# What file systems make by themselves at the top of a new disk.
NOT_OURS = frozenset({"lost+found"})


class BackupFolder:
    """The paths of one backup. `layout` is of its instance files, which lie as in data_dir."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.layout = Layout(self.root)

    @property
    def manifest(self) -> Path:
        return self.root / MANIFEST

    def index(self, run: str) -> Path:
        """The database of a run."""
        return self.root / f"index-{run}.sqlite"

    def other(self, name: str, run: str) -> Path:
        """What OTHERS names, of a run."""
        ending = "sealed" if name == DATABASE_KEY else "sqlite"
        return self.root / f"{name}-{run}.{ending}"

    def sums(self, run: str) -> Path:
        """The list of files of a run."""
        return self.root / f"files-{run}.sha256"

    def config(self, run: str) -> Path:
        """The configuration of a run."""
        return self.root / f"config-{run}.yaml"

    def pseudonyms(self, run: str) -> Path:
        """The key of the pseudonyms, of a run."""
        return self.root / f"pseudonyms-{run}.key"

    @property
    def lines(self) -> Path:
        return self.root / LINES

    @contextmanager
    def locked_for_writing(self) -> Iterator[None]:
        """The folder is made where it is not there, and is ours alone for the block.

        Raises UsageError where it holds what is not a backup, or another backup is being made.
        """
        mark = self.root / MARK
        make_folder(self.root)
        with disk_errors(f"to list {self.root}"):
            holds = {path.name for path in self.root.iterdir()} - NOT_OURS
        if holds and MARK not in holds:
            raise UsageError(
                f"{self.root} is not empty and is not a backup: give an empty folder, or the "
                "folder of an earlier backup of this node"
            )
        try:
            lock = FolderLock(mark)
        except StoreLocked:
            raise UsageError(f"another backup into {self.root} is being made") from None
        try:
            ours = self.layout
            for folder in (ours.instances, ours.quarantine, ours.incoming, self.lines):
                make_folder(folder)
            yield
        finally:
            lock.release()

    def clean(self, *, named: frozenset[str]) -> None:
        """Remove what interrupted and earlier runs left; named: the files of the manifest."""
        with disk_errors(f"to list {self.root}"):
            names = [path.name for path in self.root.iterdir()]
            parts = list(self.layout.incoming.glob("*.part"))
        for name in names:
            if name not in named and _OF_A_RUN.fullmatch(name):
                remove(self.root / name)
        for part in parts:
            remove(part)
        remove(self.root / f"{MANIFEST}.part")
