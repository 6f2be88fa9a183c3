"""What a backup says it holds: manifest.json.

Rules
- The manifest has its own hash, and those of the index and of the list of files: a backup that is
  changed in any byte is found out before anything of it is used.
- No patient data: counts, and UIDs of instances that the backup does not hold.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from echonode.errors import BackupUnusable
from echonode.store.backup.file_copy import write_durably
from echonode.store.files.disk import disk_errors, fsync_folder, rename

FORMAT = 1
_SEAL = "sha256_of_the_rest"
_LARGEST = 256 * 1024 * 1024  # bytes: more UIDs than a database of ten million could miss


@dataclass(frozen=True, kw_only=True)
class NamedFile:
    """A file of the backup's folder. size: bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """What the database and the files of a backup hold.

    deliveries: state -> count; commitments: requests to archives and from peers that are not yet
    answered. size: bytes of all files. not_held: SOP Instance UID -> why its file is not held.
    """

    instances: int
    studies: int
    exams: int
    users: int
    quarantined: int
    size: int
    deliveries: Mapping[str, int] = field(default_factory=dict)
    commitments: int = 0
    not_held: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One complete backup. node_id: of the store that it is of; version: of EchoNode.

    others: the databases other than the index, by the names of folder.OTHER_DATABASES.
    pseudonyms: the key of anonymised copies; None where there is none.
    """

    made_at: datetime
    node_id: str
    schema_version: int
    version: str
    index: NamedFile
    files: NamedFile
    holds: Holdings
    others: Mapping[str, NamedFile] = field(default_factory=dict)
    config: NamedFile | None = None
    pseudonyms: NamedFile | None = None

    @property
    def named(self) -> frozenset[str]:
        """The names of its files at the top of the folder."""
        files = [self.index, self.files, *self.others.values()]
        files += [each for each in (self.config, self.pseudonyms) if each]
        return frozenset(file.name for file in files)

    def write(self, path: Path) -> None:
        """Replace what is at `path`; durable on return. Raises OutOfSpace."""
        values = {"format": FORMAT, **asdict(self), "made_at": self.made_at.isoformat()}
        text = json.dumps({_SEAL: _sealed(values), **values}, indent=1) + "\n"
        part = path.with_name(f"{path.name}.part")
        write_durably(part, text.encode())
        rename(part, path)
        fsync_folder(path.parent)


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`. Raises BackupUnusable, OutOfSpace where the disk does not return it.

    FileNotFoundError where there is no manifest.
    """
    if not path.exists():
        raise FileNotFoundError(path)
    with disk_errors(f"to read {path}"), path.open("rb") as file:
        content = file.read(_LARGEST)
    try:
        values = json.loads(content)
        seal = values.pop(_SEAL)
        form = values.pop("format")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise BackupUnusable(f"{path} is damaged") from None
    if form != FORMAT:
        raise BackupUnusable(
            f"{path} has the form {form}, and this EchoNode knows {FORMAT}: use the EchoNode that "
            "wrote it, or a later one"
        )
    if seal != _sealed({"format": form, **values}):
        raise BackupUnusable(f"{path} is damaged: it is not what was written")
    return _manifest(values)


def _sealed(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _manifest(values: Mapping[str, Any]) -> Manifest:
    config: Mapping[str, Any] | None = values["config"]
    key: Mapping[str, Any] | None = values.get("pseudonyms")  # earlier backups have none
    return Manifest(
        made_at=datetime.fromisoformat(values["made_at"]),
        node_id=values["node_id"],
        schema_version=values["schema_version"],
        version=values["version"],
        index=NamedFile(**values["index"]),
        files=NamedFile(**values["files"]),
        holds=Holdings(**values["holds"]),
        others={name: NamedFile(**file) for name, file in values["others"].items()},
        config=NamedFile(**config) if config else None,
        pseudonyms=NamedFile(**key) if key else None,
    )


def deliveries_in_words(deliveries: Mapping[str, int], order: Sequence[str]) -> str:
    """`3 queued, 12 committed`, in the order of the states."""
    words = [f"{deliveries[state]} {state}" for state in order if deliveries.get(state)]
    return ", ".join(words) or "no deliveries"
