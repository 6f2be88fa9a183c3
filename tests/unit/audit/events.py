"""Events of every kind, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from echonode.audit.codes import Action, EventType, Kind, Media, Outcome, Role
from echonode.audit.event import AuditEvent, Participant, Patient, Query, Study

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
US = Participant(
    user="ECHONODE", also="AETITLES=ECHONODE", role=Role.APPLICATION, address="echo.example"
)
VIEWER = Participant(user="reading", also="AETITLES=READING1", requestor=True, address="10.0.3.31")
DOE = Patient(id="P-1", name="Doe^Jane")
US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"


def instance(
    number: int = 1,
    *,
    patient: Patient = DOE,
    study: str = "1.2.3",
    outcome: Outcome = Outcome.SUCCESS,
    seconds: float = 0,
) -> AuditEvent:
    """One instance of a study that came from a viewer."""
    return AuditEvent(
        at=AT + timedelta(seconds=seconds),
        kind=Kind.TRANSFER,
        action=Action.CREATE,
        outcome=outcome,
        participants=(
            Participant(user="reading", requestor=True, role=Role.SOURCE),
            Participant(user="ECHONODE", role=Role.DESTINATION),
        ),
        patient=patient,
        studies=(Study(uid=study, instances={US_IMAGE: (f"{study}.{number}",)}),),
        collect=True,
    )


def of_every_kind() -> list[AuditEvent]:
    """One event of each kind, the hard ones too."""
    media = Participant(user="CD 7", role=Role.DESTINATION_MEDIA, media=Media.CD, address="CD 7")
    came = Participant(user="CD 8", role=Role.SOURCE_MEDIA, media=Media.CD, address="CD 8")
    simple = {
        Kind.START: Action.EXECUTE,
        Kind.STOP: Action.EXECUTE,
        Kind.LOGIN: Action.EXECUTE,
        Kind.LOGOUT: Action.EXECUTE,
    }
    study = Study(uid="1.2.3", accession="A 1", instances={US_IMAGE: ("1.2.3.1", "1.2.3.2")})
    asked = Query(sop_class="1.2.840.10008.5.1.4.1.2.2.1", keys=b"\x10\x00", transfer_syntax="1.2")
    events = [
        AuditEvent(at=AT, kind=kind, action=action, participants=(US,))
        for kind, action in simple.items()
    ]
    moving = instance().participants
    for kind, action, participants, query in (
        (Kind.QUERY, Action.EXECUTE, moving, asked),
        (Kind.ACCESS, Action.READ, (VIEWER, US), None),
        (Kind.BEGIN_TRANSFER, Action.EXECUTE, moving, None),
        (Kind.TRANSFER, Action.READ, moving, None),
        (Kind.DELETE, Action.DELETE, (US,), None),
        (Kind.EXPORT, Action.READ, (VIEWER, US, media), None),
        (Kind.IMPORT, Action.CREATE, (VIEWER, US, came), None),
        (Kind.ORDER, Action.CREATE, (VIEWER, US), None),
        (Kind.PATIENT, Action.UPDATE, (VIEWER, US), None),
        (Kind.PROCEDURE, Action.UPDATE, (VIEWER, US), None),
    ):
        events.append(
            AuditEvent(
                at=AT,
                kind=kind,
                action=action,
                outcome=Outcome.MINOR_FAILURE,
                description="why & <what>\x00",
                participants=participants,
                patient=Patient(id="P<1>", name="Müller^J\x1b&\udc80山田"),
                studies=(study,),
                query=query,
            )
        )
    events += [
        AuditEvent(
            at=AT,
            kind=Kind.ALERT,
            type=kind,
            action=Action.EXECUTE,
            description="refused",
            participants=(US, VIEWER),
            subject=subject,
        )
        for subject, kind in (
            ("10.0.0.9", EventType.NODE_AUTHENTICATION),
            ("/api/users", EventType.RESTRICTED_FUNCTION),
            ("alice", EventType.USER_SECURITY_CHANGED),
        )
    ]
    trail = "file:///var/lib/echonode/audit"
    events.append(
        AuditEvent(
            at=AT, kind=Kind.AUDIT, action=Action.READ, participants=(VIEWER,), subject=trail
        )
    )
    return events
