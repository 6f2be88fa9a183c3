"""Brings a backup back onto an empty data_dir, or goes on with a restore that was interrupted.

The order, so that nothing is ever taken for a store that is not whole:
1. Manifest, index and list of files are compared with their hashes, before anything is written.
2. data_dir is locked, and gets the mark `restore.unfinished`: no node starts while it is there.
3. Every file is copied, hashed as its bytes pass, and durable. What an interrupted restore has
   copied is read and kept.
4. The index is put in place, brought up to date, and set right for a life after the backup.
5. The mark is removed.

Rules
- A file that is not what the backup says is not restored. Where there is one, the restore ends with
  an error after step 3, and a person decides whether the rest is wanted (`without_damaged`).
- Numbers that were given after the backup was made are not in it. Exam numbers, and the UIDs that
  come from them, go on SKIPPED further on: no study of the time in between gets a second patient.
- Sessions are not restored: every user logs in again.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import (
    BackupUnusable,
    ConfigError,
    ConfigFault,
    Damaged,
    StoreLocked,
    UsageError,
)
from echonode.store.backup.checking import checked_manifest, count_lines
from echonode.store.backup.file_copy import Digest, copy_file, digest_of, write_durably
from echonode.store.backup.file_sums import FileSum, read_sums
from echonode.store.backup.folder import (
    DATABASE_KEY,
    NOT_OURS,
    OTHERS,
    BackupFolder,
)
from echonode.store.backup.manifest import Manifest, NamedFile
from echonode.store.database import counters, schema
from echonode.store.database.corruption_marker import CorruptionMarker
from echonode.store.database.opening import mark_orderly_stop, open_writer
from echonode.store.files.database_key import read_key, with_keys
from echonode.store.files.disk import disk_errors, fsync_folder, make_folder, remove, rename
from echonode.store.files.layout import Layout
from echonode.store.files.lock import FolderLock

# More exams than a node opens between two backups: one a minute, for ten weeks.
SKIPPED = 100_000
_THREADS = 4
_AT_ONCE = 500
_SHOWN = 5  # damaged files that an error names

# stage, done, total; "files" in files.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Restored:
    """copied, kept: files; kept were there from a restore that was interrupted.

    left_out: the paths of files of the backup that are damaged or missing in it.
    """

    manifest: Manifest
    copied: int
    kept: int
    left_out: tuple[str, ...]


class Restore:
    """One run, from one backup's folder into one data_dir. cipher: of an encrypted store."""

    def __init__(
        self,
        folder: BackupFolder,
        data_dir: Path,
        *,
        now: Callable[[], datetime],
        cipher: FileCipher | None = None,
        without_damaged: bool = False,
        progress: Progress = lambda stage, done, total: None,
    ) -> None:
        self._folder = folder
        self._layout = Layout(data_dir.absolute())
        self._cipher = cipher
        self._now = now
        self._without_damaged = without_damaged
        self._progress = progress
        self._folders: set[Path] = set()

    def run(self) -> Restored:
        """Restore it; a node starts on data_dir from then on.

        Raises UsageError where there is no backup, or data_dir is not empty; BackupUnusable,
        SchemaTooNew, OutOfSpace.
        """
        manifest = checked_manifest(self._folder)
        self._check_keys(manifest)
        self._refuse_what_is_there(manifest)
        self._layout.make()
        try:
            lock = FolderLock(self._layout.lock)
        except StoreLocked:
            raise UsageError(
                f"a node or another restore has {self._layout.data_dir}: stop it first"
            ) from None
        try:
            self._refuse_what_is_there(manifest)  # what came before the lock
            return self._into_the_folder(manifest)
        finally:
            lock.release()

    def _check_keys(self, manifest: Manifest) -> None:
        """Before anything is written: the keys are those of the backup. Raises ConfigError."""
        key = manifest.others.get(DATABASE_KEY)
        if key is not None and self._cipher is not None:
            read_key(
                replace(self._folder.layout, cipher=self._cipher), self._folder.root / key.name
            )
        elif key is not None:
            raise ConfigError(
                [
                    ConfigFault(
                        path="encryption.key",
                        problem="the backup is of an encrypted store, and no key is configured",
                        remedy="Give the master key of that store.",
                    )
                ]
            )
        elif self._cipher is not None:
            raise UsageError(
                "the backup is of a store that is not encrypted: leave `encryption` out of the "
                "configuration, restore it, then run `echonode encrypt`"
            )

    def _refuse_what_is_there(self, manifest: Manifest) -> None:
        """Raises UsageError unless data_dir is empty, or holds a restore of this backup."""
        data_dir, mark = self._layout.data_dir, self._layout.restore_mark
        with disk_errors(f"to look into {data_dir}"):
            if not data_dir.exists():
                return
            if mark.exists():
                if mark.read_text(encoding="ascii", errors="replace") != _name_of(manifest):
                    raise UsageError(
                        f"{data_dir} holds the unfinished restore of another backup: finish that "
                        "one, or empty the folder"
                    )
                return
            if found := _content(self._layout):
                raise UsageError(
                    f"{data_dir} is not empty ({', '.join(found[:3])}): a backup is restored into "
                    "an empty data_dir only. Move what is there away, or give another data_dir"
                )

    def _into_the_folder(self, manifest: Manifest) -> Restored:
        if not self._layout.restore_mark.exists():
            part = self._layout.incoming / "mark.part"
            write_durably(part, _name_of(manifest).encode("ascii"))
            rename(part, self._layout.restore_mark)
            fsync_folder(self._layout.data_dir)
        for part in self._layout.incoming.glob("*.part"):
            remove(part)
        copied, kept, left_out = self._copy_files(manifest)
        for folder in sorted(self._folders):
            fsync_folder(folder)
        if left_out and not self._without_damaged:
            raise BackupUnusable(
                f"{len(left_out)} files of the backup are damaged or missing in it: "
                f"{', '.join(left_out[:_SHOWN])}{' ...' if len(left_out) > _SHOWN else ''}. All "
                "others are restored, and no node starts on them yet. Where another copy of the "
                "backup has these files, put them in place and run this again; or run it with "
                "--without-damaged, and the node shows those instances as missing"
            )
        self._put_databases(manifest)
        remove(self._layout.restore_mark)
        fsync_folder(self._layout.data_dir)
        return Restored(manifest=manifest, copied=copied, kept=kept, left_out=tuple(left_out))

    def _copy_files(self, manifest: Manifest) -> tuple[int, int, list[str]]:
        """Step 3; how many were copied and kept, and the paths of what could not be."""
        sums = self._folder.root / manifest.files.name
        total, lines = count_lines(sums), read_sums(sums)
        copied = kept = 0
        left_out: list[str] = []
        with ThreadPoolExecutor(_THREADS, "restore") as threads:
            while part := list(islice(lines, _AT_ONCE)):
                self._make_folders(part)
                for each, is_new in zip(part, threads.map(self._have, part), strict=True):
                    if is_new is None:
                        left_out.append(each.path)
                    elif is_new:
                        copied += 1
                    else:
                        kept += 1
                self._progress("files", copied + kept + len(left_out), total)
        return copied, kept, left_out

    def _make_folders(self, files: list[FileSum]) -> None:
        for folder in {(self._layout.data_dir / each.path).parent for each in files}:
            make_folder(folder)
            self._folders.add(folder)

    def _have(self, file: FileSum) -> bool | None:
        """The file, whole: True copied, False there already, None where it cannot be copied."""

        def compare(digest: Digest) -> None:
            if digest.sha256 != file.sha256:
                raise Damaged(f"{file.path} is not what was written")

        target = self._layout.data_dir / file.path
        try:
            if target.exists() and digest_of(target).sha256 == file.sha256:
                return False
        except Damaged:
            pass
        part = self._layout.new_incoming_file()
        try:
            copy_file(self._folder.root / file.path, part, target, compare=compare)
        except (FileNotFoundError, Damaged):
            remove(target)
            return None
        return True

    def _put(self, named: NamedFile, target: Path) -> None:
        """Copy a database of the backup, or the key: for its user alone."""

        def compare(digest: Digest) -> None:
            if digest.sha256 != named.sha256:
                raise BackupUnusable(f"{named.name} of the backup changed while it was restored")

        make_folder(target.parent)
        source = self._folder.root / named.name
        copy_file(source, self._layout.new_incoming_file(), target, compare=compare)
        fsync_folder(target.parent)

    def _put_databases(self, manifest: Manifest) -> None:
        """Step 4: the index is copied, migrated and checked as a start does it."""
        for name, named in manifest.others.items():
            self._put(named, self._layout.data_dir / OTHERS[name])
        if manifest.pseudonyms:
            self._put(manifest.pseudonyms, self._layout.pseudonyms_key)
        for left in [
            *self._layout.data_dir.glob("index.sqlite*"),
            *self._layout.data_dir.glob("damaged-*.sqlite*"),
        ]:
            remove(left)
        self._put(manifest.index, self._layout.database)
        layout = with_keys(self._layout, self._cipher)
        opened = open_writer(layout, self._now(), CorruptionMarker(layout))
        try:
            if opened.made:
                raise BackupUnusable("the index of the backup does not pass the checks of SQLite")
            opened.writer.run(_set_right)
            mark_orderly_stop(opened.writer)
        finally:
            opened.writer.close()


def _set_right(connection: sa.Connection) -> None:
    """For a life after the backup."""
    for name in counters.GIVEN_OUT:
        counters.add(connection, name, SKIPPED)
    connection.execute(sa.delete(schema.user_session))
    # One that was ended since the backup would open again.
    connection.execute(sa.delete(schema.watch_link))


def _name_of(manifest: Manifest) -> str:
    """What the mark says: which backup it is."""
    return f"{manifest.index.sha256} {manifest.files.sha256}\n"


def _content(layout: Layout) -> list[str]:
    """The names of what a data_dir holds; empty folders of ours and the lock do not count."""
    ours = {layout.lock.name} | NOT_OURS
    empty = {
        folder.name
        for folder in (
            layout.incoming,
            layout.pool,
            layout.instances,
            layout.quarantine,
            layout.deleted,
        )
        if folder.is_dir() and not any(folder.iterdir())
    }
    return sorted({path.name for path in layout.data_dir.iterdir()} - ours - empty)
