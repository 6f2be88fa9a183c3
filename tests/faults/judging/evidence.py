"""The evidence: books and a node's data folder, read without a line of EchoNode.

The standard library alone: the database by sqlite3, Part 10 files by hand (PS3.10 7.1).
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

PREAMBLE = bytes(128) + b"DICM"
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"  # (0002,0000) UL, length 4; PS3.10 7.1
_META_START = len(PREAMBLE) + len(_GROUP_LENGTH) + 4
_MEDIA_STORAGE_INSTANCE = b"\x02\x00\x03\x00UI"
_PIECE = 1024**2
_FILE_NAME = re.compile(r"[0-9a-f]{32}\.dcm")
_MEANS_TRY_AGAIN = (0x0110,)


class NotAnInstance(Exception):
    """A file under an instance's name is not Part 10 of our form."""


@dataclass(frozen=True, kw_only=True)
class HeldFile:
    """An instance file: what its own bytes say. sha256: of the dataset."""

    path: Path
    sop_instance_uid: str
    sha256: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """An instance's row in the node's index."""

    file_id: str
    sop_instance_uid: str
    sha256: str
    size: int


@dataclass(kw_only=True)
class Folder:
    """A node's data folder. files, rows: by file id; tombstones: UID -> hash; all else: faults.

    without_row: how many objects of a bucket have none (shared_evidence.py).
    """

    files: dict[str, HeldFile] = field(default_factory=dict)
    rows: dict[str, Row] = field(default_factory=dict)
    tombstones: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    without_row: int = 0

    def held(self) -> dict[str, set[str]]:
        """UID -> hashes of the files of it that lie there, with a row or without."""
        found: dict[str, set[str]] = {}
        for file in self.files.values():
            found.setdefault(file.sop_instance_uid, set()).add(file.sha256)
        return found


@dataclass(kw_only=True)
class Clients:
    """What the clients' books say, by (UID, hash); hash None: whatever bytes a capture has."""

    offered: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    acknowledged: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    refused_for_good: set[tuple[str, str | None]] = field(default_factory=set)
    unanswered: Counter[tuple[str, str | None]] = field(default_factory=Counter)
    deleted: set[str] = field(default_factory=set)

    def hashes(self) -> dict[str, set[str | None]]:
        """UID -> every hash that was offered under it."""
        found: dict[str, set[str | None]] = {}
        for uid, sha256 in self.offered:
            found.setdefault(uid, set()).add(sha256)
        return found


@dataclass(kw_only=True)
class Archive:
    """What an archive's book says. kept: UID -> hashes of all it took; promised: UIDs."""

    kept: dict[str, set[str]] = field(default_factory=dict)
    promised: set[str] = field(default_factory=set)

    def keeps(self, uid: str, sha256: str | None) -> bool:
        """Whether it has committed these bytes."""
        kept = self.kept.get(uid, set())
        return uid in self.promised and (bool(kept) if sha256 is None else sha256 in kept)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a book; a last one that a kill cut was never on the disk."""
    with path.open("rb") as book:
        for line in book:
            if line.endswith(b"\n"):
                yield json.loads(line)


def read_clients(paths: Sequence[Path]) -> Clients:
    """Clients' books as one. An offer without an answer in its book counts as unanswered."""
    clients = Clients()
    for path in paths:
        answered: Counter[tuple[str, str | None]] = Counter()
        offered: Counter[tuple[str, str | None]] = Counter()
        for line in read_lines(path):
            key = (line.get("uid", ""), line.get("sha256"))
            if line["kind"] == "offered":
                offered[key] += 1
            elif line["kind"] == "answered":
                answered[key] += 1
                _note_answer(clients, key, line["status"])
            elif line["kind"] == "stored":
                clients.acknowledged[(key[0], None)] += 1
            elif line["kind"] == "deleted":
                clients.deleted.add(key[0])
        clients.offered += offered
        clients.unanswered += offered - answered
    return clients


def _note_answer(clients: Clients, key: tuple[str, str | None], status: int | None) -> None:
    if status is None:
        clients.unanswered[key] += 1
    elif status == 0 or status & 0xF000 == 0xB000:
        clients.acknowledged[key] += 1
    else:
        clients.refused[key] += 1
        if status & 0xFF00 != 0xA700 and status not in _MEANS_TRY_AGAIN:
            clients.refused_for_good.add(key)


def read_archive(path: Path) -> Archive:
    """An archive's book."""
    archive = Archive()
    for line in read_lines(path):
        if line["kind"] == "kept":
            archive.kept.setdefault(line["uid"], set()).add(line["sha256"])
        elif line["kind"] == "reported":
            archive.promised.update(line["committed"])
    return archive


def read_folder(data_dir: Path) -> Folder:
    """The database and every instance file of a node."""
    folder = Folder()
    _read_database(data_dir / "index.sqlite", folder)
    for path in sorted((data_dir / "instances").rglob("*")):
        if path.is_file():
            _read_file(path, folder)
    if (data_dir / "pool").is_dir():
        folder.faults += _left_in_pool(data_dir / "pool")
    for name in ("incoming", "deleted"):
        if (data_dir / name).is_dir():
            left = sorted(path.name for path in (data_dir / name).iterdir())
            folder.faults += [f"{name}/{file} is left" for file in left]
    return folder


def _left_in_pool(pool: Path) -> list[str]:
    """What has no other name. An empty file is free, and one with two names has not settled."""
    left = []
    for path in sorted(pool.iterdir()):
        with suppress(FileNotFoundError):  # of a node that runs: it has settled meanwhile
            stat = path.stat()
            if stat.st_size and stat.st_nlink == 1:
                left.append(f"pool/{path.name} is left")
    return left


def _read_database(path: Path, folder: Folder) -> None:
    if not path.exists():
        folder.faults.append("there is no database")
        return
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            columns = "file_id, sop_instance_uid, dataset_sha256, size"
            for row in connection.execute(f"SELECT {columns} FROM instance"):
                folder.rows[row[0]] = Row(
                    file_id=row[0], sop_instance_uid=row[1], sha256=row[2], size=row[3]
                )
            buried = connection.execute("SELECT sop_instance_uid, dataset_sha256 FROM tombstone")
            folder.tombstones = dict(buried.fetchall())
            (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if sound != "ok":
                folder.faults.append(f"the database is damaged: {sound}")
    except sqlite3.DatabaseError as error:
        folder.faults.append(f"the database cannot be read: {error}")


def _read_file(path: Path, folder: Folder) -> None:
    if not _FILE_NAME.fullmatch(path.name):
        folder.faults.append(f"{path.name} is no instance's name")
        return
    try:
        folder.files[path.stem] = split(path)
    except (NotAnInstance, OSError) as error:
        folder.faults.append(f"{path.name} is not an instance: {error}")


def split(path: Path) -> HeldFile:
    """Take a Part 10 file apart: its UID (0002,0003), and the hash of all behind its meta group.

    Raises NotAnInstance, OSError.
    """
    with path.open("rb") as file:
        return split_stream(file, path)


def split_stream(file: BufferedReader | BytesIO, path: Path) -> HeldFile:
    """The same of what is read from a file, or from an object. Raises NotAnInstance, OSError."""
    head = file.read(_META_START)
    if not head.startswith(PREAMBLE + _GROUP_LENGTH) or len(head) < _META_START:
        raise NotAnInstance("no preamble and group length")
    length = int.from_bytes(head[-4:], "little")
    meta = file.read(length)
    at = meta.find(_MEDIA_STORAGE_INSTANCE)
    if len(meta) < length or at < 0:
        raise NotAnInstance("no whole meta information")
    end = at + 8 + int.from_bytes(meta[at + 6 : at + 8], "little")
    sha256 = hashlib.sha256()
    while piece := file.read(_PIECE):  # not file_digest: of a BytesIO it takes all
        sha256.update(piece)
    uid = meta[at + 8 : end].rstrip(b"\0").decode("ascii", "replace")
    return HeldFile(path=path, sop_instance_uid=uid, sha256=sha256.hexdigest(), size=file.tell())
