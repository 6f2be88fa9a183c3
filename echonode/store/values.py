"""The values that the store takes and returns. Frozen; times are aware and in UTC.

States of deliveries and transactions are those of model/. The caller decides what to do about a
failure: the store calls `decide` inside its transaction, so that a decision and its subject become
durable together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from echonode.model.commitment import CommitmentRequest, ReferencedInstance, TransactionState
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.instance import DerivedCopy, IdentityConflict, StoredInstance

# Called with the destinations of deliveries that became due, in the thread that made them due, once
# that is durable. It is quick and raises nothing.
OnDue = Callable[[Sequence[str]], None]
# Raises Damaged where an instance's bytes have changed, OSError where the disk does not give them.
CheckBytes = Callable[[StoredInstance], None]


class StoreOutcome(StrEnum):
    """The outcome of `files.commit`; each is a C-STORE success."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # same UID, same dataset bytes: ours is whole, nothing was changed
    FILE_REPLACED = "file_replaced"  # the same, but ours was damaged or gone; now replaced


@dataclass(frozen=True, kw_only=True)
class CommitOutcome:
    """What `files.commit` did; `instance` is the one that is kept (the first, of a duplicate).

    released: destinations whose deliveries of it are due again, because its file was replaced.
    conflicts: conflicts of identity that exist now (identity_conflicts.py), known ones too.
    """

    outcome: StoreOutcome
    instance: StoredInstance
    released: tuple[str, ...] = ()
    conflicts: tuple[IdentityConflict, ...] = ()


@dataclass(frozen=True, kw_only=True)
class GivenBack:
    """What the journal said of a lost database, and what could not be given back.

    without_file: SOP Instance UIDs of instances that had deliveries and have no file any more.
    left_out: lines that are damaged, and rows that refer to what is lost.
    """

    without_file: tuple[str, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, kw_only=True)
class RecoveryReport:
    """What `Store.open` found and repaired after the last stop.

    adopted: SOP Instance UIDs of files without a row that are now in the index; those that we
    captured are queued to the `adopt_to` destinations. orphans_unread: files without a row that
    could not be read; the next start reads them again. missing: SOP Instance UIDs of rows whose
    file is gone. patients_set_right: instances that an older EchoNode showed as another patient's.
    database_rebuilt: the database was gone or damaged and was rebuilt from the files; a damaged one
    is kept next to it. without_seal: adopted files that have none, or a damaged one: what their
    rows said beyond their datasets is lost. seal_broken: SOP Instance UIDs of adopted files whose
    dataset is not what their seal says; they are marked as damaged. given_back: of a lost database.
    """

    temporary_files_removed: int = 0
    adopted: tuple[str, ...] = ()
    orphans_quarantined: int = 0
    orphans_unread: int = 0
    missing: tuple[str, ...] = ()
    deliveries_requeued: int = 0
    patients_set_right: int = 0
    database_rebuilt: bool = False
    without_seal: int = 0
    seal_broken: tuple[str, ...] = ()
    given_back: GivenBack = field(default_factory=GivenBack)

    @property
    def orphans_adopted(self) -> int:
        return len(self.adopted)

    @property
    def missing_files(self) -> int:
        return len(self.missing)


@dataclass(frozen=True, kw_only=True)
class DeliveryJob:
    """One instance for one destination.

    attempts: answers (or losses) of C-STORE so far. last_status: of the last C-STORE that was
    answered. next_attempt_at: when it is due; of a job that is `sent`, when to ask for commitment
    again. acquired_at: when the picture was taken, or else stored here; jobs go in this order.
    commitments_asked: how many transactions have named it since it was last sent;
    commitments_failed: how many reports in all named it as failed; first_asked_at: the first
    request for commitment since it was last sent. derived: the copy that was last sent instead;
    None where the instance was sent.
    """

    id: int
    destination: str
    state: DeliveryState
    attempts: int
    last_status: int | None
    last_error: str
    next_attempt_at: datetime | None
    acquired_at: datetime
    sent_at: datetime | None
    commitments_asked: int
    commitments_failed: int
    first_asked_at: datetime | None
    instance: StoredInstance
    derived: DerivedCopy | None = None

    @property
    def sent_as(self) -> ReferencedInstance:
        """The instance that the archive received, and that its proof must name."""
        given = self.derived or self.instance
        return ReferencedInstance(
            sop_class_uid=given.sop_class_uid, sop_instance_uid=given.sop_instance_uid
        )

    @property
    def sent_in(self) -> tuple[str, str]:
        """Study and Series Instance UID of `sent_as`."""
        copy = self.derived
        return (
            (copy and copy.study_instance_uid) or self.instance.study_instance_uid,
            (copy and copy.series_instance_uid) or self.instance.series_instance_uid,
        )

    @property
    def proof_remark(self) -> str:
        """What a proof of this delivery concerns, for the ledger; '' for the instance itself."""
        return f"the archive holds {self.derived.remark}" if self.derived else ""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An event for one delivery, as `Deliveries.record_attempts` takes many.

    status: of the C-STORE response, None without one. error: for the operator, no patient data.
    next_attempt_at: when it is due again; at once where the event leads to `queued` and no time is
    given. derived: the copy that was sent instead of the instance, where that was STORED.
    """

    job_id: int
    event: DeliveryEvent
    status: int | None = None
    error: str = ""
    next_attempt_at: datetime | None = None
    derived: DerivedCopy | None = None


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A storage commitment transaction of ours that has not ended.

    requested_at: when this one was made; first_requested_at: when the oldest of its instances was
    first asked for; times_asked: requests so far for the instance asked for most, this one
    included.
    """

    transaction_uid: str
    destination: str
    peer_ae_title: str
    state: TransactionState
    requested_at: datetime
    first_requested_at: datetime
    times_asked: int
    instances: int


class ReportDisposition(StrEnum):
    """The outcome of a commitment report."""

    APPLIED = "applied"  # answer 0000
    DUPLICATE = "duplicate"  # answer 0000; nothing was changed
    REFUSED = "refused"  # forged, unknown or about no instance of ours; recorded


@dataclass(frozen=True, kw_only=True)
class FailureAction:
    """What to do with a delivery that a report did not commit.

    event: NOT_COMMITTED (send again), REQUEST_LOST (only ask again) or HOLD.
    """

    event: DeliveryEvent
    next_attempt_at: datetime | None = None
    error: str = ""


# The job as it was before the report, and the Failure Reason; None where the report left it out.
DecideFailure = Callable[[DeliveryJob, int | None], FailureAction]


@dataclass(frozen=True, kw_only=True)
class ReportOutcome:
    """What `Reports.apply` did.

    committed: SOP Instance UIDs that this report made committed; derived: of each among them whose
    archive holds only a lossy or anonymised copy, the copy's. failed: each job as it is now,
    with the Failure Reason of the report; None where the report left it out or named it with
    another class. damaged: SOP Instance UIDs that the archive commits but whose bytes here have
    changed since; they are held. noted: SOP Instance UIDs of held deliveries, committed when
    they are released. committed_after_s: for each of committed, how long after it was taken.
    """

    disposition: ReportDisposition
    reason: str = ""
    destination: str = ""
    committed: tuple[str, ...] = ()
    derived: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    failed: tuple[tuple[DeliveryJob, int | None], ...] = ()
    damaged: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    committed_after_s: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InboundCommitment:
    """A commitment that a peer asked of us and that is still to be reported."""

    id: int
    peer_ae_title: str
    request: CommitmentRequest
    attempts: int
    requested_at: datetime
    next_attempt_at: datetime


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """One instance and destination, as `echonode ledger` shows it.

    destination: '' where none is configured, and then state is `captured`. replaces, replaced_by,
    rejected_by: SOP Instance UIDs, of a correction; '' where there was none. An archive that does
    not act on rejection notes goes on showing what was rejected.
    """

    sop_instance_uid: str
    sop_class_uid: str
    study_instance_uid: str
    frames: int
    destination: str
    state: str
    attempts: int
    last_error: str
    acquired_at: datetime | None
    stored_at: datetime
    committed_at: datetime | None
    replaces: str = ""
    replaced_by: str = ""
    rejected_by: str = ""


@dataclass(frozen=True, kw_only=True)
class LedgerChoice:
    """Which rows of the ledger; None does not limit. last: only the newest, newest first."""

    state: DeliveryState | None = None
    study_instance_uid: str | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < 1:
            raise ValueError("last is at least 1")
