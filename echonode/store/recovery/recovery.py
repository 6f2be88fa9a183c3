"""What a start finds and repairs after any stop: a kill, a power cut, a lost database.

What is done before any listener answers (`begin`), in a moment however much is stored:
- What was acknowledged and is in the pool alone gets its name below instances/ again, and its row
  (pooled_files.py).
- Temporary files are removed: later ones are uploads of this run.
- Interrupted deletions continue: files of the last tombstones, and `deleted/`. They belong to the
  last batch; earlier ones were finished before it began.
- Files that an exam's images were in before, or were to be in, are removed (exams/naming.py).
- Deliveries that were being sent are due again: no worker may take them for another's.
- The folders that were in use at the stop (folders_in_use.py) are compared with their rows: a file
  that was durable and had no row yet is there, and is delivered without delay.

What may come later, during normal operation, in bounded steps (`step`), and why that is safe:
- The database's pages are read where the stop was not orderly and they are too many to read first
  (opening.py). A damaged page that is found in use before that raises IndexDamaged and leaves its
  mark (corruption_marker.py), as at any other time; a stop before all are read is not orderly.
- All folders are compared with their rows. With an old database, a file without a row was never
  acknowledged, so no answer is wrong without it: the same instance sent again is stored, and the
  file here is found to be a second copy, or a conflict. A row without its file is found by whatever
  needs the file, as when it disappears while the node runs.
- Files of this run are skipped: between its rename and its COMMIT each looks like one without a
  row.
- Retention deletes nothing before all of it is done (Retention.recycle): its decisions need
  complete data.

Nothing is left for later where the database was made again or is marked corrupt. Every file is then
one that was acknowledged, and until it is in the index again a second instance under its UID would
be accepted, a query would omit it, and a peer that asks for our commitment would be refused. The
duration is that of `echonode reindex` (some thousand files a second).

Rules
- Every step may itself be interrupted at any point: done again, it has the same result.
- Files are the truth about bytes, rows about everything else. A file without a row was durable when
  the node stopped: it is adopted, and delivered as if it had just come. Its sender may not have
  been answered, which does no harm.
- A file goes to quarantine only when two readings find the same fault in it. One that the disk does
  not return (EIO, no descriptor, no memory) stays where it is, and the next start reads it again.
- A row without its file is marked, never removed: it was acknowledged once.
- An interrupted deletion continues: its tombstone is durable, so its proof is.
- Several nodes on one folder: only what is this node's is found at its start, by its name. A file
  without a row that is younger than SETTLED_S may be another's, on its way to its COMMIT, and is
  left; a row whose file came after the listing is looked for once more.
- Files are listed before rows are read (listing.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import InvalidObject
from echonode.model.instance import Origin
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.page_check import DatabaseCheck
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.exams.naming import remove_replaced
from echonode.store.exams.recovered import wait_in_an_exam
from echonode.store.files.disk import disk_errors, remove
from echonode.store.files.layout import FileIds, Layout
from echonode.store.files.placing import drop, is_there
from echonode.store.index.patient_reread import PatientReread
from echonode.store.index.writer import Insertion, NewInstance
from echonode.store.ingest.insertion import FileInserter, move_to_quarantine
from echonode.store.ingest.pooled_files import PooledFiles
from echonode.store.nodes.membership import Membership
from echonode.store.recovery.folders_in_use import folders_in_use
from echonode.store.recovery.listing import Listing
from echonode.store.recovery.orphans import AdoptionPlan, Orphans, has_seal
from echonode.store.recovery.past import Past
from echonode.store.retention.deletion import Deletions
from echonode.store.values import GivenBack, OnDue, RecoveryReport

_instance = schema.instance.c
_ROWS = sa.select(_instance.file_id, _instance.sop_instance_uid, _instance.file_missing).where(
    _instance.file_id >= sa.bindparam("first"), _instance.file_id < sa.bindparam("after")
)
_UPDATES_AT_ONCE = 500


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
    without_seal: int = 0
    seal_broken: list[str] = field(default_factory=list)
    given_back: GivenBack = field(default_factory=GivenBack)


class Recovery:
    """One start's recovery; used by one thread at a time.

    ids: knows which file ids were given in this run. on_due: called with the destinations of what
    was adopted. check: reads the database's pages where the start did not. waiting_prefix: what the
    Patient ID of a capture begins with that waits for its patient; '' where none waits.
    """

    def __init__(
        self,
        *,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        deliveries: Deliveries,
        inserter: FileInserter,
        deletions: Deletions,
        ids: FileIds,
        nodes: Membership,
        check: DatabaseCheck,
        plan: AdoptionPlan,
        on_due: OnDue,
        now: Callable[[], datetime],
        waiting_prefix: str = "",
    ) -> None:
        self._deletions = deletions
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._deliveries = deliveries
        self._inserter = inserter
        self._now = now
        self._orphans = Orphans(layout, now, plan)
        self._on_adopted = plan.on_adopted
        self._ids = ids
        self._nodes = nodes
        self._listing = Listing(layout, readers, is_shared=lambda: nodes.is_shared, now=now)
        self._waiting_prefix = waiting_prefix
        self._on_due = on_due
        self._check = check
        self._reread = PatientReread(writer, readers, layout, now)
        self._findings = _Findings()
        self._database_made = False
        # Each is called until it returns False. Empty for a store that can only be read.
        self._steps: deque[Callable[[], bool]] = deque()
        self._compared = ""  # the folders up to this one are done

    def begin(self, *, database_made: bool) -> None:
        """What must be done before the store is used.

        Raises OutOfSpace when the disk cannot be read.
        """
        self._steps.extend([self._check.step, self._compare_next, self._set_right])
        self._database_made = database_made
        pooled = PooledFiles(self._layout)
        folders = pooled.bring_back()
        self._findings.removed += pooled.removed
        self._findings.unread |= set(pooled.unread)
        self._remove_temporary_files()
        self._deletions.finish_latest()
        if self._nodes.nodes == 1:  # else it may be what another writes just now
            self._findings.removed += remove_replaced(
                self._writer, self._readers, self._layout, remove=remove
            )
        in_use = folders_in_use(self._readers, self._layout.node)
        for folder in dict.fromkeys([*in_use, *sorted(folders)]):
            self._compare(folder, is_ours=True)
        pooled.end()
        self._findings.requeued = self._deliveries.requeue_interrupted()

    @property
    def is_shared(self) -> bool:
        """Whether other nodes may keep instances in the same place (object storage)."""
        return self._layout.remote is not None

    def given_back(self, found: GivenBack) -> None:
        """What the journal had of the lost database, for the report."""
        self._findings.given_back = found

    def look_again(self) -> None:
        """Have `step` compare all folders once more: what was too young may be taken in by now."""
        self._compared = ""
        self._steps.append(self._compare_next)

    def step(self) -> bool:
        """Do a bounded part of the rest; False when nothing is left.

        Raises StoreError, and the same part comes again: OutOfSpace, IndexDamaged.
        """
        if self._steps and not self._steps[0]():
            self._steps.popleft()
        if not self._steps:
            self._ids.forget_given()
        return bool(self._steps)

    def stop(self) -> None:
        """Interrupt the part under way where it is a long one; from any thread."""
        self._check.stop()

    @property
    def is_running(self) -> bool:
        """Whether `step` has still something to do."""
        return bool(self._steps)

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
            without_seal=found.without_seal,
            seal_broken=tuple(found.seal_broken),
            given_back=found.given_back,
        )

    def _remove_temporary_files(self) -> None:
        self._deletions.empty_deleted()
        with disk_errors("to list incoming files"):
            left = list(self._layout.incoming.glob("*.part"))
            if self._layout.trial_in_place.exists():
                left.append(self._layout.trial_in_place)
        for path in left:
            remove(path)
            self._findings.removed += 1

    def _set_right(self) -> bool:
        """Move images to their own patients, after an upgrade."""
        part = self._reread.next_part()
        if part is None:
            return False
        self._findings.moved += part.moved
        return True

    def _compare_next(self) -> bool:
        """Compare the next folder of the first level; empty ones without rows cost nothing."""
        folder = self._listing.folder_after(self._compared)
        if folder is None:
            return False
        self._compare(folder)
        self._compared = folder
        return True

    def _compare(self, folder: str, *, is_ours: bool = False) -> None:
        """Compare the files of a folder (of the first level, or of both) with their rows.

        is_ours: no other node writes into it.
        """
        listed = self._listing.files(folder, young_too=self._database_made)
        files = {each for each in listed if not self._ids.is_given(each)}
        with reading(self._readers) as connection:
            bounds = {"first": folder, "after": f"{folder}g"}  # no id has a g
            found = connection.execute(_ROWS, bounds).all()
        rows = {row.file_id: row for row in found if not self._ids.is_given(row.file_id)}
        gone = [row for file_id, row in rows.items() if file_id not in files]
        if self._nodes.is_shared or self._layout.remote is not None:  # put since they were listed
            gone = [row for row in gone if not is_there(self._layout, row.file_id)]
        self._findings.missing |= dict.fromkeys(row.sop_instance_uid for row in gone)
        self._mark([row.file_id for row in gone if not row.file_missing], missing=True)
        back = [id_ for id_, row in rows.items() if row.file_missing and id_ in files]
        self._mark(back, missing=False)
        for file_id in sorted(files - rows.keys()):
            if is_ours or self._database_made or self._listing.is_settled(file_id):
                self._take_orphan(file_id)

    def _is_quarantined(self, file_id: str) -> bool:
        known = sa.select(schema.quarantine.c.id).where(schema.quarantine.c.file_id == file_id)
        with reading(self._readers) as connection:
            return connection.scalar(known) is not None

    def _mark(self, file_ids: Sequence[str], *, missing: bool) -> None:
        for start in range(0, len(file_ids), _UPDATES_AT_ONCE):
            self._writer.execute(
                sa.update(schema.instance)
                .where(_instance.file_id.in_(file_ids[start : start + _UPDATES_AT_ONCE]))
                .values(file_missing=missing, file_damaged=False)
            )

    def _take_orphan(self, file_id: str) -> None:
        """A file without a row: index it, remove a duplicate, or quarantine what cannot be kept."""
        if self._is_quarantined(file_id):  # interrupted between the quarantine's row and the move
            move_to_quarantine(self._layout, file_id)
            return
        if self._deletions.has_tombstone(file_id):  # interrupted within a deletion
            self._deletions.finish_one(file_id)
            return
        try:
            new = self._orphans.read(file_id)
            if new is None:
                self._findings.unread.add(file_id)
                return
            if self._waits(new):
                self._writer.run(
                    lambda connection: wait_in_an_exam(
                        connection,
                        new.record,
                        captured_at=new.acquired_at or new.stored_at,
                        now=self._now(),
                    )
                )
            past = Past(new, self._readers, now=self._now()) if self._database_made else None
            insertion = self._inserter.insert(past.new if past else new).insertion
        except (InvalidObject, sa.exc.IntegrityError) as error:
            self._quarantine(file_id, f"not adopted: {type(error).__name__}")
            return
        if past is not None and past.later_file_id:
            move_to_quarantine(self._layout, past.later_file_id)
            self._findings.quarantined += 1
        self._note(insertion, new)

    def _note(self, insertion: Insertion, new: NewInstance) -> None:
        """What became of a file without a row; one that is not kept leaves its place."""
        match insertion:
            case Insertion.STORED | Insertion.FILE_REPLACED:
                self._findings.adopted.append(new.record.sop_instance_uid)
                self._findings.without_seal += not has_seal(new)
                if new.damaged:
                    self._findings.seal_broken.append(new.record.sop_instance_uid)
                self._on_adopted(len(self._findings.adopted))
                self._on_due(new.destinations)
            case Insertion.DUPLICATE:
                drop(self._layout, new.file_id)
                self._findings.removed += 1
            case Insertion.CONFLICT:
                move_to_quarantine(self._layout, new.file_id)
                self._findings.quarantined += 1

    def _waits(self, new: NewInstance) -> bool:
        patient_id = new.record.patient.get("PatientID", "")
        return (
            new.origin is Origin.CAPTURED
            and bool(self._waiting_prefix)
            and patient_id.startswith(self._waiting_prefix)
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
