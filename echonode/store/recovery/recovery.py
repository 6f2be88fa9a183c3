"""What a start finds and mends after any stop: a kill, a power cut, a lost database.

What comes before any listener answers (`first`), and takes a moment however much is stored:
- Temporary files are removed: later ones are uploads of this run.
- Deletions that were cut off are gone on with: files of the last tombstones, and `deleted/`. They
  can only be of the last batch; earlier ones were finished before it began.
- Files that an exam's images were in before, or were to be in, are removed (exams/naming.py).
- Deliveries that were being sent are due again: no worker may see them as another's.
- The folders that were in use at the stop (folders_in_use.py) are compared with their rows: what
  was durable and had no row yet is there, and is delivered without delay.

What may come after, beside all else, in bounded steps (`step`), and why that is safe:
- The database's pages are read where the stop was not orderly and there are too many of them to
  read first (opening.py). A damaged page that is met in use meanwhile raises IndexDamaged and
  leaves its mark (corruption_marker.py), as at any other time; a stop before all are read is not
  orderly.
- All folders are compared with their rows. A file without a row was never acknowledged while the
  database is the one that was there, so nothing answered meanwhile is untrue without it: the same
  instance sent again is stored, and the file here is found to be a second copy, or a conflict. A
  row without its file is found by whatever needs the file, as when it goes while the node runs.
- Files of this run are left out: between its rename and its COMMIT each looks like one without a
  row.
- Nothing is deleted by retention before all of it is done (Store.recycle): what decides on a
  deletion has been looked at first.

What is never left for later: all of it, where the database was made anew or is in doubt. Every file
is then one that was acknowledged, and until it is in the index again a second instance under its
UID would be taken, a query would leave it out, and a peer that asks for our commitment would be
told that we do not have it. It is measured by `echonode reindex` (some thousand files a second).

Rules
- Every step is one that may itself be cut off at any point: done again, it comes to the same.
- Files are the truth about bytes, rows about all else. A file without a row was durable when the
  node stopped: it is adopted, and delivered as if it had just come. Nobody may have been told so,
  which harms nothing.
- A file goes to quarantine only when two readings find the same fault in it. One that the disk does
  not give (EIO, no descriptor, no memory) stays where it is, and the next start reads it again.
- A row without its file is marked, never removed: it was acknowledged once.
- A deletion that was cut off is gone on with: its tombstone is durable, so its proof is.
- Files are listed before rows are read, a folder of the first level at a time: a 256th of all.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa

from echonode.errors import InvalidObject
from echonode.model.instance import Origin
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.exams.naming import remove_replaced
from echonode.store.exams.recovered import wait_in_an_exam
from echonode.store.files.disk import disk_errors, remove
from echonode.store.files.layout import Layout, file_id_of
from echonode.store.index.patient_reread import PatientReread
from echonode.store.index.writer import Insertion, NewInstance
from echonode.store.ingest.insertion import Keeping, move_to_quarantine
from echonode.store.recovery.folders_in_use import folders_in_use
from echonode.store.recovery.orphans import Orphans
from echonode.store.retention.deletion import Tombstones
from echonode.store.values import RecoveryReport

_I = schema.instance.c
_ROWS = sa.select(_I.file_id, _I.sop_instance_uid, _I.file_missing).where(
    _I.file_id >= sa.bindparam("first"), _I.file_id < sa.bindparam("after")
)
_UPDATES_AT_ONCE = 500
_FOLDERS = frozenset(f"{number:02x}" for number in range(256))


@dataclass
class _Findings:
    """What was found and done so far."""

    adopted: list[str] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)
    removed: int = 0
    quarantined: int = 0
    unread: set[str] = field(default_factory=set)
    requeued: int = 0
    moved: int = 0


class Recovery:
    """One start's recovery; used by one thread at a time.

    nobodys: what the Patient ID of a capture begins with that waits for its patient; '' none does.
    is_ours: whether a file id was given in this run. on_due: told the destinations of what was
    adopted. check: looks at another part of the database; False when nothing is left to look at.
    """

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
        *,
        nobodys: str = "",
        is_ours: Callable[[str], bool] = lambda file_id: False,
        on_due: Callable[[Sequence[str]], None] = lambda destinations: None,
        check: Callable[[], bool] = lambda: False,
    ) -> None:
        self._tombstones = tombstones
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._deliveries = deliveries
        self._keeping = keeping
        self._now = now
        self._orphans = Orphans(layout, now, adopt_to, forward_to)
        self._nobodys = nobodys
        self._is_ours = is_ours
        self._on_due = on_due
        self._reread = PatientReread(writer, readers, layout, now)
        self._findings = _Findings()
        self._on_adopted: Callable[[int], None] = lambda count: None
        self._database_made = False
        # Each is called until it answers False.
        self._steps: deque[Callable[[], bool]] = deque([check, self._compare_next, self._set_right])
        self._compared = ""  # the folders up to this one are done

    def first(
        self, *, database_made: bool, on_adopted: Callable[[int], None] = lambda count: None
    ) -> None:
        """What must be done before anybody uses the store.

        Raises OutOfSpace when the disk does not even let us look.
        """
        self._database_made = database_made
        self._on_adopted = on_adopted
        self._remove_temporary_files()
        self._tombstones.finish_latest()
        self._findings.removed += remove_replaced(
            self._writer, self._readers, self._layout, remove=remove
        )
        for folder in folders_in_use(self._readers):
            self._compare(folder)
        self._findings.requeued = self._deliveries.requeue_interrupted(now=self._now())

    def step(self) -> bool:
        """Do a bounded part of the rest; False when nothing is left.

        Raises StoreError, and the same part comes again: OutOfSpace, IndexDamaged.
        """
        if self._steps and not self._steps[0]():
            self._steps.popleft()
        return bool(self._steps)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left."""
        return not self._steps

    @property
    def report(self) -> RecoveryReport:
        """What was found so far."""
        found = self._findings
        return RecoveryReport(
            temporary_files_removed=found.removed,
            adopted=tuple(found.adopted),
            orphans_quarantined=found.quarantined,
            orphans_unread=len(found.unread),
            missing=tuple(found.missing),
            deliveries_requeued=found.requeued,
            patients_set_right=found.moved,
            # A first start makes a database too, but finds no files.
            database_rebuilt=self._database_made and bool(found.adopted),
        )

    def _remove_temporary_files(self) -> None:
        self._tombstones.empty_deleted()
        with disk_errors("to list incoming files"):
            left = list(self._layout.incoming.glob("*.part"))
            if self._layout.trial_in_place.exists():
                left.append(self._layout.trial_in_place)
        for path in left:
            remove(path)
            self._findings.removed += 1

    def _set_right(self) -> bool:
        """Whose images are, after an upgrade."""
        part = self._reread.next_part()
        if part is None:
            return False
        self._findings.moved += part.moved
        return True

    def _compare_next(self) -> bool:
        """The next folder of the first level; folders without files and rows cost nothing."""
        folder = self._next_folder()
        if folder is None:
            return False
        self._compare(folder)
        self._compared = folder
        return True

    def _next_folder(self) -> str | None:
        """The first one behind those that are done that has files or rows."""
        after = f"{self._compared}g" if self._compared else ""  # no id has a g
        with reading(self._readers) as connection:
            row = connection.scalar(sa.select(sa.func.min(_I.file_id)).where(_I.file_id > after))
        ours = [name for name in _names(self._layout.instances) if name in _FOLDERS]
        found = [name for name in ours if name > self._compared]
        return min([*found, *([row[:2]] if row is not None else [])], default=None)

    def _compare(self, folder: str) -> None:
        """The files of a folder (of the first level, or of both) with their rows."""
        files = {each for each in files_under(self._layout, folder) if not self._is_ours(each)}
        with reading(self._readers) as connection:
            bounds = {"first": folder, "after": f"{folder}g"}  # no id has a g
            found = connection.execute(_ROWS, bounds).all()
        rows = {row.file_id: row for row in found if not self._is_ours(row.file_id)}
        gone = [row for file_id, row in rows.items() if file_id not in files]
        self._findings.missing |= dict.fromkeys(row.sop_instance_uid for row in gone)
        self._mark([row.file_id for row in gone if not row.file_missing], missing=True)
        back = [id_ for id_, row in rows.items() if row.file_missing and id_ in files]
        self._mark(back, missing=False)
        for file_id in sorted(files - rows.keys()):
            self._take_orphan(file_id)

    def _is_quarantined(self, file_id: str) -> bool:
        known = sa.select(schema.quarantine.c.id).where(schema.quarantine.c.file_id == file_id)
        with reading(self._readers) as connection:
            return connection.scalar(known) is not None

    def _mark(self, file_ids: Sequence[str], *, missing: bool) -> None:
        for start in range(0, len(file_ids), _UPDATES_AT_ONCE):
            self._writer.execute(
                sa.update(schema.instance)
                .where(_I.file_id.in_(file_ids[start : start + _UPDATES_AT_ONCE]))
                .values(file_missing=missing, file_damaged=False)
            )

    def _take_orphan(self, file_id: str) -> None:
        """A file without a row: index it, remove a duplicate, or quarantine what cannot be kept."""
        if self._is_quarantined(file_id):  # cut off between the quarantine's row and the move
            move_to_quarantine(self._layout, file_id)
            return
        if self._tombstones.is_buried(file_id):  # cut off within a deletion
            self._tombstones.finish_one(file_id)
            return
        try:
            new = self._orphans.read(file_id)
            if new is None:
                self._findings.unread.add(file_id)
                return
            if self._is_nobodys(new):
                self._writer.run(
                    lambda connection: wait_in_an_exam(
                        connection,
                        new.record,
                        captured_at=new.acquired_at or new.stored_at,
                        now=self._now(),
                    )
                )
            insertion = self._keeping.settle(new).insertion
        except (InvalidObject, sa.exc.IntegrityError) as error:
            self._quarantine(file_id, f"not adopted: {type(error).__name__}")
            return
        match insertion:
            case Insertion.STORED | Insertion.FILE_REPLACED:
                self._findings.adopted.append(new.record.sop_instance_uid)
                self._on_adopted(len(self._findings.adopted))
                self._on_due(new.destinations)
            case Insertion.DUPLICATE:
                remove(self._layout.instance_file(file_id))
                self._findings.removed += 1
            case Insertion.CONFLICT:
                move_to_quarantine(self._layout, file_id)
                self._findings.quarantined += 1

    def _is_nobodys(self, new: NewInstance) -> bool:
        patient_id = new.record.patient.get("PatientID", "")
        return (
            new.origin is Origin.CAPTURED
            and bool(self._nobodys)
            and patient_id.startswith(self._nobodys)
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


def files_under(layout: Layout, prefix: str) -> Iterator[str]:
    """The ids of the instance files whose ids begin with `prefix`, of two or four characters.

    Names that are not ours are passed over.
    """
    outer = layout.instances / prefix[:2]
    for name in sorted(_names(outer)):
        if len(name) != 2 or not (prefix[:2] + name).startswith(prefix):
            continue
        for each in _names(outer / name):
            file_id = file_id_of(Path(each))
            if file_id is not None and file_id.startswith(prefix[:2] + name):
                yield file_id


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    with disk_errors("to list a folder"):
        return os.listdir(folder)  # noqa: PTH208  # names: a million Paths would cost seconds
