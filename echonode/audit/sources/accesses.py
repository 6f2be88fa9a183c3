"""What is asked over HTTP as audit events: by the rows of access/route_table.py.

Rules
- A row that gives or changes a patient's data has a record, whatever it is: KINDS says which, and
  where it says nothing, that instances were accessed. A row without a patient has one where it
  changes the node. A refusal is a security alert.
- The same access again is recorded once in a while, as it is logged (access/repetition.py).
- What was searched for is in the record, as the standard wants it (A.5.3.10), and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from echonode.access.events import PatientDataAccess
from echonode.access.repetition import Repetition
from echonode.audit.codes import Action, EventType, Kind, Media, Outcome, Role
from echonode.audit.event import AuditEvent, Participant, Query

_KindAndAction = tuple[Kind, Action]
# METHOD path of a row -> the event. A row with a patient's data that is not here is an ACCESS.
KINDS: Mapping[str, _KindAndAction] = MappingProxyType(
    {
        "GET /api/exams": (Kind.QUERY, Action.EXECUTE),
        "GET /api/worklist": (Kind.QUERY, Action.EXECUTE),
        "GET /api/studies": (Kind.QUERY, Action.EXECUTE),
        "GET /api/ledger": (Kind.QUERY, Action.EXECUTE),
        "GET /api/recent": (Kind.QUERY, Action.EXECUTE),
        "GET /api/outbox/{destination}/items": (Kind.QUERY, Action.EXECUTE),
        "POST /api/studies/search": (Kind.QUERY, Action.EXECUTE),
        "POST /api/worklist/search": (Kind.QUERY, Action.EXECUTE),
        "POST /api/patients/search": (Kind.QUERY, Action.EXECUTE),
        "GET /api/instances/{uid}/file": (Kind.EXPORT, Action.READ),
        "GET /api/report": (Kind.EXPORT, Action.READ),
        "GET /api/studies/{uid}/media": (Kind.EXPORT, Action.READ),
        "GET /api/studies/{uid}/copies/{format}": (Kind.EXPORT, Action.READ),
        "POST /api/patients/held": (Kind.PATIENT, Action.READ),
        "POST /api/patients/export": (Kind.EXPORT, Action.READ),
        "POST /api/exams": (Kind.PROCEDURE, Action.CREATE),
        "POST /api/exams/{exam}/end": (Kind.PROCEDURE, Action.UPDATE),
        "POST /api/exams/{exam}/discontinue": (Kind.PROCEDURE, Action.UPDATE),
        "POST /api/exams/{exam}/reopen": (Kind.PROCEDURE, Action.UPDATE),
        "POST /api/exams/{exam}/identify": (Kind.PATIENT, Action.UPDATE),
        "POST /api/exams/{exam}/correct": (Kind.PATIENT, Action.UPDATE),
        "POST /api/patients/erase": (Kind.PATIENT, Action.DELETE),
        "POST /api/exams/{exam}/stills": (Kind.ACCESS, Action.CREATE),
        "POST /api/exams/{exam}/clips": (Kind.ACCESS, Action.CREATE),
    }
)
# Rows without a patient that change the node -> what the alert is of.
CHANGES: Mapping[str, EventType] = MappingProxyType(
    {
        "POST /api/users": EventType.USER_SECURITY_CHANGED,
        "POST /api/users/{name}": EventType.USER_SECURITY_CHANGED,
        "DELETE /api/users/{name}": EventType.USER_SECURITY_CHANGED,
        "POST /api/users/{name}/token": EventType.USER_SECURITY_CHANGED,
        "POST /api/session/pin": EventType.USER_SECURITY_CHANGED,
        "POST /api/session/password": EventType.USER_SECURITY_CHANGED,
        "POST /api/probes/{probe}/watch": EventType.OBJECT_SECURITY_CHANGED,
        "DELETE /api/probes/{probe}/watch": EventType.OBJECT_SECURITY_CHANGED,
        "DELETE /api/probes/{probe}/watch/{link}": EventType.OBJECT_SECURITY_CHANGED,
    }
)
# Rows that read the audit trail (PS3.15 A.5.3.2) -> what is done with it.
TRAIL_USES: Mapping[str, str] = MappingProxyType(
    {
        "POST /api/audit/search": "searched",
        "POST /api/audit/export": "exported",
        "POST /api/audit/verify": "verified",
    }
)
# Rows that change something and leave no record here, with the reason.
NO_RECORD: Mapping[str, str] = MappingProxyType(
    {
        "POST /api/setup": "a log-in, which the node's access records with its outcome",
        "POST /api/login": "a log-in, which the node's access records with its outcome",
        "POST /api/logout": "recorded by the node's access",
        "POST /api/session/lock": "nothing can be seen until it is unlocked",
        "POST /api/session/unlock": "recorded by the node's access where it fails",
        "POST /api/prints/{job}/{action}": "tries or ends a print whose order is recorded",
        "POST /api/preflight": "calls the peers with a test image of no patient",
        "POST /api/preflight/start": "calls the peers with a test image of no patient",
        "POST /api/worklist": "recorded as an order, with its patient",
        "DELETE /api/worklist/{item}": "recorded as an order, with its patient",
        "POST /api/worklist/refresh": "the node asks the RIS, which is recorded as its query",
    }
)
# Of QIDO-RS (PS3.18 10.6): the collections. All else of DICOMweb by GET retrieves.
_QIDO = re.compile(
    r"/dicom-web/(studies|series|instances|studies/[^/]+/(series|instances)"
    r"|studies/[^/]+/series/[^/]+/instances)/?(\?.*)?",
    re.DOTALL,
)
_UIDS = re.compile(r"/(?:instances|series|studies)/([0-9.]{1,64})")


class AuditedAccesses:
    """AccessEvents as audit events. Used on the web server's event loop alone."""

    def __init__(self, tell: Callable[[AuditEvent], None], us: Participant) -> None:
        self._tell, self._us = tell, us
        self._repetition = Repetition()

    def accessed(self, access: PatientDataAccess) -> None:
        """Record it, unless the same was recorded a moment ago."""
        event = event_of(access, self._us)
        if event is None:
            return
        asked = access.asked if event.kind is Kind.QUERY else access.path
        if self._repetition.is_new(access, asked, event.about):
            self._tell(event)


def event_of(access: PatientDataAccess, us: Participant) -> AuditEvent | None:
    """The event of a request; None where it leaves no record."""
    if not access.granted and access.status in (401, 403):
        return _refused(access, us)
    row = f"{access.method} {access.path}"
    if row in NO_RECORD:
        return None
    if row in CHANGES:
        return _change(access, us, CHANGES[row])
    if row in TRAIL_USES:
        return _trail_used(access, us, TRAIL_USES[row])
    if not access.kind:
        return None
    if access.path.startswith("/dicom-web"):
        return _dicomweb(access, us)
    default = (Kind.ACCESS, Action.UPDATE if access.change else Action.READ)
    kind, action = KINDS.get(row, default)
    return _of_kind(access, us, kind, action)


def _trail_used(access: PatientDataAccess, us: Participant, done: str) -> AuditEvent:
    return AuditEvent(
        at=access.at,
        kind=Kind.AUDIT,
        action=Action.READ,
        outcome=Outcome.SUCCESS if access.granted else Outcome.MINOR_FAILURE,
        description=done,
        participants=(_caller(access), replace(us, role=None, requestor=False)),
        subject=access.path,
    )


def _of_kind(access: PatientDataAccess, us: Participant, kind: Kind, action: Action) -> AuditEvent:
    about = tuple(filter(None, [access.uid])) if kind is not Kind.QUERY else ()
    event = AuditEvent(
        at=access.at,
        kind=kind,
        action=action,
        outcome=Outcome.SUCCESS if access.granted else Outcome.MINOR_FAILURE,
        description=_words(access),
        participants=(_caller(access), replace(us, role=None, requestor=False)),
        about=about,
    )
    if kind is Kind.QUERY:
        return replace(
            event,
            description="" if access.granted else event.description,
            participants=(
                replace(_caller(access), role=Role.SOURCE),
                replace(us, role=Role.DESTINATION, requestor=False),
            ),
            query=Query(sop_class=access.path, keys=access.asked),
        )
    if kind is Kind.EXPORT:
        media = Participant(
            user=access.address or "unknown",
            role=Role.DESTINATION_MEDIA,
            address=access.address,
            media=Media.URI,
        )
        return replace(event, participants=(*event.participants, media))
    return event


def _dicomweb(access: PatientDataAccess, us: Participant) -> AuditEvent:
    asked = access.asked.decode("ascii", "replace")
    if access.change:
        sender, receiver = _caller(access), us
    elif _QIDO.fullmatch(asked):
        return _of_kind(access, us, Kind.QUERY, Action.EXECUTE)
    else:
        sender, receiver = us, _caller(access)
    named = _UIDS.findall(asked.partition("?")[0])
    about = tuple(named[-1:]) or tuple(filter(None, [access.uid]))
    return AuditEvent(
        at=access.at,
        kind=Kind.TRANSFER,
        action=Action.CREATE if access.change else Action.READ,
        outcome=Outcome.SUCCESS if access.granted else Outcome.MINOR_FAILURE,
        description="" if access.granted else f"answered {access.status}",
        participants=(
            replace(sender, role=Role.SOURCE),
            replace(receiver, role=Role.DESTINATION),
        ),
        about=about,
        collect=bool(about) and not access.change,
    )


def _change(access: PatientDataAccess, us: Participant, kind: EventType) -> AuditEvent:
    if kind is EventType.USER_SECURITY_CHANGED:
        name = access.asked.decode("utf-8", "replace").partition("/api/users/")[2]
        subject = name.partition("/")[0].partition("?")[0] or access.user or "users"
    else:
        subject = access.path
    return AuditEvent(
        at=access.at,
        kind=Kind.ALERT,
        type=kind,
        action=Action.EXECUTE,
        outcome=Outcome.SUCCESS if access.granted else Outcome.MINOR_FAILURE,
        description=_words(access),
        participants=(_caller(access), replace(us, role=None)),
        subject=subject,
    )


def _refused(access: PatientDataAccess, us: Participant) -> AuditEvent:
    return AuditEvent(
        at=access.at,
        kind=Kind.ALERT,
        type=EventType.RESTRICTED_FUNCTION,
        action=Action.EXECUTE,
        outcome=Outcome.MINOR_FAILURE,
        description=_words(access),
        participants=(replace(us, role=None), _caller(access)),
        subject=access.path,
    )


def _caller(access: PatientDataAccess) -> Participant:
    return Participant(
        user=access.user or "unknown",
        name=access.role.value if access.role else "",
        requestor=True,
        address=access.address,
    )


def _words(access: PatientDataAccess) -> str:
    answer = "" if access.granted else f": answered {access.status}"
    return f"{access.method} {access.path}{answer}"
