"""What needs a person: pure conclusions from what the parts say of themselves.

Rules
- An alarm is something that does not end by itself, or should have ended by now. It does not make
  the node unready: with an unreachable archive it goes on taking exams, which is what it is for.
  What keeps it from taking an exam is a check (status.py), and answers 503; it is an alarm as well.
- Each has a name that stays the same while its text changes, so that it is raised and cleared once.
- No patient data: names of destinations, counts, times.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from echonode.audit.status import AuditStatus
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import ConflictKind, IdentityConflict
from echonode.monitoring.encryption_alarms import EncryptionFacts, encryption_alarms
from echonode.store.ingest.quarantine import MOST_QUARANTINED
from echonode.store.statistics import DestinationStatistics, StoreStatistics
from echonode.web.health import Alarm

# An archive that reports at night is not late before the next night.
LATE_AFTER = timedelta(hours=24)
# How long a forged report is an alarm; it stays on record.
REFUSED_REPORTS_FOR = timedelta(hours=24)
# A receiver that is restarted or moved is back by then.
AUDIT_LATE_AFTER = timedelta(hours=1)
_STUDIES_NAMED = 5  # by UID in one alarm's text


_FULL = "; it is full, and what comes under a known UID with other bytes is not kept any more"

INDEX_DAMAGED = Alarm(
    name="index_damaged",
    text="the database (index.sqlite) was found damaged while it was used: restart the node. It is "
    "checked whole then, and if it is damaged rebuilt from the stored files, which are not "
    "touched, and everything is delivered again",
)


INDEX_GONE = Alarm(
    name="index_gone",
    text="the database (index.sqlite) was removed or replaced while the node uses it: restart the "
    "node. What is stored now goes into the file that was removed; the next start takes the stored "
    "files in again, and delivers again what we captured",
)


@dataclass(frozen=True, kw_only=True)
class DestinationFacts:
    """A destination."""

    name: str
    commitment: CommitmentPolicy
    status: DeliveryStatus
    statistics: DestinationStatistics

    @property
    def oldest_unproved(self) -> datetime | None:
        """When the picture was taken that waits longest for the proof wanted; held ones count."""
        done = DeliveryState.SENT if self.commitment is CommitmentPolicy.NONE else None
        return min(
            (at for state, at in self.statistics.oldest.items() if state != done), default=None
        )


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The node at one moment. disk_problem: why no exam may begin; call_back: AE, host and port.

    index_corrupt: the database was found damaged since the node started. index_gone: it is not the
    file that is open. refusing: why nothing can be stored, '' when the last writes were durable.
    frameless_probes: name of a probe that is connected and brings no image -> in words. conflicts:
    of identity, not acknowledged yet. held_steps: peer -> procedure steps that it refused.
    merged_exams: ids of those that wait for a correction, since their patient was merged into
    another after something was captured. encryption: None where nothing is to be encrypted.
    """

    destinations: Sequence[DestinationFacts]
    store: StoreStatistics
    quarantined: int
    disk_problem: str
    call_back: str
    index_corrupt: bool = False
    frameless_probes: Mapping[str, str] = field(default_factory=dict)
    index_gone: bool = False
    refusing: str = ""
    conflicts: Sequence[IdentityConflict] = ()
    held_steps: Mapping[str, int] = field(default_factory=dict)
    merged_exams: Sequence[str] = ()
    audit: AuditStatus = field(default_factory=AuditStatus)
    encryption: EncryptionFacts | None = None


def alarms_of(facts: Facts, now: datetime) -> tuple[Alarm, ...]:
    """Every alarm that stands at `now`."""
    return (
        *_of_the_store(facts),
        *(
            Alarm(name=f"no_images:{probe}", text=f"{probe}: {problem}")
            for probe, problem in facts.frameless_probes.items()
        ),
        *_of_identity(facts.conflicts),
        *_of_steps(facts.held_steps),
        *_of_merges(facts.merged_exams),
        *of_audit(facts.audit, now),
        *encryption_alarms(facts.encryption),
        *(alarm for at in facts.destinations for alarm in _of(at, facts.call_back, now)),
    )


def of_audit(audit: AuditStatus, now: datetime) -> Iterator[Alarm]:
    """What of the audit trail needs a person."""
    recording, sending = audit.recording, audit.sending
    if recording.problem:
        yield Alarm(
            name="audit",
            text=f"nothing is recorded in the audit trail: {recording.problem}. "
            + (
                "Raise `audit.limit_mib`, or make the receiver reachable"
                if recording.full
                else "The events of now wait in memory; free the disk"
            ),
        )
    if recording.lost:
        yield Alarm(
            name="audit_lost",
            text=f"{_counted(recording.lost, 'event has', 'events have')} no record in the audit "
            "trail since the start: the alarm `audit` or the log says why",
        )
    if sending is not None and sending.since and now - sending.since >= AUDIT_LATE_AFTER:
        yield Alarm(
            name="audit_unsent",
            text=f"{_counted(sending.unsent, 'audit record waits', 'audit records wait')} for the "
            f"receiver, the oldest for {_hours(now - sending.since)} h"
            + (f": {sending.problem}" if sending.problem else ""),
        )


def _of_steps(held: Mapping[str, int]) -> Iterator[Alarm]:
    for peer, count in held.items():
        if count:
            steps = _counted(count, "procedure step", "procedure steps")
            yield Alarm(
                name=f"procedure_steps:{peer}",
                text=f"{peer} refused {steps}, and they are not sent any more: "
                "procedure_step_held in the log says why, and what to do; then restart the node",
            )


def _of_the_store(facts: Facts) -> Iterator[Alarm]:
    store = facts.store
    if facts.index_corrupt:
        yield INDEX_DAMAGED
    if facts.index_gone:
        yield INDEX_GONE
    if facts.refusing:
        yield Alarm(
            name="refusing",
            text=f"nothing can be stored: {facts.refusing}. Senders get A700: send later",
        )
    if store.missing_files:
        gone = _counted(store.missing_files, "stored file is", "stored files are")
        yield Alarm(
            name="missing_files",
            text=f"{gone} gone from the disk: have their senders send them again, or restore them "
            "from a backup and run `echonode reindex`",
        )
    if store.damaged_files:
        damaged = _counted(store.damaged_files, "file is", "files are")
        yield Alarm(
            name="damaged_files",
            text=f"{damaged} not what was stored any more (in the log: `file_damaged`): have their "
            "senders send them again, or restore them from a backup and run `echonode reindex`; "
            "and look for a failing disk",
        )
    if facts.quarantined:
        files = _counted(facts.quarantined, "file is", "files are")
        yield Alarm(
            name="quarantine",
            text=f"{files} in quarantine (unreadable, or other bytes under a known UID): review "
            "them and remove them from the folder `quarantine`"
            + _FULL
            * (facts.quarantined >= MOST_QUARANTINED),
        )
    if facts.disk_problem:
        yield Alarm(name="disk", text=facts.disk_problem)
    if store.refused_reports:
        reports = _counted(
            store.refused_reports, "commitment report was", "commitment reports were"
        )
        yield Alarm(
            name="refused_reports",
            text=f"{reports} rejected in the last day: from the wrong AE, or for no request of "
            "ours; the log has each",
        )
    if store.kept_after_warning:
        instances = _counted(store.kept_after_warning, "instance was", "instances were")
        yield Alarm(
            name="stored_with_warning",
            text=f"{instances} stored with a warning (B006, B007), and the copies here are kept: "
            "compare them at the archive, then run `echonode release`",
        )


# kind -> name of the alarm, and what is so.
_CONFLICTS = {
    ConflictKind.STUDY: (
        "patient_conflict",
        "hold images of several patients: each is kept as a study of its own patient",
    ),
    ConflictKind.SERIES: (
        "series_conflict",
        "hold a Series Instance UID that another study holds too: each keeps its own series",
    ),
    ConflictKind.PATIENT: (
        "name_conflict",
        "came under a Patient ID that came with another person's name or birth date before",
    ),
}


def _of_merges(exams: Sequence[str]) -> Iterator[Alarm]:
    """What was captured before a merge is never changed without a person."""
    if exams:
        counted = _counted(len(exams), "exam was", "exams were")
        yield Alarm(
            name="patient_merged",
            text=f"the patient of {counted} merged into another after images were taken: correct "
            "them (`echonode exam correct`), so that the archive learns of it",
            about=_named(exams),
        )


def _of_identity(conflicts: Sequence[IdentityConflict]) -> Iterator[Alarm]:
    """One alarm for each kind, with the Study Instance UIDs that a person looks for."""
    for kind, (name, text) in _CONFLICTS.items():
        studies = [each.study_instance_uid for each in conflicts if each.kind is kind]
        if studies:
            yield Alarm(
                name=name,
                text=f"{len(studies)} studies {text}. Find out at the sender whose images they "
                "are, then `echonode acknowledge STUDY_UID`",
                about=_named(studies),
            )


def _named(uids: Sequence[str]) -> tuple[str, ...]:
    more = ("and more",) if len(uids) > _STUDIES_NAMED else ()
    return (*uids[:_STUDIES_NAMED], *more)


def _of(at: DestinationFacts, call_back: str, now: datetime) -> Iterator[Alarm]:
    if at.status.unreachable:
        yield Alarm(name=f"unreachable:{at.name}", text=f"{at.name}: {at.status.unreachable}")
    if at.status.stalled:
        yield Alarm(name=f"delivery_stalled:{at.name}", text=f"{at.name}: {at.status.stalled}")
    if at.status.unpromising:
        yield Alarm(name=f"commitment:{at.name}", text=f"{at.name}: {at.status.unpromising}")
    if held := at.statistics.held:
        yield Alarm(
            name=f"held:{at.name}",
            text=f"{at.name}: {_counted(held, 'delivery is', 'deliveries are')} held; "
            "`echonode ledger --state held` says why, "
            f"`echonode release --destination {at.name} --all` queues them again",
        )
    unreported = at.statistics.unreported_since
    if unreported is not None and now - unreported >= LATE_AFTER:
        yield Alarm(
            name=f"unreported:{at.name}",
            text=f"{at.name}: asked for commitment {_hours(now - unreported)} h ago, and no report "
            f"came; it must be able to call {call_back}",
        )
    oldest = at.oldest_unproved
    if oldest is not None and now - oldest >= LATE_AFTER:
        yield Alarm(
            name=f"late:{at.name}",
            text=f"{at.name}: the oldest image that is not {_proof(at.commitment)} is "
            f"{_hours(now - oldest)} h old",
        )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _proof(commitment: CommitmentPolicy) -> str:
    """The proof that is wanted of a delivery, as a participle."""
    return {
        CommitmentPolicy.REQUIRED: "committed",
        CommitmentPolicy.VERIFY: "verified",
        CommitmentPolicy.NONE: "sent",
    }[commitment]


def _hours(duration: timedelta) -> int:
    return int(duration / timedelta(hours=1))
