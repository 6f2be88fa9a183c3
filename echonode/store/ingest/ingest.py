"""An instance from its first byte to its durable row.

The order that makes "stored" true, whatever happens between two steps:
1. A file is written and hashed as the bytes arrive; its seal is filled in (seal.py: what the row
   will say of it), and it is fsynced. What a peer sends is written into a file of the pool
   (files/pool.py), whose name is durable by then; a capture of our own into incoming/NAME.part.
2. A pool file gets instances/ab/cd/ID.dcm as its second name, durable later; the other one is
   renamed to that, and that folder is fsynced.
3. One database transaction holds the rows and the deliveries. Its COMMIT is fsynced; that of a new
   instance in a pool file whose seal has all of its facts may be so later: the seal has them. Where
   the instance exists already, its file is compared first, and replaced if damaged (insertion.py).
4. Only then does `commit` return, and only then may anything be acknowledged.

A node that is killed before 2 leaves a file that the next start removes, or takes in where its seal
is whole; between 2 and 3 a file without a row, which it adopts. A failure that the caller sees
(OutOfSpace) leaves nothing, with one exception: when the disk fails within the COMMIT itself, the
row may exist after a restart, so its file stays, and the next start joins the two or adopts the
file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from echonode.at_rest.file_cipher import Altered
from echonode.at_rest.writing import Scratch
from echonode.errors import Damaged, EchoNodeError, InstanceConflict, Mismatch, OutOfSpace
from echonode.model.file_head import matches_file_meta
from echonode.model.instance import (
    IdentityConflict,
    InstanceRecord,
    Origin,
    StoredInstance,
    open_bytes,
)
from echonode.model.programs import Program
from echonode.store.database.failures import CommitUncertain
from echonode.store.files.durability import Durability, Kind
from echonode.store.files.incoming_file import Incoming
from echonode.store.files.layout import FileIds, Layout
from echonode.store.files.pending_removals import PendingRemovals
from echonode.store.files.placing import drop, place
from echonode.store.files.pool import IncomingPool
from echonode.store.files.seal import SealFacts
from echonode.store.index.dataset_header import head_of
from echonode.store.index.instance_record import record_of
from echonode.store.index.writer import Insertion, NewInstance
from echonode.store.ingest.insertion import FileInserter, Inserted
from echonode.store.ingest.quarantine import Quarantine
from echonode.store.values import CheckBytes, CommitOutcome, OnDue, StoreOutcome


class InstanceFiles:
    """Takes files in. Thread-safe, except that each Incoming belongs to one thread.

    unwritable: why the disk could not be written at start; '' where it could.
    on_due: called with the destinations of deliveries that became due.
    """

    def __init__(
        self,
        *,
        layout: Layout,
        inserter: FileInserter,
        durability: Durability,
        pending_removals: PendingRemovals,
        quarantine: Quarantine,
        ids: FileIds,
        pool: IncomingPool,
        check: CheckBytes,
        on_due: OnDue,
        now: Callable[[], datetime],
        unwritable: str = "",
    ) -> None:
        self._unwritable = unwritable
        self._check = check
        self._on_due = on_due
        self._durability = durability
        self._pending_removals = pending_removals
        self._layout = layout
        self._inserter = inserter
        self._now = now
        self._quarantine = quarantine
        self._ids = ids
        self._pool = pool

    def open_incoming(
        self,
        *,
        sop_class_uid: str,
        sop_instance_uid: str,
        transfer_syntax_uid: str,
        source_ae_title: str = "",
    ) -> Incoming:
        """A temporary Part 10 file whose dataset is still to be written. Raises OutOfSpace.

        source_ae_title: the sender, for the File Meta Information; '' for our own captures.
        """
        if self._unwritable:
            raise OutOfSpace(self._unwritable)
        pooled_as = self._pool.take() if source_ae_title else ""
        layout = self._layout
        try:
            return Incoming(
                layout.pool_file(pooled_as) if pooled_as else layout.new_incoming_file(),
                sop_class_uid=sop_class_uid,
                sop_instance_uid=sop_instance_uid,
                transfer_syntax_uid=transfer_syntax_uid,
                source_ae_title=source_ae_title,
                on_refused=self._refused,
                remove=self._pending_removals.remove,
                cipher=layout.cipher,
                pooled_as=pooled_as,
            )
        except OutOfSpace as error:
            if pooled_as and isinstance(error.__cause__, FileNotFoundError):
                self._pool.forget_free()
            raise

    @property
    def scratch(self) -> Scratch:
        """For temporary files; a start removes what a crash left in it."""
        return Scratch(self._layout.incoming, self._layout.cipher)

    def check_bytes(self, instance: StoredInstance) -> None:
        """Raises Damaged when an instance's file is gone or its dataset is not what was stored."""
        self._check(instance)

    def _refused(self, error: OutOfSpace) -> None:
        self._durability.refused(Kind.FILES, error)

    def read_record(
        self,
        incoming: Incoming,
        *,
        programs: list[Program] | None = None,
        most_ratio: int | None = None,
    ) -> InstanceRecord:
        """What the index keeps of it, read from the written dataset (without its pixels).

        programs: gets the private attributes that begin as a program. most_ratio: how many times
        its size a deflated dataset may become. Raises Unreadable (answer C000), of it TrailingBytes
        where bytes follow the dataset's end; or Mismatch (A900); the caller owns the file then.
        """
        with incoming.opened() as file:
            ds = head_of(
                file,
                incoming.dataset_offset,
                incoming.transfer_syntax_uid,
                programs=programs,
                most_ratio=most_ratio,
            )
        record = record_of(ds, incoming.transfer_syntax_uid)
        _check_uids_match(incoming, record)
        return record

    def commit(
        self,
        incoming: Incoming,
        record: InstanceRecord,
        *,
        origin: Origin,
        destinations: Sequence[str],
        acquired_at: datetime | None = None,
        evidence: Mapping[str, int | str] | None = None,
        exam_id: str = "",
    ) -> CommitOutcome:
        """Make an instance durable, with one queued delivery for each destination.

        acquired_at: when the picture was taken; deliveries go in this order. evidence: facts of the
        acquisition (dropped frames and the like), kept with the row. exam_id: of the exam that it
        belongs to, for the seal of its file. The call uses up `incoming`,
        also when it fails. Raises InstanceConflict, OutOfSpace, Mismatch.
        """
        with self._reporting_to_durability():
            facts = SealFacts(
                origin=origin,
                source_ae_title=incoming.source_ae_title,
                acquired_at=acquired_at,
                stored_at=self._now(),
                evidence=evidence or {},
                destinations=tuple(dict.fromkeys(destinations)),
                exam_id=exam_id,
            )
            with ExitStack() as alone:
                try:
                    alone.enter_context(self._pool.alone(record.sop_instance_uid))
                except BaseException:
                    incoming.discard()
                    raise
                outcome = self._commit_alone(incoming, record, facts)
        self._on_due(destinations if outcome.outcome is StoreOutcome.STORED else outcome.released)
        return outcome

    def _commit_alone(
        self, incoming: Incoming, record: InstanceRecord, facts: SealFacts
    ) -> CommitOutcome:
        """The steps, while no other file under its UID goes through them."""
        uid, is_kept = record.sop_instance_uid, False
        file_id = incoming.pooled_as
        try:
            file_id = self._move_into_place(incoming, record, facts)
            conflicts: dict[IdentityConflict, None] = {}
            new = NewInstance(
                record=record,
                file_id=file_id,
                size=incoming.size,
                dataset_offset=incoming.dataset_offset,
                dataset_sha256=incoming.dataset_sha256,
                origin=facts.origin,
                source_ae_title=facts.source_ae_title,
                acquired_at=facts.acquired_at,
                stored_at=facts.stored_at,
                evidence=facts.evidence,
                destinations=facts.destinations,
                on_conflict=lambda conflict: conflicts.setdefault(conflict),
            )
            may_wait = incoming.has_whole_seal and facts.origin is Origin.RECEIVED
            inserted = self._insert(
                new,
                has_durable_name=bool(incoming.pooled_as),
                may_wait=bool(incoming.pooled_as) and may_wait and not self._pool.is_doubted(uid),
            )
            outcome = self._outcome(new, inserted)
            is_kept = inserted.kept.path == self._layout.instance_file(file_id)
        except CommitUncertain:
            is_kept = True
            self._pool.doubt(uid)
            raise
        finally:
            if incoming.pooled_as or (file_id and not is_kept):
                self._pool.ended(uid, file_id, kept=is_kept)
        return replace(outcome, conflicts=tuple(conflicts))

    @contextmanager
    def _reporting_to_durability(self) -> Iterator[None]:
        """Record whether the disk took the files."""
        try:
            yield
        except OutOfSpace as error:
            self._refused(error)
            raise
        self._durability.succeeded(Kind.FILES)

    def _move_into_place(self, incoming: Incoming, record: InstanceRecord, facts: SealFacts) -> str:
        """Steps 1 and 2; returns the file's id."""
        try:
            _check_uids_match(incoming, record)
            incoming.seal(facts, durable=self._layout.remote is None)
            file_id = incoming.pooled_as or self._ids.new()
            if incoming.pooled_as:
                self._pool.name(file_id)
            else:
                place(self._layout, file_id, incoming.path, incoming.dataset_sha256)
        except EchoNodeError:
            incoming.discard()
            raise
        return file_id

    def _insert(self, new: NewInstance, *, has_durable_name: bool, may_wait: bool) -> Inserted:
        """Step 3."""
        try:
            return self._inserter.insert(new, has_durable_name=has_durable_name, may_wait=may_wait)
        except CommitUncertain:
            self._ids.leave_folder()
            raise
        except (EchoNodeError, sa.exc.SQLAlchemyError):
            drop(self._layout, new.file_id, self._pending_removals.remove)
            self._ids.leave_folder()
            raise

    def _outcome(self, new: NewInstance, inserted: Inserted) -> CommitOutcome:
        match inserted.insertion:
            case Insertion.CONFLICT:
                put_away = self._quarantine.take(new)
                raise InstanceConflict(
                    f"{new.record.sop_instance_uid} is already stored with other bytes; {put_away}"
                )
            case Insertion.DUPLICATE:
                ours = self._layout.instance_file(new.file_id)
                if inserted.kept.path != ours:  # else another node took it for an orphan: it stays
                    drop(self._layout, new.file_id, self._pending_removals.remove)
                return CommitOutcome(outcome=StoreOutcome.DUPLICATE, instance=inserted.kept)
            case Insertion.FILE_REPLACED:
                return CommitOutcome(
                    outcome=StoreOutcome.FILE_REPLACED,
                    instance=inserted.kept,
                    released=inserted.released,
                )
            case Insertion.STORED:
                return CommitOutcome(outcome=StoreOutcome.STORED, instance=inserted.kept)


def check_bytes(instance: StoredInstance) -> None:
    """Raises Damaged when an instance's file is gone or its dataset is not what was stored.

    Also when the file names another class, instance or transfer syntax than its row: a peer
    receives those of the row, which may be damaged as well.

    Of one in object storage, the server says what it keeps. Raises OSError (of object storage
    OutOfSpace) where the bytes are not returned now: that proves nothing about them.
    """
    if instance.remote is not None:
        instance.remote.check(instance)
        return
    try:
        with open_bytes(instance) as file:
            head = file.pread(instance.dataset_offset, 0)
            file.seek(instance.dataset_offset)
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise Damaged(f"{instance.sop_instance_uid}: its file is gone") from error
    except Altered as error:
        raise Damaged(f"{instance.sop_instance_uid}: {error.strerror}") from error
    if found != instance.dataset_sha256:
        raise Damaged(f"{instance.sop_instance_uid}: its bytes are not those that were stored")
    uids = (instance.sop_class_uid, instance.sop_instance_uid, instance.transfer_syntax_uid)
    if not matches_file_meta(head, *uids):
        raise Damaged(f"{instance.sop_instance_uid}: its file and its row name different things")


def _check_uids_match(incoming: Incoming, record: InstanceRecord) -> None:
    """PS3.4 B.2.3, A9xx: the dataset is of the class and instance that the command named."""
    if record.sop_class_uid != incoming.sop_class_uid:
        raise Mismatch("SOPClassUID is not that of the command")
    if record.sop_instance_uid != incoming.sop_instance_uid:
        raise Mismatch("SOPInstanceUID is not that of the command")
