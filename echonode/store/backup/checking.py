"""Looks at a backup without changing anything: its index and list at once, its files on request.

Rules
- The index and the list of files are compared with their hashes before anything is done by them.
- A backup of a later EchoNode is refused: its tables are not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from echonode.errors import BackupUnusable, Damaged, SchemaTooNew, UsageError
from echonode.store.backup.file_copy import digest_of
from echonode.store.backup.file_sums import read_sums
from echonode.store.backup.folder import MARK, OTHERS, BackupFolder
from echonode.store.backup.manifest import Manifest, NamedFile, read_manifest
from echonode.store.database.migrations import SCHEMA_VERSION
from echonode.store.files.disk import disk_errors


def checked_manifest(folder: BackupFolder) -> Manifest:
    """The manifest of a backup whose index and list are whole.

    Raises UsageError where there is no backup, BackupUnusable where it is damaged, SchemaTooNew.
    """
    try:
        manifest = read_manifest(folder.manifest)
    except FileNotFoundError:
        if (folder.root / MARK).exists():
            raise BackupUnusable(
                f"{folder.root} holds no complete backup: the first one was interrupted"
            ) from None
        raise UsageError(f"there is no backup in {folder.root}") from None
    if manifest.schema_version > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the backup was made by EchoNode {manifest.version}, whose database is later than "
            "this one's: restore it with that version or a later one"
        )
    _compare(folder, manifest.index, "index")
    _compare(folder, manifest.files, "list of files")
    if manifest.pseudonyms:
        _compare(folder, manifest.pseudonyms, "key of the pseudonyms")
    for name, named in manifest.others.items():
        if name not in OTHERS:
            raise BackupUnusable(f"the backup has a database that is not known here: {name}")
        _compare(folder, named, f"{name} database")
    return manifest


def _compare(folder: BackupFolder, named: NamedFile, what: str) -> None:
    path = folder.root / named.name
    try:
        found = digest_of(path)
    except FileNotFoundError:
        raise BackupUnusable(f"the {what} of the backup is gone: {path}") from None
    except Damaged as error:
        raise BackupUnusable(f"the {what} of the backup: {error}") from None
    if found.sha256 != named.sha256:
        raise BackupUnusable(
            f"the {what} of the backup is damaged: {path} is not what was written. Nothing was "
            "restored; take another copy of the backup"
        )


def count_lines(sums: Path) -> int:
    """How many files a list has."""
    with disk_errors(f"to read {sums}"), sums.open("rb") as file:
        return sum(1 for _ in file)


def damaged_files(
    folder: BackupFolder, manifest: Manifest, progress: Callable[[str, int, int], None]
) -> Iterator[str]:
    """The paths of the backup's files that are not what they were, read one after the other."""
    sums = folder.root / manifest.files.name
    total = count_lines(sums)
    for number, each in enumerate(read_sums(sums), 1):
        try:
            found = digest_of(folder.root / each.path).sha256
        except (FileNotFoundError, Damaged):
            found = ""
        if found != each.sha256:
            yield each.path
        progress("files", number, total)
