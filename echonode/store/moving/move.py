"""Moves a store: files first, compared one by one, then every row in one transaction.

Rules
- The source is only read, and stays as it is: until the move is done, it is the store.
- Files come first. A move that is interrupted leaves files without rows in the target; run again,
  it finds those that are whole and goes on. `restore.unfinished` keeps a node from starting there.
- The audit trail, a database of its own, and the key of the pseudonyms come along. Files in
  quarantine, which are evidence and no instances, come along from a disk; from object storage they
  stay where they are.
- A file that is damaged or missing in the source is named; the move ends before the rows, unless
  the caller wants the rest (`without_damaged`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from echonode.errors import Damaged, OperatorRefused, UsageError
from echonode.model.instance import StoredInstance
from echonode.store.database.connections import reading
from echonode.store.database.rows import SELECT_INSTANCE, stored_instance
from echonode.store.files.disk import fsync_folder, leave_mark, remove
from echonode.store.moving.files import have, take_pseudonyms, take_quarantine, take_trail
from echonode.store.moving.place import Place, Source, opened_source, opened_target
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
                is_new = have(old, new, instance)
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
        take_trail(old, new)
        take_quarantine(old, new)
        take_pseudonyms(old, new)
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
