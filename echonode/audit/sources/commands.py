"""What a person does by a command, as audit events; the inbox (trail/inbox.py) takes them.

put(data_dir, exported(...))
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from echonode.audit.codes import Action, EventType, Kind, Media, Role
from echonode.audit.event import AuditEvent, Participant, Patient, Query


def this_user() -> Participant:
    """Who runs the command, by the name of the account on this machine."""
    number = os.getuid()
    try:
        name = pwd.getpwuid(number).pw_name
    except KeyError:
        name = str(number)
    return Participant(user=name, requestor=True, address=socket.gethostname())


def trail_used(trail: Path, done: str, *, at: datetime) -> AuditEvent:
    """The audit trail was searched or verified (PS3.15 A.5.3.2)."""
    return AuditEvent(
        at=at,
        kind=Kind.AUDIT,
        action=Action.READ,
        description=done,
        participants=(this_user(),),
        subject=trail.absolute().as_uri(),
    )


def exported(
    uids: Sequence[str], target: str, *, at: datetime, media: Media = Media.URI, what: str = ""
) -> AuditEvent:
    """Instances left as files (A.5.3.4). uids: of instances, or a study. target: where they went,
    as a URI or a medium's label. what: in which form.
    """
    return _on_media(Kind.EXPORT, uids, target, at=at, media=media, what=what)


def patient_exported(patient_id: str, target: str, *, at: datetime) -> AuditEvent:
    """All that is held of a patient left as files."""
    event = _on_media(
        Kind.EXPORT, (), target, at=at, media=Media.URI, what="all that is held of the patient"
    )
    return replace(event, patient=Patient(id=patient_id))


def imported(
    uids: Sequence[str], source: str, *, at: datetime, media: Media = Media.URI, what: str = ""
) -> AuditEvent:
    """Instances came as files (A.5.3.5)."""
    return _on_media(Kind.IMPORT, uids, source, at=at, media=media, what=what)


def _on_media(
    kind: Kind, uids: Sequence[str], place: str, *, at: datetime, media: Media, what: str
) -> AuditEvent:
    leaving = kind is Kind.EXPORT
    user = this_user()
    return AuditEvent(
        at=at,
        kind=kind,
        action=Action.READ if leaving else Action.CREATE,
        description=what,
        participants=(
            Participant(
                user=user.user,
                requestor=True,
                address=user.address,
                role=Role.SOURCE if leaving else Role.DESTINATION,
            ),
            Participant(
                user=place,
                role=Role.DESTINATION_MEDIA if leaving else Role.SOURCE_MEDIA,
                address=place,
                media=media,
            ),
        ),
        about=tuple(uids),
    )


def users_changed(name: str, change: str, *, at: datetime) -> AuditEvent:
    """A user was added, changed or removed while the node was stopped."""
    return AuditEvent(
        at=at,
        kind=Kind.ALERT,
        type=EventType.USER_SECURITY_CHANGED,
        action=Action.EXECUTE,
        description=change,
        participants=(this_user(),),
        subject=name,
    )


def ledger_shown(keys: str, *, at: datetime) -> AuditEvent:
    """The delivery status of instances was listed, as `GET /api/ledger` does. keys: of which."""
    return AuditEvent(
        at=at,
        kind=Kind.QUERY,
        action=Action.EXECUTE,
        participants=(
            replace(this_user(), role=Role.SOURCE),
            Participant(user="EchoNode", role=Role.DESTINATION, address=socket.gethostname()),
        ),
        query=Query(sop_class="echonode ledger", keys=keys.encode()),
    )


def deliveries_changed(uids: Sequence[str], change: str, *, at: datetime) -> AuditEvent:
    """Deliveries were held, released or retried, or an alarm ended, while the node was stopped."""
    return AuditEvent(
        at=at,
        kind=Kind.ACCESS,
        action=Action.UPDATE,
        description=change,
        participants=(this_user(),),
        about=tuple(uids),
    )


def store_sealed(data_dir: Path, key_id: str, *, rotated: bool, at: datetime) -> AuditEvent:
    """The store was encrypted, or its files got another master key."""
    done = "every file has another master key" if rotated else "the store is encrypted"
    return AuditEvent(
        at=at,
        kind=Kind.ALERT,
        type=EventType.OBJECT_SECURITY_CHANGED,
        action=Action.EXECUTE,
        description=f"{done}: {key_id}",
        participants=(this_user(),),
        subject=data_dir.absolute().as_uri(),
    )


def certificate_made(file: Path, *, at: datetime) -> AuditEvent:
    """The console has a new certificate."""
    return AuditEvent(
        at=at,
        kind=Kind.ALERT,
        type=EventType.SECURITY_CONFIGURATION,
        action=Action.EXECUTE,
        description="a certificate of the console was made",
        participants=(this_user(),),
        subject=file.absolute().as_uri(),
    )
