"""What the node does by itself: captures, deletions by retention, and settings that changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from echonode.audit.codes import Action, EventType, Kind, Media, Role
from echonode.audit.event import AuditEvent, Participant, Patient, Study
from echonode.audit.sources.dimse_events import ae
from echonode.model.identity import Peer
from echonode.store.patients.erasure import Erasure
from echonode.store.retention.deletion import Deleted

# Sections of the configuration -> what an alert about them is of; all others are of the software.
_OF_SECTION: Mapping[str, EventType] = {
    **dict.fromkeys(
        ("ae_title", "listen", "peers", "destinations", "forwarding", "hl7", "worklist", "mpps"),
        EventType.NETWORK_CONFIGURATION,
    ),
    **dict.fromkeys(("web", "audit", "admission", "alarms"), EventType.SECURITY_CONFIGURATION),
}


@dataclass(frozen=True)
class AuditedWork:
    """Takes what the node did. us: this process."""

    tell: Callable[[AuditEvent], None]
    us: Participant
    now: Callable[[], datetime]

    def captured(self, sop_instance_uid: str, probe: str) -> None:
        """An instance was made of a probe's frames."""
        self.tell(
            AuditEvent(
                at=self.now(),
                kind=Kind.ACCESS,
                action=Action.CREATE,
                description=f"captured at {probe}",
                participants=(replace(self.us, role=None, requestor=True),),
                about=(sop_instance_uid,),
            )
        )

    def printed(self, peer: Peer, uids: Sequence[str], *, by: str) -> None:
        """A film with these instances came out of a printer (A.5.3.4). by: who ordered it."""
        self.tell(
            AuditEvent(
                at=self.now(),
                kind=Kind.EXPORT,
                action=Action.READ,
                description="a film",
                participants=(
                    Participant(user=by or "unknown", requestor=True),
                    replace(self.us, role=Role.SOURCE),
                    replace(
                        ae(peer),
                        role=Role.DESTINATION_MEDIA,
                        address=peer.ae_title,
                        media=Media.FILM,
                    ),
                ),
                about=tuple(uids),
            )
        )

    def deleted(self, gone: Sequence[Deleted]) -> None:
        """Retention deleted local copies."""
        by_study: dict[tuple[str, str, str], list[Deleted]] = {}
        for each in gone:
            key = (each.patient_id, each.patient_name, each.study_instance_uid)
            by_study.setdefault(key, []).append(each)
        for (identifier, name, study), copies in by_study.items():
            classes: dict[str, tuple[str, ...]] = {}
            for copy in copies:
                known = classes.get(copy.sop_class_uid, ())
                classes[copy.sop_class_uid] = (*known, copy.sop_instance_uid)
            self.tell(
                AuditEvent(
                    at=self.now(),
                    kind=Kind.DELETE,
                    action=Action.DELETE,
                    description="local copies, whose destinations proved that they keep them",
                    participants=(replace(self.us, role=None, requestor=True),),
                    patient=Patient(id=identifier, name=name) if identifier else None,
                    studies=(Study(uid=study, instances=classes),),
                )
            )

    def erased(self, erasure: Erasure) -> None:
        """A patient was erased; the record does not say who."""
        said = ", ".join(f"{count} {name}" for name, count in erasure.counts.items())
        self.tell(
            AuditEvent(
                at=self.now(),
                kind=Kind.PATIENT,
                action=Action.DELETE,
                description=f"patient erased, number {erasure.number}: {said}",
                participants=(
                    Participant(user=erasure.by or "unknown", requestor=True),
                    replace(self.us, role=None),
                ),
            )
        )

    def configured(self, changed: Sequence[str]) -> None:
        """The configuration is another than that of the last start: the sections that changed."""
        for kind, sections in _grouped(changed):
            self.tell(
                AuditEvent(
                    at=self.now(),
                    kind=Kind.ALERT,
                    type=kind,
                    action=Action.EXECUTE,
                    description=f"changed since the last start: {', '.join(sections)}",
                    participants=(replace(self.us, role=None),),
                    subject=self.us.also.removeprefix("AETITLES="),
                )
            )


def _grouped(changed: Sequence[str]) -> Iterator[tuple[EventType, list[str]]]:
    groups: dict[EventType, list[str]] = {}
    for section in changed:
        kind = _OF_SECTION.get(section, EventType.SOFTWARE_CONFIGURATION)
        groups.setdefault(kind, []).append(section)
    yield from groups.items()


def digests_of(settings: Mapping[str, object]) -> Mapping[str, str]:
    """Section -> digest of its values: enough to see that it changed, and nothing to read."""
    return {
        name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
        for name, value in settings.items()
    }


def changed_since(before: str, now: Mapping[str, str]) -> list[str]:
    """The sections that differ. before: as `json.dumps` made it at the last start, or ''."""
    if not before:
        return []
    known = json.loads(before)
    return sorted(key for key in {*known, *now} if known.get(key) != now.get(key))
