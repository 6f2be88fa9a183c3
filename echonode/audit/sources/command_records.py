"""The audit event of every command of `echonode`: one row for each.

A command that the running node does leaves the record of its route (route_records.py); done in the
store of a node that is stopped, it leaves the one that stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from echonode.audit.codes import Action, EventType, Kind
from echonode.audit.sources.record_rows import Recorded, Row, Unrecorded

_EXPORTED = Recorded(kind=Kind.EXPORT, action=Action.READ)
_IMPORTED = Recorded(kind=Kind.IMPORT, action=Action.CREATE)
_DELIVERIES_CHANGED = Recorded(kind=Kind.ACCESS, action=Action.UPDATE)
_TRAIL_READ = Recorded(kind=Kind.AUDIT, action=Action.READ)
_USER_CHANGED = Recorded(
    kind=Kind.ALERT, action=Action.EXECUTE, type=EventType.USER_SECURITY_CHANGED
)
_NO_STORE = Unrecorded("reads and writes no store of a node")


def _by_route(route: str, kind: Kind, action: Action) -> Recorded:
    return Recorded(kind=kind, action=action, by=f"the running node: {route}")


COMMAND_RECORDS: Mapping[str, Row] = MappingProxyType(
    {
        "run": Recorded(
            kind=Kind.START, action=Action.EXECUTE, by="the node, with its stop and what changed"
        ),
        "check-config": Unrecorded("reads the configuration; the next start records its changes"),
        "init": _NO_STORE,
        "conformance": _NO_STORE,
        "ledger": Recorded(kind=Kind.QUERY, action=Action.EXECUTE),
        "hold": _DELIVERIES_CHANGED,
        "release": _DELIVERIES_CHANGED,
        "retry": _DELIVERIES_CHANGED,
        "acknowledge": _DELIVERIES_CHANGED,
        "export": _EXPORTED,
        "report": _EXPORTED,
        "backup": _EXPORTED,
        "move-store": _EXPORTED,
        "import": _IMPORTED,
        "restore": _IMPORTED,
        "accept-look": _by_route("POST /api/instances/{uid}/look", Kind.ACCESS, Action.UPDATE),
        "keep-volume": _by_route("POST /api/instances/{uid}/volume", Kind.ACCESS, Action.UPDATE),
        "lying-pacs": _NO_STORE,
        "probe-sim": _NO_STORE,
        "demo": Unrecorded("runs a node of its own, whose trail has its records"),
        "print": _by_route("POST /api/studies/{uid}/print", Kind.ACCESS, Action.UPDATE),
        "web-certificate": Recorded(
            kind=Kind.ALERT, action=Action.EXECUTE, type=EventType.SECURITY_CONFIGURATION
        ),
        "reindex": Unrecorded("lists the same images again; shows, sends and changes none"),
        "preflight": Unrecorded("calls the peers with a test image of no patient"),
        "encrypt": Recorded(
            kind=Kind.ALERT, action=Action.EXECUTE, type=EventType.OBJECT_SECURITY_CHANGED
        ),
        "audit search": _TRAIL_READ,
        "audit verify": _TRAIL_READ,
        "patient export": _EXPORTED,
        "patient erase": Recorded(kind=Kind.PATIENT, action=Action.DELETE),
        "exam list": _by_route("GET /api/exams", Kind.QUERY, Action.EXECUTE),
        "exam open": _by_route("POST /api/exams", Kind.PROCEDURE, Action.CREATE),
        "exam identify": _by_route("POST /api/exams/{exam}/identify", Kind.PATIENT, Action.UPDATE),
        "exam end": _by_route("POST /api/exams/{exam}/end", Kind.PROCEDURE, Action.UPDATE),
        "exam correct": _by_route("POST /api/exams/{exam}/correct", Kind.PATIENT, Action.UPDATE),
        "exam report": _by_route("POST /api/exams/{exam}/report", Kind.ACCESS, Action.UPDATE),
        "exam view": _by_route(
            "POST /api/instances/{uid}/presentation", Kind.ACCESS, Action.UPDATE
        ),
        "worklist": _by_route("GET /api/worklist", Kind.QUERY, Action.EXECUTE),
        "worklist add": _by_route("POST /api/worklist", Kind.ORDER, Action.CREATE),
        "worklist remove": _by_route("DELETE /api/worklist/{item}", Kind.ORDER, Action.DELETE),
        "user add": _USER_CHANGED,
        "user list": Unrecorded("names and roles of users, without a patient"),
        "user set-role": _USER_CHANGED,
        "user set-password": _USER_CHANGED,
        "user disable": _USER_CHANGED,
        "user enable": _USER_CHANGED,
        "user remove": _USER_CHANGED,
        "user token": _USER_CHANGED,
        "user setup-code": _USER_CHANGED,
        "viewer install": Unrecorded("files of the viewer, which hold no patient"),
    }
)
