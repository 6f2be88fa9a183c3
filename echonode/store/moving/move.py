"""Moves a store: files first, compared one by one, then every row in one transaction.

Rules
- The source is only read, and stays as it is: until the move is done, it is the store.
- Files come first. A move that is interrupted leaves files without rows in the target; run again,
  it finds those that are whole and goes on. `restore.unfinished` keeps a node from starting there.
- The audit trail, a database of its own, comes along. Files in quarantine, which are evidence and
  no instances, come along from a disk; from object storage they stay where they are.
- A file that is damaged or missing in the source is named; the move ends before the rows, unless
  the caller wants the rest (`without_damaged`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from echonode.errors import Damaged, OperatorRefused, UsageError
from echonode.model.instance import StoredInstance, bytes_of
from echonode.store.backup.file_copy import Digest, copy_file, digest_of
from echonode.store.backup.folder import OTHER_DATABASES
from echonode.store.backup.snapshot import take_snapshot
from echonode.store.database.connections import reading
from echonode.store.database.rows import SELECT_INSTANCE, stored_instance
from echonode.store.database.sqlite_engine import reader_engine
from echonode.store.files.disk import fsync_folder, leave_mark, make_folder, remove
from echonode.store.files.layout import file_id_of
from echonode.store.moving.place import Place, Source, Target, opened_source, opened_target
from echonode.store.moving.rows import copy_rows

_AT_ONCE = 500
_SHOWN = 5

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """files: copied by this run; there: whole from an earlier one. left_out: UIDs."""

    files: int
    there: int
    rows: int
    left_out: tuple[str, ...]


def move(
    source: Place,
    target: Place,
    *,
    now: datetime,
    without_damaged: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> Moved:
    """Move it; a node starts on the target from then on.

    Raises UsageError, OperatorRefused where a file is damaged; Damaged, OutOfSpace.
    """
    if source.data_dir.resolve() == target.data_dir.resolve():
        raise UsageError("give the new store a data_dir of its own")
    with opened_source(source, now=now) as old, opened_target(target, now=now) as new:
        leave_mark(new.layout.restore_mark)
        copied = there = 0
        left_out: list[str] = []
        instances = _instances(old)
        for number, instance in enumerate(instances, 1):
            try:
                is_new = _have(new, instance)
            except (Damaged, FileNotFoundError):
                left_out.append(instance.sop_instance_uid)
            else:
                copied, there = copied + is_new, there + (not is_new)
            progress("files", number, len(instances))
        if left_out and not without_damaged:
            raise OperatorRefused(
                f"{len(left_out)} files of the store are damaged or missing: "
                f"{', '.join(left_out[:_SHOWN])}. Have their senders send them again; or give "
                "--without-damaged, and the new store shows them as missing"
            )
        _take_trail(old, new)
        _take_quarantine(old, new)
        rows = copy_rows(
            old.readers,
            new.writer,
            place=target.words,
            progress=lambda done, total: progress("rows", done, total),
        )
        remove(new.layout.restore_mark)
        fsync_folder(new.layout.data_dir)
    return Moved(files=copied, there=there, rows=rows, left_out=tuple(left_out))


def _instances(source: Source) -> list[StoredInstance]:
    with reading(source.readers) as connection:
        return [stored_instance(row, source.layout) for row in connection.execute(SELECT_INSTANCE)]


def _take_trail(source: Source, target: Target) -> None:
    for place in OTHER_DATABASES.values():
        path, copy = source.layout.data_dir / place, target.layout.data_dir / place
        if not path.exists():
            continue
        make_folder(copy.parent)
        readers = reader_engine(path)
        try:
            take_snapshot(readers, copy)
        finally:
            readers.dispose()


def _take_quarantine(source: Source, target: Target) -> None:
    if source.layout.remote is not None:
        return
    for path in sorted(source.layout.quarantine.glob("*.dcm")):
        if (file_id := file_id_of(path)) is None:
            continue
        copy = target.layout.quarantine_file(file_id)
        copy_file(path, target.layout.new_incoming_file(), copy)
        if (remote := target.layout.remote) is not None:
            remote.keep(file_id, copy, "")
            remote.quarantine(file_id)
    fsync_folder(target.layout.quarantine)


def _have(target: Target, instance: StoredInstance) -> bool:
    """Have the file in the target, whole; whether it was copied. Raises Damaged, OutOfSpace."""
    file_id = file_id_of(instance.path) or ""
    if _is_there(target, instance, file_id):
        return False

    def compare(digest: Digest) -> None:
        if (digest.size, digest.dataset_sha256) != (instance.size, instance.dataset_sha256):
            raise Damaged("its bytes are not those that were stored")

    part = target.layout.new_incoming_file()
    whole = target.layout.new_incoming_file()
    offset, source = instance.dataset_offset, bytes_of(instance)
    if target.layout.remote is None:
        whole = target.layout.instance_file(file_id)
        make_folder(whole.parent)
    copy_file(source, part, whole, dataset_offset=offset, compare=compare)
    if target.layout.remote is None:
        fsync_folder(whole.parent)
        return True
    try:
        target.layout.remote.keep(file_id, whole, instance.dataset_sha256)
    finally:
        remove(whole)
    return True


def _is_there(target: Target, instance: StoredInstance, file_id: str) -> bool:
    if target.layout.remote is not None:
        try:
            target.layout.remote.check(instance)
        except Damaged:
            return False
        return True
    try:
        digest = digest_of(target.layout.instance_file(file_id), instance.dataset_offset)
    except (FileNotFoundError, Damaged):
        return False
    return digest.dataset_sha256 == instance.dataset_sha256
