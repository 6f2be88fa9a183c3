"""Encrypts a store that exists, or changes the master key of one; both can be interrupted.

The order of `encrypt`, so that no stop loses anything, and no node runs on a half:
1. data_dir is locked; `database.key` is made, durable. From now on no node starts there.
2. Each file is sealed by itself (sealing.py): written next to it, read back, renamed. A run after a
   stop passes over those that are sealed.
3. The audit trail, then the index are encrypted (databases.py). The index in place is the end.

`rotate` gives each sealed file a slot under the present master key and empties the other one. It
reads and writes the heads alone, and a node may run meanwhile that has both keys. `database.key` is
the last, so that a start says which key is missing for as long as one is.

Rules
- One file's failure is that file's failure: it is named, and the next goes on. With a failure the
  index is not encrypted, and the run ends with an error.
- The plain bytes that a disk held before are not overwritten: a disk may return them to who reads
  it raw. docs/encryption.md says what to do about it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import Damaged, EchoNodeError, RestoreUnfinished, StoreLocked, UsageError
from echonode.store.encrypting.databases import encrypt_database, is_plain
from echonode.store.encrypting.places import files_of, left_in_plain
from echonode.store.encrypting.sealing import rewrap, seal_file
from echonode.store.files.database_key import make_key, read_key
from echonode.store.files.disk import disk_errors, fsync_folder, remove
from echonode.store.files.layout import Layout
from echonode.store.files.lock import FolderLock
from echonode.store.ingest.pooled_files import PooledFiles

Progress = Callable[[int, int], None]  # files that are done, and all
_SYNC_EVERY = 1000  # files between two fsyncs of the folders that changed
_TRAIL = Path("audit/audit.sqlite")


@dataclass(kw_only=True)
class Encrypted:
    """What was done. sealed: files that changed; there: those that needed no change.

    databases: that were encrypted by this run. failed: path below data_dir -> why. left: files in
    plain that a person must decide on, by their paths below data_dir.
    """

    sealed: int = 0
    there: int = 0
    databases: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left: tuple[str, ...] = ()


def encrypt(
    data_dir: Path, cipher: FileCipher, progress: Progress = lambda done, total: None
) -> Encrypted:
    """Encrypt it; where nothing failed, a node starts there from now on, with the key alone.

    Raises UsageError where there is no store, or a node runs; ConfigError for other keys than those
    of an earlier run; RestoreUnfinished, OutOfSpace, Damaged.
    """
    layout = _layout(data_dir, cipher)
    try:
        lock = FolderLock(layout.lock)
    except StoreLocked:
        raise UsageError(f"a node runs on {data_dir}: stop it first") from None
    try:
        if layout.restore_mark.exists():
            raise RestoreUnfinished(
                f"a restore into {data_dir} is not finished: run `echonode restore` to its end"
            )
        return _encrypt(layout, cipher, progress)
    finally:
        lock.release()


def _layout(data_dir: Path, cipher: FileCipher) -> Layout:
    layout = replace(Layout(data_dir.absolute()), cipher=cipher)
    if not layout.database.exists():
        raise UsageError(f"there is no store in {data_dir}: has the node run there?")
    return layout


def _encrypt(layout: Layout, cipher: FileCipher, progress: Progress) -> Encrypted:
    if not layout.database_key.exists():
        if not is_plain(layout.database):
            read_key(layout)  # says that the key is gone
        make_key(layout)
    secret = read_key(layout)
    for part in layout.incoming.glob("*.part"):
        remove(part)
    pooled = PooledFiles(layout)
    pooled.bring_back()
    pooled.end()
    done = Encrypted()
    _each(
        layout,
        list(files_of(layout)),
        lambda path: seal_file(path, layout.new_incoming_file(), cipher),
        done,
        progress,
    )
    if not done.failed:
        for database in (layout.data_dir / _TRAIL, layout.database):
            done.databases += encrypt_database(database, secret)
        remove(layout.journal)  # an encrypted store has none (journal/journal.py)
    done.left = tuple(str(path.relative_to(layout.data_dir)) for path in left_in_plain(layout))
    return done


def rotate(
    data_dir: Path, cipher: FileCipher, progress: Progress = lambda done, total: None
) -> Encrypted:
    """Seal every file under the present master key alone; durable on return.

    Raises UsageError where there is no encrypted store, OutOfSpace.
    """
    layout = _layout(data_dir, cipher)
    if not layout.database_key.exists() or is_plain(layout.database):
        raise UsageError(f"the store in {data_dir} is not encrypted: run `echonode encrypt` first")
    read_key(layout)
    done = Encrypted()
    # Twice: what a node stored meanwhile with the earlier key is found by the second turn.
    for turn in (files_of(layout), files_of(layout)):
        paths: Iterable[Path] = chain(turn, layout.incoming.glob("*.part"))
        _each(layout, list(paths), lambda path: rewrap(path, cipher), done, progress)
    if not done.failed:
        done.sealed += rewrap(layout.database_key, cipher)
    os.sync()
    return done


def _each(
    layout: Layout,
    paths: list[Path],
    work: Callable[[Path], bool],
    done: Encrypted,
    progress: Progress,
) -> None:
    """Change each file; durable in parts."""
    folders: set[Path] = set()
    for number, path in enumerate(paths, 1):
        try:
            changed = work(path)
        except FileNotFoundError:
            continue  # the node deleted it meanwhile
        except (EchoNodeError, OSError) as error:
            if isinstance(error, EchoNodeError) and not isinstance(error, Damaged):
                raise
            done.failed[str(path.relative_to(layout.data_dir))] = str(error)
            continue
        done.sealed, done.there = done.sealed + changed, done.there + (not changed)
        if changed:
            folders.add(path.parent)
        if number % _SYNC_EVERY == 0 or number == len(paths):
            _keep(folders)
        progress(number, len(paths))
    _keep(folders)


def _keep(folders: set[Path]) -> None:
    with disk_errors("to keep a folder"):
        for folder in sorted(folders):
            fsync_folder(folder)
    folders.clear()
