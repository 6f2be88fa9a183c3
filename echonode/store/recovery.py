"""What a start finds and mends after any stop: a kill, a power cut, a lost database.

Rules
- Every step is one that may itself be cut off at any point: done again, it comes to the same.
- Files are the truth about bytes, rows about all else. A file without a row was durable when the
  node stopped: it is adopted, and delivered as if it had just come. Nobody may have been told so,
  which harms nothing.
- A file goes to quarantine only when two readings find the same fault in it. One that the disk does
  not give (EIO, no descriptor, no memory) stays where it is, and the next start reads it again.
- A row without its file is marked, never removed: it was acknowledged once.
- A deletion that was cut off is gone on with: its tombstone is durable, so its proof is.
- Files and rows are compared as two sorted streams; a million of them take no memory.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

from echonode.errors import InvalidObject, OutOfSpace
from echonode.model.instance import Origin
from echonode.store import schema
from echonode.store.database import Writer, reading
from echonode.store.dataset_reader import read_stored_head
from echonode.store.deliveries import Deliveries
from echonode.store.disk import disk_errors, remove
from echonode.store.index_writer import Insertion, NewInstance
from echonode.store.keeping import Keeping, move_to_quarantine
from echonode.store.layout import Layout, file_id_of
from echonode.store.patient_reread import PatientReread
from echonode.store.record import record_of
from echonode.store.tombstones import Tombstones
from echonode.store.values import RecoveryReport

_I = schema.instance.c
_ROWS = sa.select(_I.file_id, _I.sop_instance_uid, _I.file_missing).order_by(_I.file_id)
_UPDATES_AT_ONCE = 500
_READINGS = 3  # of a file without a row: two that find the same, and one that the disk spoiled


@dataclass
class _Findings:
    """What was found and done so far."""

    adopted: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    found_again: list[str] = field(default_factory=list)
    removed: int = 0
    quarantined: int = 0
    unread: int = 0
    moved: int = 0


class Recovery:
    """One start's recovery; runs before anybody else uses the store."""

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        deliveries: Deliveries,
        keeping: Keeping,
        now: Callable[[], datetime],
        adopt_to: Sequence[str],
        tombstones: Tombstones,
        forward_to: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._tombstones = tombstones
        self._reread = PatientReread(writer, readers, layout, now)
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._deliveries = deliveries
        self._keeping = keeping
        self._now = now
        self._adopt_to = tuple(adopt_to)
        self._forward_to = forward_to
        self._findings = _Findings()
        self._on_adopted: Callable[[int], None] = lambda count: None

    def run(
        self, *, database_made: bool, on_adopted: Callable[[int], None] = lambda count: None
    ) -> RecoveryReport:
        """Mend everything; raises OutOfSpace when the disk does not even let us look."""
        self._on_adopted = on_adopted
        self._remove_temporary_files()
        self._compare_files_with_rows()
        while (part := self._reread.next_part()) is not None:
            self._findings.moved += part.moved
        requeued = self._deliveries.requeue_interrupted(now=self._now())
        return RecoveryReport(
            temporary_files_removed=self._findings.removed,
            adopted=tuple(self._findings.adopted),
            orphans_quarantined=self._findings.quarantined,
            orphans_unread=self._findings.unread,
            missing=tuple(self._findings.missing),
            deliveries_requeued=requeued,
            patients_set_right=self._findings.moved,
            # A first start makes a database too, but finds no files.
            database_rebuilt=database_made and bool(self._findings.adopted),
        )

    def _remove_temporary_files(self) -> None:
        self._tombstones.empty_deleted()
        with disk_errors("to list incoming files"):
            for path in self._layout.incoming.glob("*.part"):
                remove(path)
                self._findings.removed += 1

    def _compare_files_with_rows(self) -> None:
        """A merge of two streams in order of file id."""
        quarantined = self._quarantined()
        marked: list[str] = []
        with reading(self._readers) as connection:
            rows = iter(connection.execution_options(yield_per=1000).execute(_ROWS))
            files = files_in_order(self._layout)
            row, file = next(rows, None), next(files, None)
            while row is not None or file is not None:
                if row is None or (file is not None and file < row.file_id):
                    assert file is not None  # the loop's condition
                    self._take_orphan(file, quarantined)
                    file = next(files, None)
                elif file is None or row.file_id < file:
                    self._findings.missing.append(row.sop_instance_uid)
                    if not row.file_missing:
                        marked.append(row.file_id)
                    row = next(rows, None)
                else:
                    if row.file_missing:
                        self._findings.found_again.append(row.file_id)
                    row, file = next(rows, None), next(files, None)
        self._mark(marked, missing=True)
        self._mark(self._findings.found_again, missing=False)

    def _quarantined(self) -> frozenset[str]:
        with reading(self._readers) as connection:
            return frozenset(connection.execute(sa.select(schema.quarantine.c.file_id)).scalars())

    def _mark(self, file_ids: Sequence[str], *, missing: bool) -> None:
        for start in range(0, len(file_ids), _UPDATES_AT_ONCE):
            self._writer.execute(
                sa.update(schema.instance)
                .where(_I.file_id.in_(file_ids[start : start + _UPDATES_AT_ONCE]))
                .values(file_missing=missing, file_damaged=False)
            )

    def _take_orphan(self, file_id: str, quarantined: frozenset[str]) -> None:
        """A file without a row: index it, remove a duplicate, or quarantine what cannot be kept."""
        if file_id in quarantined:  # cut off between the quarantine's row and the move
            move_to_quarantine(self._layout, file_id)
            return
        if self._tombstones.is_buried(file_id):  # cut off within a deletion
            self._tombstones.finish_one(file_id)
            return
        try:
            new = self._read_orphan(file_id)
            if new is None:
                self._findings.unread += 1
                return
            insertion = self._keeping.settle(new).insertion
        except (InvalidObject, sa.exc.IntegrityError) as error:
            self._quarantine(file_id, f"not adopted: {type(error).__name__}")
            return
        match insertion:
            case Insertion.STORED | Insertion.FILE_REPLACED:
                self._findings.adopted.append(new.record.sop_instance_uid)
                self._on_adopted(len(self._findings.adopted))
            case Insertion.DUPLICATE:
                remove(self._layout.instance_file(file_id))
                self._findings.removed += 1
            case Insertion.CONFLICT:
                move_to_quarantine(self._layout, file_id)
                self._findings.quarantined += 1

    def _read_orphan(self, file_id: str) -> NewInstance | None:
        """What a file without a row says of itself; None where the disk does not give it just now.

        Raises InvalidObject when two readings find the same fault.
        """
        found = ""
        for _ in range(_READINGS):
            try:
                return self._new_instance(file_id)
            except InvalidObject as error:
                earlier, found = found, f"{type(error).__name__}: {error}"
                if found == earlier:
                    raise
            except OutOfSpace:
                found = ""
        return None

    def _new_instance(self, file_id: str) -> NewInstance:
        """Raises InvalidObject, OutOfSpace when the disk fails."""
        path = self._layout.instance_file(file_id)
        head = read_stored_head(path)
        record = record_of(head.ds, head.transfer_syntax_uid)
        with disk_errors("to read a file"), path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(head.dataset_offset)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # What peers sent us carries their AE title in its meta information; what we captured none.
        origin = Origin.RECEIVED if head.source_ae_title else Origin.CAPTURED
        return NewInstance(
            record=record,
            file_id=file_id,
            size=status.st_size,
            dataset_offset=head.dataset_offset,
            dataset_sha256=digest,
            origin=origin,
            source_ae_title=head.source_ae_title,
            acquired_at=None,
            # Also when it is due: a clock that was set back since must not keep it waiting.
            stored_at=min(datetime.fromtimestamp(status.st_mtime, UTC), self._now()),
            evidence={"adopted": "file without a row"},
            destinations=tuple(self._forward_to.get(head.source_ae_title, ()))
            if head.source_ae_title
            else self._adopt_to,
        )

    def _quarantine(self, file_id: str, reason: str) -> None:
        values = {
            "file_id": file_id,
            "sop_instance_uid": "",
            "dataset_sha256": "",
            "source_ae_title": "",
            "reason": reason,
            "quarantined_at": self._now(),
        }
        self._writer.execute(sa.insert(schema.quarantine).values(values))
        move_to_quarantine(self._layout, file_id)
        self._findings.quarantined += 1


def files_in_order(layout: Layout) -> Iterator[str]:
    """The ids of all instance files, ascending; names that are not ours are passed over."""
    for outer in _folders(layout.instances):
        for inner in _folders(outer):
            ids = [file_id_of(Path(name)) for name in _names(inner)]
            prefix = outer.name + inner.name
            yield from sorted(name for name in ids if name is not None and name.startswith(prefix))


def _folders(folder: Path) -> list[Path]:
    return [folder / name for name in sorted(_names(folder)) if len(name) == 2]


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with disk_errors("to list a folder"):
        return os.listdir(folder)  # noqa: PTH208  # names: a million Paths would cost seconds
