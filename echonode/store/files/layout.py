"""Paths in data_dir, and the names that files get.

    data_dir/
      lock                        held while a node runs
      index.sqlite (-wal, -shm)   the database
      journal.jsonl               what only the database knows, a second time (journal/)
      database.key                of a store that is encrypted: the key of its databases, sealed
                                  (database_key.py)
      index.doubted               damage was found in use (corruption_marker.py)
      pseudonyms.key              of anonymised copies, sealed where the store is encrypted
      incoming/NAME.part          files that are being written; removed at the next start
      pool/ID.pooled              files that instances of peers are written into (pool.py)
      instances/ab/cd/ID.dcm      one Part 10 file for each instance; ID begins with abcd
      lines/NAME.npz              scan lines that are kept with an image (kept_lines.py)
      quarantine/ID.dcm           same SOP Instance UID as a stored instance, other bytes
      ballast/N.bin               removed when the database needs space at start (reserve.py)
      deleted/ID.dcm              being deleted (deletion.py); removed at the next start
      nodes/NAME/                 of several nodes on one folder: the lock, the mark, incoming and
                                  ballast of each; the rest is of all of them
      restore.unfinished          a backup comes here (backup/restore.py): no node starts

Rules
- Names are ours and random: no value from the wire is ever part of a path.
- A folder takes up to FILES_PER_FOLDER files before another is chosen: a new folder costs three
  fsyncs of its own, so it is made once for a thousand instances, and one fsync of a folder serves
  all files that came into it together.
"""

from __future__ import annotations

import errno
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import ConfigError, ConfigFault, OutOfSpace
from echonode.store.files.disk import make_folder
from echonode.store.files.remote import RemoteStorage

FILES_PER_FOLDER = 1000
PSEUDONYMS_KEY = "pseudonyms.key"
# Errors of a full or broken disk, or of this machine; any other means that the folder is wrong.
_SHORTAGES = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE}
)
_POOLED = ".pooled"
_FILE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Layout:
    """The paths of one data_dir. node: the name of a node that shares it; '' where none does."""

    data_dir: Path
    node: str = ""
    # Where instances are that are not below data_dir (objects/); None: there is no such place.
    remote: RemoteStorage | None = field(default=None, compare=False)
    # Seals what is written and opens what is sealed; None: plain files.
    cipher: FileCipher | None = field(default=None, compare=False, repr=False)
    # Of its databases, where they are encrypted (database_key.py).
    database_secret: bytes | None = field(default=None, compare=False, repr=False)

    @cached_property  # each instance asks several times
    def own(self) -> Path:
        """What is this node's alone."""
        return self.data_dir / "nodes" / self.node if self.node else self.data_dir

    @property
    def lock(self) -> Path:
        return self.own / "lock"

    @property
    def database(self) -> Path:
        return self.data_dir / "index.sqlite"

    @property
    def journal(self) -> Path:
        return self.data_dir / "journal.jsonl"

    @property
    def database_key(self) -> Path:
        return self.data_dir / "database.key"

    @property
    def pseudonyms_key(self) -> Path:
        return self.data_dir / PSEUDONYMS_KEY

    @property
    def corruption_mark(self) -> Path:
        return self.own / "index.doubted"

    @property
    def restore_mark(self) -> Path:
        return self.data_dir / "restore.unfinished"

    @cached_property
    def incoming(self) -> Path:
        return self.own / "incoming"

    @cached_property
    def pool(self) -> Path:
        return self.own / "pool"

    @cached_property
    def instances(self) -> Path:
        return self.data_dir / "instances"

    @property
    def quarantine(self) -> Path:
        return self.data_dir / "quarantine"

    @property
    def deleted(self) -> Path:
        return self.data_dir / "deleted"

    def make(self) -> None:
        """Make the folders that do not exist yet.

        Raises OutOfSpace; ConfigError where data_dir is not a folder that this user may write.
        """
        folders = (self.incoming, self.pool, self.instances, self.quarantine, self.deleted)
        try:
            own = (self.own.parent, self.own) if self.node else ()
            for folder in (self.data_dir, *own, *folders):
                make_folder(folder)
        except OutOfSpace as error:
            cause = error.__cause__
            if not isinstance(cause, OSError) or cause.errno in _SHORTAGES:
                raise
            doing = "written" if self.data_dir.is_dir() else "made"
            raise ConfigError(
                [
                    ConfigFault(
                        path="data_dir",
                        problem=f"{self.data_dir} cannot be {doing} ({cause.strerror})",
                        remedy="Give a folder that this user may write.",
                    )
                ]
            ) from error

    def instance_file(self, file_id: str) -> Path:
        """The file of an instance; where it is remote, that of the cache (placing.py)."""
        if self.remote is not None:
            return self.remote.path(file_id)
        return self.instances.joinpath(file_id[:2], file_id[2:4], f"{file_id}.dcm")

    def instance_folder(self, file_id: str) -> Path:
        """The folder of the files whose ids begin as this one does."""
        return self.instances.joinpath(file_id[:2], file_id[2:4])

    def pool_file(self, file_id: str) -> Path:
        """The name in the pool of the file of an instance."""
        return self.pool / f"{file_id}{_POOLED}"

    def quarantine_file(self, file_id: str) -> Path:
        """The file of a quarantined instance."""
        return self.quarantine / f"{file_id}.dcm"

    def deleted_file(self, file_id: str) -> Path:
        """Where the file of an instance is moved before it is unlinked."""
        return self.deleted / f"{file_id}.dcm"

    @property
    def disk_reserve(self) -> Path:
        return self.own / "ballast"

    @property
    def write_trial(self) -> Path:
        """Written regularly to check that the disk takes it (durability.py)."""
        return self.incoming / "trial.part"

    @property
    def pool_trial(self) -> Path:
        """The same in the pool, where that is used; no instance's name."""
        return self.pool / "trial.part"

    @property
    def trial_in_place(self) -> Path:
        """Where that file is moved for a moment, as an instance would be."""
        return self.instances / f"trial{self.node and '-'}{self.node}.part"

    def new_incoming_file(self) -> Path:
        """A temporary file that does not exist yet."""
        return self.incoming / f"{secrets.token_hex(16)}.part"


def file_id_of(path: Path) -> str | None:
    """The id of a file by its name; None where the name is not one of ours."""
    if path.suffix not in (".dcm", _POOLED) or not _FILE_ID.fullmatch(path.stem):
        return None
    return path.stem


class FileIds:
    """Gives each new instance its id, and makes the folder that it goes into. Thread-safe."""

    def __init__(
        self, layout: Layout, on_folder: Callable[[str], None] = lambda folder: None
    ) -> None:
        """on_folder: called with a folder before its first id is given; may raise OutOfSpace."""
        self._layout = layout
        self._on_folder = on_folder
        self._mutex = threading.Lock()
        self._folder = ""
        self._room = 0
        self._given: set[str] | None = set()

    def new(self) -> str:
        """A new id; its folder exists and is durable. Raises OutOfSpace."""
        with self._mutex:
            if self._room == 0:
                folder = secrets.token_hex(2)
                if self._layout.remote is None:
                    instances = self._layout.instances
                    make_folder(self._layout.instance_folder(folder), below=instances)
                self._on_folder(folder)
                self._folder, self._room = folder, FILES_PER_FOLDER
            self._room -= 1
            file_id = self._folder + secrets.token_hex(14)
            if self._given is not None:
                self._given.add(file_id)
            return file_id

    def is_given(self, file_id: str) -> bool:
        """Whether `new` gave this id; answered until recovery has ended."""
        with self._mutex:
            return self._given is not None and file_id in self._given

    def forget_given(self) -> None:
        """Recovery has ended: `is_given` is not called again."""
        with self._mutex:
            self._given = None

    def leave_folder(self) -> None:
        """Choose another folder for the next file: an fsync of this one has failed."""
        with self._mutex:
            self._room = 0
