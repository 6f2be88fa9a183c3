"""The files of a store copied to another place, each compared with what was stored.

Rules
- Between two plain stores a file is copied as it is. Where one of them is encrypted, its content is
  read with the keys of the one, and written with those of the other: no plain byte comes to the
  disk of an encrypted store.
- Between two databases of which one is encrypted SQLCipher copies, as `echonode encrypt` does.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from echonode.at_rest.reading import open_file
from echonode.at_rest.writing import create_file
from echonode.errors import Damaged, OutOfSpace
from echonode.model.instance import StoredInstance, bytes_of
from echonode.store.backup.file_copy import Digest, copy_file, digest_of
from echonode.store.backup.folder import OTHER_DATABASES
from echonode.store.backup.snapshot import take_snapshot
from echonode.store.database.sqlite_engine import driver_errors, reader_engine
from echonode.store.encrypting.databases import export_database
from echonode.store.files.disk import (
    disk_errors,
    fsync_folder,
    make_folder,
    make_private,
    remove,
    rename,
    synchronise,
)
from echonode.store.files.layout import Layout, file_id_of
from echonode.store.moving.place import Source, Target

_PIECE = 1024 * 1024


def take_trail(source: Source, target: Target) -> None:
    """Raises IndexDamaged, OutOfSpace."""
    for place in OTHER_DATABASES.values():
        path, copy = source.layout.data_dir / place, target.layout.data_dir / place
        if not path.exists():
            continue
        make_folder(copy.parent)
        opens, seals = source.layout.database_secret, target.layout.database_secret
        if opens is None and seals is None:
            readers = reader_engine(path)
            try:
                take_snapshot(readers, copy)
            finally:
                readers.dispose()
            continue
        remove(copy)
        make_private(copy)
        try:
            export_database(path, opens, copy, seals)
        except driver_errors() as error:
            raise OutOfSpace(f"{place} could not be copied: {error}") from None
        fsync_folder(copy.parent)


def take_quarantine(source: Source, target: Target) -> None:
    """Raises Damaged, OutOfSpace."""
    if source.layout.remote is not None:
        return
    for path in sorted(source.layout.quarantine.glob("*.dcm")):
        if (file_id := file_id_of(path)) is None:
            continue
        copy = target.layout.quarantine_file(file_id)
        _copy(_Copy(path, source.layout, copy, target.layout))
        if (remote := target.layout.remote) is not None:
            remote.keep(file_id, copy, "")
            remote.quarantine(file_id)
    fsync_folder(target.layout.quarantine)


def take_pseudonyms(source: Source, target: Target) -> None:
    """The key of the pseudonyms: later anonymised copies fit the earlier ones.

    Raises Damaged, OutOfSpace.
    """
    path, copy = source.layout.pseudonyms_key, target.layout.pseudonyms_key
    if path.exists():
        _copy(_Copy(path, source.layout, copy, target.layout))
        fsync_folder(copy.parent)


def have(source: Source, target: Target, instance: StoredInstance) -> bool:
    """Have the file in the target, whole; whether it was copied. Raises Damaged, OutOfSpace."""
    file_id = file_id_of(instance.path) or ""
    if _is_there(target, instance, file_id):
        return False
    whole = target.layout.new_incoming_file()
    if target.layout.remote is None:
        whole = target.layout.instance_file(file_id)
        make_folder(whole.parent)
    _copy(_Copy(bytes_of(instance), source.layout, whole, target.layout), instance)
    if target.layout.remote is None:
        fsync_folder(whole.parent)
        return True
    try:
        target.layout.remote.keep(file_id, whole, instance.dataset_sha256)
    finally:
        remove(whole)
    return True


@dataclass(frozen=True)
class _Copy:
    """From a file of one store to a file of another."""

    path: Path
    source: Layout
    copy: Path
    target: Layout


def _copy(files: _Copy, instance: StoredInstance | None = None) -> None:
    """instance: whose bytes it must have. Raises FileNotFoundError, Damaged, OutOfSpace."""
    part = files.target.new_incoming_file()
    offset = 0 if instance is None else instance.dataset_offset

    def compare(size: int, dataset_sha256: str) -> None:
        stored = None if instance is None else (instance.size, instance.dataset_sha256)
        if stored not in (None, (size, dataset_sha256)):
            raise Damaged("its bytes are not those that were stored")

    if files.source.cipher is None and files.target.cipher is None:

        def compare_digest(digest: Digest) -> None:
            compare(digest.size, digest.dataset_sha256)

        copy_file(files.path, part, files.copy, dataset_offset=offset, compare=compare_digest)
        return
    try:
        _sealed_again(files, part)
        compare(*_content(part, files.target, offset))
        rename(part, files.copy)
    except BaseException:
        remove(part)
        raise


def _sealed_again(files: _Copy, part: Path) -> None:
    """The content of one as the other store keeps it; durable."""
    try:
        source = open_file(files.path, files.source.cipher)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Damaged(f"{files.path.name} cannot be read: {error.strerror}") from error
    with (
        source,
        disk_errors(f"a file in {part.parent}"),
        create_file(part, files.target.cipher) as file,
    ):
        while piece := source.read(_PIECE):
            file.write(piece)
        file.flush()
        synchronise(file.fileno())


def _content(path: Path, layout: Layout, offset: int) -> tuple[int, str]:
    """The length of a file, and the hash of its dataset. Raises OSError."""
    with open_file(path, layout.cipher) as file:
        file.seek(offset)
        return file.size, hashlib.file_digest(file, "sha256").hexdigest()


def _is_there(target: Target, instance: StoredInstance, file_id: str) -> bool:
    if target.layout.remote is not None:
        try:
            target.layout.remote.check(instance)
        except Damaged:
            return False
        return True
    path = target.layout.instance_file(file_id)
    try:
        if target.layout.cipher is None:
            return digest_of(path, instance.dataset_offset).dataset_sha256 == (
                instance.dataset_sha256
            )
        return _content(path, target.layout, instance.dataset_offset) == (
            instance.size,
            instance.dataset_sha256,
        )
    except (OSError, Damaged):
        return False
