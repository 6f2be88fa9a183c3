"""What is asked over HTTP as audit events: by the rows of route_records.py.

Rules
- A refusal is a security alert.
- What another part of the node records (a log-in, an order) is not recorded here again.
- A route without a row is recorded as an access where it gives or changes a patient's data.
- The same access again is recorded once in a while, as it is logged (access/repetition.py).
- What was searched for is in the record, as the standard wants it (A.5.3.10), and nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace

from echonode.access.events import PatientDataAccess
from echonode.access.repetition import Repetition
from echonode.audit.codes import Action, EventType, Kind, Media, Outcome, Role
from echonode.audit.event import AuditEvent, Participant, Patient, Query
from echonode.audit.sources.record_rows import Recorded
from echonode.audit.sources.route_records import RECORDS, SEARCHED, TRAIL_USES

# Of QIDO-RS (PS3.18 10.6): the collections. All else of DICOMweb by GET retrieves.
_QIDO = re.compile(
    r"/dicom-web/(studies|series|instances|studies/[^/]+/(series|instances)"
    r"|studies/[^/]+/series/[^/]+/instances)/?(\?.*)?",
    re.DOTALL,
)
_UIDS = re.compile(r"/(?:instances|series|studies)/([0-9.]{1,64})")
# Of WADO-URI (PS3.18 9.4): an instance, in the query.
_OF_WADO_URI = re.compile(r"(?:^|&)objectUID=([0-9.]{1,64})(?=&|$)")


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
    route = f"{access.method} {access.path}"
    row = RECORDS.get(route, _unlisted(access))
    if not isinstance(row, Recorded) or row.by:
        return None
    if row.kind is Kind.ALERT and row.type is not None:
        return _change(access, us, row.type)
    if row.kind is Kind.AUDIT:
        return _trail_used(access, us, TRAIL_USES[route])
    if row.kind is Kind.TRANSFER:
        return _dicomweb(access, us)
    return _of_kind(access, us, row.kind, row.action)


def _unlisted(access: PatientDataAccess) -> Recorded | None:
    if not access.kind:
        return None
    return Recorded(kind=Kind.ACCESS, action=Action.UPDATE if access.change else Action.READ)


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
        patient=_patient_asked_for(access),
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


def _patient_asked_for(access: PatientDataAccess) -> Patient | None:
    """Whose data is to be listed or given out: the number in the body of what reads a patient."""
    if not access.path.startswith("/api/patients/") or access.change:
        return None
    try:
        fields = json.loads(access.asked.partition(b" ")[2])
        identifier = fields["patient_id"]
    except (ValueError, KeyError, TypeError):  # a body of any other form names no patient
        return None
    return Patient(id=identifier) if isinstance(identifier, str) and identifier else None


def _dicomweb(access: PatientDataAccess, us: Participant) -> AuditEvent:
    asked = access.asked.decode("ascii", "replace")
    if access.change:
        sender, receiver = _caller(access), us
    elif _QIDO.fullmatch(asked):
        return _of_kind(access, us, SEARCHED.kind, SEARCHED.action)
    else:
        sender, receiver = us, _caller(access)
    path, _, query = asked.partition("?")
    named = _UIDS.findall(path) or _OF_WADO_URI.findall(query)
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
