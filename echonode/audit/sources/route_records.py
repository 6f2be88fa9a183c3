"""The audit event of every route: one row for each row of access/route_table.py.

Rules
- A route without a row here is an error of the tests; it is recorded all the same where it gives
  or changes a patient's data, as an access.
- A request without a patient has a record where it changes who may do what, or what may be seen.
- A refusal (401, 403) of any route is a security alert, whatever its row says.
- A row of DICOMweb is of its retrievals; SEARCHED is the one of its searches.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from echonode.audit.codes import Action, EventType, Kind
from echonode.audit.sources.record_rows import Recorded, Row, Unrecorded

SEARCHED = Recorded(kind=Kind.QUERY, action=Action.EXECUTE)
_EXPORTED = Recorded(kind=Kind.EXPORT, action=Action.READ)
_READ = Recorded(kind=Kind.ACCESS, action=Action.READ)
_MADE = Recorded(kind=Kind.ACCESS, action=Action.CREATE)
_CHANGED = Recorded(kind=Kind.ACCESS, action=Action.UPDATE)
_ENDED = Recorded(kind=Kind.PROCEDURE, action=Action.UPDATE)
_PATIENT_CHANGED = Recorded(kind=Kind.PATIENT, action=Action.UPDATE)
_TRAIL_READ = Recorded(kind=Kind.AUDIT, action=Action.READ)
_USER_CHANGED = Recorded(
    kind=Kind.ALERT, action=Action.EXECUTE, type=EventType.USER_SECURITY_CHANGED
)
_LINK_CHANGED = Recorded(
    kind=Kind.ALERT, action=Action.EXECUTE, type=EventType.OBJECT_SECURITY_CHANGED
)
_PAGE = Unrecorded("a file of the console: the same for everyone")
_FIGURES = Unrecorded("figures of the node, without a patient")
_PREFLIGHT = Unrecorded("calls the peers with a test image of no patient")


def _by(part: str, kind: Kind, action: Action = Action.EXECUTE) -> Recorded:
    return Recorded(kind=kind, action=action, by=part)


RECORDS: Mapping[str, Row] = MappingProxyType(
    {
        # Pages, health, one's own session.
        "GET /": _PAGE,
        "GET /console/*": _PAGE,
        "GET /ca.crt": Unrecorded("the authority's certificate, which is public"),
        "GET /health/live": _FIGURES,
        "GET /health/ready": _FIGURES,
        "GET /api/session": Unrecorded("says to a caller who they are"),
        "POST /api/setup": _by("the log-in of the first user", Kind.LOGIN),
        "POST /api/login": _by("the log-in, granted or not", Kind.LOGIN),
        "POST /api/logout": _by("the log-out", Kind.LOGOUT),
        "POST /api/session/lock": Unrecorded("nothing is seen until it is unlocked"),
        "POST /api/session/unlock": _by("the log-in, granted or not", Kind.LOGIN),
        "POST /api/session/pin": _USER_CHANGED,
        "POST /api/session/password": _USER_CHANGED,
        # The node without patients.
        "GET /metrics": _FIGURES,
        "GET /api/openapi.json": Unrecorded("a description of the API: the same for everyone"),
        "GET /api/status": _FIGURES,
        "GET /api/outbox": _FIGURES,
        "GET /api/report-templates": Unrecorded("templates: the same for everyone"),
        "GET /api/system": _FIGURES,
        "GET /api/preflight": Unrecorded("the result of a test without a patient"),
        "POST /api/preflight": _PREFLIGHT,
        "POST /api/preflight/start": _PREFLIGHT,
        "POST /api/worklist/refresh": _by("the node's own query of the RIS", Kind.QUERY),
        # Live pictures.
        "GET /api/probes/{probe}/watch": Unrecorded("lists watch links, without their tokens"),
        "POST /api/probes/{probe}/watch": _LINK_CHANGED,
        "DELETE /api/probes/{probe}/watch": _LINK_CHANGED,
        "DELETE /api/probes/{probe}/watch/{link}": _LINK_CHANGED,
        "WEBSOCKET /api/watch": _READ,
        "GET /api/probes": _READ,
        "GET /api/probes/{probe}/live": _READ,
        "WEBSOCKET /api/probes/{probe}/frames": _READ,
        "GET /api/exams/{exam}/freeze/{freeze}/frames/{sequence}": _READ,
        # Exams.
        "GET /api/exams": SEARCHED,
        "GET /api/exams/{exam}": _READ,
        "GET /api/exams/{exam}/measurements": _READ,
        "GET /api/exams/{exam}/reports": _READ,
        "GET /api/exams/{exam}/reports/{document}/pdf": _READ,
        "POST /api/exams": Recorded(kind=Kind.PROCEDURE, action=Action.CREATE),
        "POST /api/exams/{exam}/stills": _MADE,
        "POST /api/exams/{exam}/clips": _MADE,
        "POST /api/exams/{exam}/identify": _PATIENT_CHANGED,
        "POST /api/exams/{exam}/correct": _PATIENT_CHANGED,
        "POST /api/exams/{exam}/end": _ENDED,
        "POST /api/exams/{exam}/discontinue": _ENDED,
        "POST /api/exams/{exam}/reopen": _ENDED,
        "POST /api/exams/{exam}/freeze": _CHANGED,
        "DELETE /api/exams/{exam}/freeze/{freeze}": _CHANGED,
        "POST /api/exams/{exam}/report": _CHANGED,
        "POST /api/exams/{exam}/measurements": _CHANGED,
        "DELETE /api/exams/{exam}/measurements/{measurement}": _CHANGED,
        # Orders and patients.
        "GET /api/worklist": SEARCHED,
        "POST /api/worklist/search": SEARCHED,
        "POST /api/worklist": _by("the entering of the order", Kind.ORDER, Action.CREATE),
        "DELETE /api/worklist/{item}": _by("the taking back", Kind.ORDER, Action.DELETE),
        "POST /api/patients/search": SEARCHED,
        "POST /api/patients/held": Recorded(kind=Kind.PATIENT, action=Action.READ),
        "POST /api/patients/export": _EXPORTED,
        "POST /api/patients/erase": Recorded(kind=Kind.PATIENT, action=Action.DELETE),
        # Instances and deliveries.
        "GET /api/ledger": SEARCHED,
        "GET /api/recent": SEARCHED,
        "GET /api/outbox/{destination}/items": SEARCHED,
        "POST /api/outbox/{action}": _CHANGED,
        "GET /api/report": _EXPORTED,
        "GET /api/instances/{uid}": _READ,
        "GET /api/instances/{uid}/thumbnail": _READ,
        "GET /api/instances/{uid}/frames/{frame}": _READ,
        "GET /api/instances/{uid}/frames/{frame}.png": _READ,
        "GET /api/instances/{uid}/file": _EXPORTED,
        "GET /api/instances/{uid}/measurements": _READ,
        "POST /api/instances/{uid}/measurements": _CHANGED,
        "DELETE /api/instances/{uid}/measurements/{measurement}": _CHANGED,
        "POST /api/instances/{uid}/presentation": _CHANGED,
        "POST /api/instances/{uid}/look": _CHANGED,
        "POST /api/instances/{uid}/volume": _CHANGED,
        "POST /api/instances/{uid}/{action}": _CHANGED,
        # Studies, copies, prints.
        "GET /api/studies": SEARCHED,
        "POST /api/studies/search": SEARCHED,
        "GET /api/studies/{uid}": _READ,
        "GET /api/studies/{uid}/copies": _READ,
        "GET /api/studies/{uid}/media": _EXPORTED,
        "GET /api/studies/{uid}/copies/{format}": _EXPORTED,
        "POST /api/studies/{uid}/acknowledge": _CHANGED,
        "POST /api/studies/{uid}/print": _CHANGED,
        "GET /api/prints": _READ,
        "POST /api/prints/{job}/{action}": Unrecorded(
            "its order is recorded, and each film that is printed (service_records.py)"
        ),
        # DICOMweb.
        "GET /dicom-web": Unrecorded("what the node can do (PS3.18 8.9)"),
        "OPTIONS /dicom-web": Unrecorded("what the node can do (PS3.18 8.9)"),
        "OPTIONS /dicom-web/*": Unrecorded("what the node can do (PS3.18 8.9)"),
        "GET /dicom-web/*": Recorded(kind=Kind.TRANSFER, action=Action.READ),
        "POST /dicom-web/*": Recorded(kind=Kind.TRANSFER, action=Action.CREATE),
        # The audit trail and users.
        "POST /api/audit/search": _TRAIL_READ,
        "POST /api/audit/export": _TRAIL_READ,
        "POST /api/audit/verify": _TRAIL_READ,
        "GET /api/users": Unrecorded("names and roles of users, without a patient"),
        "POST /api/users": _USER_CHANGED,
        "POST /api/users/{name}": _USER_CHANGED,
        "DELETE /api/users/{name}": _USER_CHANGED,
        "POST /api/users/{name}/token": _USER_CHANGED,
    }
)
# What is done with the audit trail (PS3.15 A.5.3.2), in a word of its record.
TRAIL_USES: Mapping[str, str] = MappingProxyType(
    {
        "POST /api/audit/search": "searched",
        "POST /api/audit/export": "exported",
        "POST /api/audit/verify": "verified",
    }
)
