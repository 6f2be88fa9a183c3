"""Makes a backup of a store, whether a node runs on it or not.

The order that makes it complete or absent, whatever happens between two steps:
1. The database is copied as it is at one moment (snapshot.py), durable and checked.
2. Every file that its rows name and that the backup does not hold is copied, compared with the
   hash in its row, and durable (file_copy.py); so are the scan lines that are kept with images;
   then the list of all files is. The audit trail, a database of its own, follows in the same way as
   the index, and the key of the pseudonyms.
3. The manifest takes the place of the one before. Only now is this backup the one that counts.
4. What only the backup before named is removed.

Rules
- Files come after the rows that name them, so each was durable when the rows were copied. What the
  node deletes or replaces meanwhile (retention, a patient who is named later) is gone when its turn
  comes: then the moment is taken again, and only what is new since is copied. A backup never holds
  a row whose file went in between.
- A file that is damaged or missing here is not copied, and the backup says so; an earlier copy that
  is whole stays.
- A file of the backup counts as held where it has its size and an earlier run read it back.
  `verify` reads all of them again, and copies again what is not whole.
- The backup of one store never takes the place of another's: after a database was lost and made
  again its promises are only in the backup before.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from echonode import __version__
from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import BackupUnusable, IndexDamaged, OutOfSpace, UsageError
from echonode.store.backup.file_copy import copy_file, digest_of, write_durably
from echonode.store.backup.file_sums import (
    EarlierSums,
    SumsWriter,
    instance_path,
    lines_path,
    quarantine_path,
)
from echonode.store.backup.folder import DATABASE_KEY, OTHER_DATABASES, BackupFolder
from echonode.store.backup.held_copies import Held, HeldCopies
from echonode.store.backup.manifest import Manifest, NamedFile, read_manifest
from echonode.store.backup.pruning import prune
from echonode.store.backup.pseudonyms_key import copy_pseudonyms_key
from echonode.store.backup.snapshot import FileRow, Snapshot, still_names, take_snapshot
from echonode.store.database.migrations import SCHEMA_VERSION
from echonode.store.database.opening import read_node_id
from echonode.store.database.sqlite_engine import reader_engine
from echonode.store.files.database_key import with_keys
from echonode.store.files.disk import disk_errors, fsync_folder, make_folder, remove
from echonode.store.files.kept_lines import FOLDER as LINES
from echonode.store.files.kept_lines import is_lines_name
from echonode.store.files.layout import Layout

# Between a copy's write and its fsync the disk has nothing to do: several at a time.
_THREADS = 4
# Each moment is later than the one before by the time that its new files take: seconds after the
# first. A node that deletes what is younger than that, five times, deletes whatever comes.
_MOMENTS = 5

# stage, done, total: "index" in pages, "files" in files.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class BackupDone:
    """copied, copied_bytes: what this run wrote; removed: copies that no row names any more."""

    manifest: Manifest
    copied: int
    copied_bytes: int
    removed: int


@dataclass
class _Found:
    """What one moment's pass over the files found."""

    size: int = 0
    quarantined: int = 0
    not_held: dict[str, str] = field(default_factory=dict)
    gone: list[FileRow] = field(default_factory=list)


class Backup:
    """One run, from one data_dir into one folder.

    cipher: of an encrypted store, whose files are copied as they are. config: copied along; None:
    there is none.
    """

    def __init__(
        self,
        data_dir: Path,
        folder: BackupFolder,
        *,
        now: Callable[[], datetime],
        cipher: FileCipher | None = None,
        config: bytes | None = None,
        verify: bool = False,
        progress: Progress = lambda stage, done, total: None,
    ) -> None:
        """The caller has made sure that data_dir holds a store of the present version."""
        self._layout = with_keys(Layout(data_dir.absolute()), cipher)
        self._folder = folder
        self._now = now
        self._config = config
        self._verify = verify
        self._progress = progress
        self._copied = self._copied_bytes = 0
        self._folders: set[Path] = set()
        self._readers = reader_engine(self._layout.database, self._layout.database_secret)

    def run(self) -> BackupDone:
        """Make the backup; complete and durable on return.

        Raises UsageError for a folder that holds something else, BackupUnusable where the
        backup before is damaged, IndexDamaged, OutOfSpace.
        """
        self._refuse_within()
        if self._layout.corruption_mark.exists():
            raise BackupUnusable(
                "the database was found damaged, and a backup of it would take the place of a "
                "whole one: restart the node, which repairs it, then make the backup"
            )
        try:
            with self._folder.locked_for_writing():
                return self._in_the_folder()
        finally:
            self._readers.dispose()

    def _refuse_within(self) -> None:
        ours, theirs = self._layout.data_dir.resolve(), self._folder.root.resolve()
        if ours == theirs or ours in theirs.parents or theirs in ours.parents:
            raise UsageError(
                f"{self._folder.root} and the data_dir {ours} lie within each other: give a folder "
                "elsewhere, on another disk"
            )

    def _in_the_folder(self) -> BackupDone:
        before = self._before()
        named = before.named if before else frozenset()
        self._folder.clean(named=named)
        try:
            manifest = self._made(before)
            manifest.write(self._folder.manifest)
        except BaseException:
            self._clean_up(named)
            raise
        self._folder.clean(named=manifest.named)
        removed = prune(self._folder, self._folder.root / manifest.files.name)
        return BackupDone(
            manifest=manifest,
            copied=self._copied,
            copied_bytes=self._copied_bytes,
            removed=removed,
        )

    def _clean_up(self, named: frozenset[str]) -> None:
        """Give the space of an index and a list back: a full disk takes the next run then."""
        try:
            current = read_manifest(self._folder.manifest).named
        except (FileNotFoundError, BackupUnusable, OutOfSpace):
            current = named
        try:
            self._folder.clean(named=named | current)
        except OutOfSpace:
            return  # the next run does it

    def _before(self) -> Manifest | None:
        """The backup that is there. Raises UsageError where it is of another store."""
        try:
            before = read_manifest(self._folder.manifest)
        except FileNotFoundError:
            return None
        except BackupUnusable as error:
            raise BackupUnusable(
                f"{error}. Make the next backup in an empty folder; or remove that file, and "
                "every copy that is whole is found again"
            ) from error
        if before.node_id != read_node_id(self._readers):
            raise UsageError(
                f"{self._folder.root} is the backup of another store, or of this one before its "
                "database was made again: give another folder, and keep this one"
            )
        return before

    def _made(self, before: Manifest | None) -> Manifest:
        """Steps 1 and 2, until no file went in between."""
        earlier = self._folder.root / before.files.name if before else None
        stamp = f"{self._now():%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        for moment in range(_MOMENTS):
            run = f"{stamp}-{moment + 1}"
            made_at = self._now()
            index, sums = self._folder.index(run), self._folder.sums(run)
            take_snapshot(
                self._readers,
                index,
                self._layout.database_secret,
                lambda done, total: self._progress("index", done, total),
            )
            with Snapshot(index, self._layout.database_secret) as snapshot:
                found = self._pass(snapshot, earlier, sums, verify=self._verify and not moment)
                if not self._went_meanwhile(found):
                    return self._manifest(run, made_at, snapshot, found)
            remove(index)
            earlier = sums
        raise BackupUnusable(
            "the node deletes instances faster than they are copied: make the backup when it has "
            "less to do"
        )

    def _went_meanwhile(self, found: _Found) -> bool:
        """Whether a file is gone for good reason; one that a row still names is missing."""
        for row in found.gone:
            if not still_names(self._readers, row.file_id):
                return True
        found.not_held |= {row.sop_instance_uid: "its file is missing" for row in found.gone}
        return False

    def _manifest(self, run: str, made_at: datetime, snapshot: Snapshot, found: _Found) -> Manifest:
        for folder in sorted(self._folders):
            fsync_folder(folder)
        return Manifest(
            made_at=made_at,
            node_id=read_node_id(self._readers),
            schema_version=SCHEMA_VERSION,
            version=__version__,
            index=_named(self._folder.index(run)),
            files=_named(self._folder.sums(run)),
            others=self._copy_others(run, found),
            config=self._write_config(run),
            pseudonyms=self._pseudonyms(run),
            holds=snapshot.holdings(
                size=found.size, quarantined=found.quarantined, not_held=found.not_held
            ),
        )

    def _copy_others(self, run: str, found: _Found) -> dict[str, NamedFile]:
        """Copy the databases other than the index; one that is damaged holds up no image."""
        copied = self._copy_key(run)
        for name, place in OTHER_DATABASES.items():
            path, target = self._layout.data_dir / place, self._folder.other(name, run)
            if not path.exists():
                continue
            readers = reader_engine(path, self._layout.database_secret)
            try:
                take_snapshot(readers, target, self._layout.database_secret)
            except IndexDamaged:
                found.not_held[str(place)] = "the database is damaged"
            else:
                copied[name] = _named(target)
            finally:
                readers.dispose()
        return copied

    def _pseudonyms(self, run: str) -> NamedFile | None:
        target = self._folder.pseudonyms(run)
        part = self._folder.layout.new_incoming_file()
        return _named(target) if copy_pseudonyms_key(self._layout, part, target) else None

    def _copy_key(self, run: str) -> dict[str, NamedFile]:
        """The sealed key of the databases, as it is; without it the copies could not be read."""
        if self._layout.cipher is None:
            return {}
        target = self._folder.other(DATABASE_KEY, run)
        copy_file(self._layout.database_key, self._folder.layout.new_incoming_file(), target)
        fsync_folder(target.parent)
        return {DATABASE_KEY: _named(target)}

    def _write_config(self, run: str) -> NamedFile | None:
        if self._config is None:
            return None
        path = self._folder.config(run)
        write_durably(path, self._config)
        return _named(path)

    def _pass(
        self, snapshot: Snapshot, earlier: Path | None, sums: Path, *, verify: bool
    ) -> _Found:
        """Hold every file of the snapshot's rows, and write the list."""
        found = _Found()
        known = EarlierSums(earlier)
        copies = HeldCopies(self._layout, self._folder, verify=verify)
        total, done = snapshot.count(), 0
        with SumsWriter(sums) as writer, ThreadPoolExecutor(_THREADS, "backup") as threads:
            for rows in snapshot.files():
                hashes = [known.take(instance_path(row.file_id)) for row in rows]
                self._make_folders(rows)
                for row, held in zip(rows, threads.map(copies.hold, rows, hashes), strict=True):
                    if held.problem:
                        found.not_held[row.sop_instance_uid] = held.problem
                    elif not self._note(held, found, writer):
                        found.gone.append(row)
                done += len(rows)
                self._progress("files", done, total)
            for name in self._lines():
                held = copies.hold_lines(name, known.take(lines_path(name)))
                if held.problem:
                    found.not_held[lines_path(name)] = held.problem
                self._note(held, found, writer)
            for file_id in snapshot.quarantined():
                sha256 = known.take(quarantine_path(file_id))
                held = copies.hold_quarantined(file_id, sha256)
                found.quarantined += self._note(held, found, writer)
        return found

    def _lines(self) -> list[str]:
        """The names of the scan lines that are kept, ascending. Raises OutOfSpace."""
        folder = self._layout.data_dir / LINES
        with disk_errors(f"to list {folder}"):
            names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return sorted(filter(is_lines_name, names))

    def _make_folders(self, rows: Sequence[FileRow]) -> None:
        for folder in {self._folder.layout.instance_folder(row.file_id) for row in rows}:
            make_folder(folder)

    def _note(self, held: Held, found: _Found, writer: SumsWriter) -> bool:
        """Count what is held; whether it is."""
        if held.found is None:
            return False
        writer.add(held.found)
        found.size += held.size
        if held.folder is not None:
            self._folders.add(held.folder)
        if held.copied:
            self._copied += 1
            self._copied_bytes += held.size
        return True


def _named(path: Path) -> NamedFile:
    digest = digest_of(path)
    return NamedFile(name=path.name, sha256=digest.sha256, size=digest.size)
