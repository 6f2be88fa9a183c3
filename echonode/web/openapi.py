"""The API as an OpenAPI 3.1 document; a test compares it with the routes.

One line an operation: what is not of JSON (the page, the health checks, the metrics) is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from echonode import __version__
from echonode.access.roles import Role
from echonode.web.admission import COOKIE
from echonode.web.live.watch_address import LONGEST_ADDRESS
from echonode.web.live.watch_links import LONGEST_MINUTES

Schema = Mapping[str, Any]
_TEXT: Schema = {"type": "string"}
_PARAMETER = re.compile(r"\{(\w+)\}")


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


_NAME: Schema = {
    "oneOf": [
        _TEXT,
        _object(alphabetic=_TEXT, ideographic=_TEXT, phonetic=_TEXT),
    ]
}
_ITEM_TEXTS = (
    *("id", "patient_id", "patient_name", "birth_date", "sex", "issuer", "accession_number"),
    *("study_instance_uid", "requested_procedure", "scheduled_step", "start_date", "start_time"),
    *("modality", "source", "referring_physician", "fetched_at"),
)
SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": _TEXT,
                "field": _TEXT,
                "remedy": _TEXT,
                "candidates": _list_of(_reference("WorklistItem")),
            },
        },
        "TypedPatient": _object(
            ("id", "name"), id=_TEXT, issuer=_TEXT, name=_NAME, birth_date=_TEXT, sex=_TEXT
        ),
        "Exam": {
            "type": "object",
            "properties": {
                "id": _TEXT,
                "study_instance_uid": _TEXT,
                "probe": _TEXT,
                "progress": {"enum": ["open", "scanning", "ended"]},
                "identity": {"enum": ["unidentified", "identified", "corrected"]},
                "held": {"type": "boolean"},
                "unattended": {"type": "boolean"},
                "opened_at": {"type": "string", "format": "date-time"},
                "ended_at": {"type": ["string", "null"], "format": "date-time"},
                "patient": {"oneOf": [_reference("Patient"), {"type": "null"}]},
                "worklist_item": {"type": ["string", "null"]},
                "accession_number": _TEXT,
                "captures": {"type": "integer"},
                "discontinued": {
                    "oneOf": [_object(code=_TEXT, meaning=_TEXT), {"type": "null"}],
                },
                "on_request": {"type": "boolean"},
                "events": _list_of({"type": "object"}),
                "instances": _list_of({"type": "object"}),
            },
        },
        "Patient": _object(id=_TEXT, issuer=_TEXT, name=_TEXT, birth_date=_TEXT, sex=_TEXT),
        "Captured": _object(
            ("sop_instance_uid",), sop_instance_uid=_TEXT, sop_instance_uids=_list_of(_TEXT)
        ),
        "WorklistItem": {
            "type": "object",
            "required": ["id", "patient_id", "patient_name"],
            "properties": {
                **dict.fromkeys(_ITEM_TEXTS, _TEXT),
                "station_ae_titles": _list_of(_TEXT),
            },
        },
        "Session": {
            "type": "object",
            "properties": {
                "users": {"type": "boolean"},
                "setup": {"type": "boolean"},
                "user": {
                    "oneOf": [
                        _object(("name", "role"), name=_TEXT, role=_TEXT),
                        {"type": "null"},
                    ]
                },
                "csrf": _TEXT,
                "locked": {"type": "boolean"},
                "has_pin": {"type": "boolean"},
                "lock_after_s": {"type": ["integer", "null"]},
                "language": {"enum": ["en", "fr"]},
            },
        },
        "User": {
            "type": "object",
            "properties": {
                "name": _TEXT,
                "role": _TEXT,
                "disabled": {"type": "boolean"},
                "has_pin": {"type": "boolean"},
                "created_at": {"type": "string", "format": "date-time"},
                "sessions": {"type": "integer"},
                "tokens": {"type": "integer"},
            },
        },
        "WatchLink": _object(
            ("id", "probe", "expires_at", "viewers"),
            id=_TEXT,
            probe=_TEXT,
            expires_at={"type": "string", "format": "date-time"},
            viewers={"type": "integer", "minimum": 0, "description": "who watch by it now"},
            token=_TEXT,
            path=_TEXT,
            url={"type": "string", "description": "the whole address of the page to open"},
            qr=_list_of(
                {
                    "type": "string",
                    "pattern": "^[01]+$",
                    "description": "a row of the QR code of `url`, 1 for dark; no quiet zone",
                }
            ),
        ),
        "Worklist": _object(
            ("age_s", "items"),
            configured={"type": "boolean"},
            age_s={"type": ["number", "null"]},
            problem=_TEXT,
            missing={"type": "integer"},
            items=_list_of(_reference("WorklistItem")),
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of a path. body: schema of the request's; answer: of the success."""

    method: str
    path: str
    summary: str
    status: int = 200
    body: Schema | None = None
    answer: Schema = field(default_factory=dict)
    query: tuple[str, ...] = ()
    media_type: str = "application/json"


_ROLE: Schema = {"enum": [role.value for role in Role]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_NUMBER: Schema = {"type": "number"}
_POINTS: Schema = _list_of({"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2})
_STUDIES = _object(("studies", "next"), studies=_list_of({"type": "object"}), next=_TEXT)
_MEASURED = _object(
    ("kind", "points"),
    sop_instance_uid=_TEXT,
    frame={"type": "integer", "minimum": 1},
    kind={"enum": ["distance", "ellipse", "area", "angle"]},
    points=_POINTS,
    label={"type": "string", "maxLength": 64},
)
_MEASUREMENT: Schema = {"type": "object"}
_PATIENT, _EXAM = _reference("TypedPatient"), _reference("Exam")
_CAPTURED = _reference("Captured")
OPERATIONS = (
    Operation(
        method="get",
        path="/api/exams",
        summary="The newest exams; with open=true those that are open",
        query=("open",),
        answer=_list_of(_EXAM),
    ),
    Operation(
        method="post",
        path="/api/exams",
        summary="Open an exam at a probe",
        status=201,
        body=_object(
            ("probe",),
            probe=_TEXT,
            worklist_item=_TEXT,
            patient=_PATIENT,
            on_request={"type": "boolean"},
        ),
        answer=_EXAM,
    ),
    Operation(
        method="get",
        path="/api/exams/{exam}",
        summary="An exam with its history and instances",
        answer=_EXAM,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/stills",
        summary="A still, the frame of that number or the latest; answered once it is durable",
        status=201,
        body=_object(sequence=_COUNT, freeze=_TEXT),
        answer=_CAPTURED,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/clips",
        summary="A clip of the last or the next seconds; answered once it is durable",
        status=201,
        body=_object(
            ("seconds",),
            seconds={"type": "number", "exclusiveMinimum": 0, "maximum": 600},
            last_sequence=_COUNT,
            freeze=_TEXT,
            **{"from": {"enum": ["past", "now"]}},
        ),
        answer=_CAPTURED,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/freeze",
        summary="Keep the frames of the last seconds, for stills and clips of the past",
        status=201,
        body=_object(),
        answer=_object(
            ("freeze", "frames"),
            freeze=_TEXT,
            frames=_list_of(
                _object(
                    ("sequence", "at_s"),
                    sequence=_COUNT,
                    at_s={"type": "number"},
                    captured_at=_TEXT,
                )
            ),
            geometry={"type": "object"},
        ),
    ),
    Operation(
        method="delete",
        path="/api/exams/{exam}/freeze/{freeze}",
        summary="Let go of the frames of a freeze",
    ),
    Operation(
        method="get",
        path="/api/exams/{exam}/freeze/{freeze}/frames/{sequence}",
        summary="The picture of a frame of a freeze",
        media_type="image/jpeg",
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/identify",
        summary="Say whose an exam is; 409 with candidates where that is doubtful",
        body=_object(worklist_item=_TEXT, patient=_PATIENT, confirmed={"type": "boolean"}),
        answer=_EXAM,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/correct",
        summary="Reject what was sent, and send what is right",
        body=_object(
            ("reason",),
            reason={"enum": ["wrong_patient", "wrong_side", "quality", "withdrawn"]},
            worklist_item=_TEXT,
            patient=_PATIENT,
            instances=_list_of(_TEXT),
            laterality={"enum": ["R", "L"]},
        ),
        answer=_EXAM,
    ),
    Operation(method="post", path="/api/exams/{exam}/end", summary="Close an exam", answer=_EXAM),
    Operation(
        method="post",
        path="/api/exams/{exam}/discontinue",
        summary="Close an exam that is given up; reason: a code value of PS3.16 CID 9300",
        body=_object(("reason",), reason=_TEXT),
        answer=_EXAM,
    ),
    Operation(
        method="post", path="/api/exams/{exam}/reopen", summary="It ended too early", answer=_EXAM
    ),
    Operation(
        method="get",
        path="/api/worklist",
        summary="Today's worklist as it was last fetched; with all=true every day's",
        query=("all",),
        answer=_reference("Worklist"),
    ),
    Operation(
        method="post",
        path="/api/worklist/search",
        summary="What the RIS has of a patient or an order, whatever the day; * and ? in a name; "
        "with Accept: application/x-ndjson a line for each item as it comes, then how it ended",
        body=_object(patient_id=_TEXT, patient_name=_TEXT, accession_number=_TEXT),
        answer=_object(
            ("items", "more", "missing"),
            items=_list_of(_reference("WorklistItem")),
            more={"type": "boolean"},
            missing={"type": "integer"},
        ),
    ),
    Operation(
        method="post",
        path="/api/worklist/refresh",
        summary="Ask the RIS now; how the list stands afterwards",
        body=_object(),
        answer=_object(
            ("age_s", "problem", "missing"),
            age_s={"type": ["number", "null"]},
            problem=_TEXT,
            missing={"type": "integer"},
        ),
    ),
    Operation(
        method="post",
        path="/api/patients/search",
        summary="Patients seen before, by beginnings of their names or IDs; more: type on",
        body=_object(("text",), text=_TEXT),
        answer=_object(
            ("patients", "more"), patients=_list_of(_reference("Patient")), more={"type": "boolean"}
        ),
    ),
    Operation(
        method="get",
        path="/api/session",
        summary="Who is logged in, and what a page must know before it shows anything",
        answer=_reference("Session"),
    ),
    Operation(
        method="post",
        path="/api/setup",
        summary="Make the first user, an administrator, by the set-up code; logged in by a cookie",
        status=201,
        body=_object(("code", "name", "password"), code=_TEXT, name=_TEXT, password=_TEXT),
    ),
    Operation(
        method="post",
        path="/api/login",
        summary="Log in; the session is in a cookie, its CSRF token in /api/session",
        body=_object(("name", "password"), name=_TEXT, password=_TEXT),
    ),
    Operation(method="post", path="/api/logout", summary="End the session", body=_object()),
    Operation(
        method="post",
        path="/api/session/lock",
        summary="Lock the session until its PIN or password is given",
        body=_object(),
    ),
    Operation(
        method="post",
        path="/api/session/unlock",
        summary="Return to a locked session",
        body=_object(pin=_TEXT, password=_TEXT),
    ),
    Operation(
        method="post",
        path="/api/session/pin",
        summary="Choose the PIN that unlocks one's sessions",
        body=_object(("pin",), pin=_TEXT),
    ),
    Operation(
        method="post",
        path="/api/session/password",
        summary="Change one's own password; one's other sessions end",
        body=_object(("old", "new"), old=_TEXT, new=_TEXT),
    ),
    Operation(
        method="get",
        path="/api/users",
        summary="The users",
        answer=_object(("users",), users=_list_of(_reference("User"))),
    ),
    Operation(
        method="post",
        path="/api/users",
        summary="Add a user; of a service the answer has its token, this once",
        status=201,
        body=_object(("name", "role"), name=_TEXT, role=_ROLE, password=_TEXT),
        answer=_object(("name", "role"), name=_TEXT, role=_ROLE, token=_TEXT),
    ),
    Operation(
        method="post",
        path="/api/users/{name}",
        summary="Change a user; the user's sessions end",
        body=_object(role=_ROLE, password=_TEXT, disabled={"type": "boolean"}),
    ),
    Operation(method="delete", path="/api/users/{name}", summary="Remove a user"),
    Operation(
        method="post",
        path="/api/users/{name}/token",
        summary="A new token of a service, shown this once; the one before is refused",
        status=201,
        body=_object(),
        answer=_object(("token",), token=_TEXT),
    ),
    Operation(
        method="get",
        path="/api/probes",
        summary="The probes: whether they are there, what they bring, who watches",
        answer=_list_of(
            {
                "type": "object",
                "required": ["name", "connected"],
                "properties": {
                    "name": _TEXT,
                    "connected": {"type": "boolean"},
                    "fps": {"type": "number"},
                    "exam": {"type": ["string", "null"]},
                    "capture_mode": {"enum": ["auto", "manual"]},
                    "frames_received": _COUNT,
                    "frames_dropped": _COUNT,
                    "viewers": _COUNT,
                    "refusal": _TEXT,
                    "problem": _TEXT,
                    "state": _TEXT,
                    "battery_percent": {"type": ["integer", "null"]},
                },
            }
        ),
    ),
    Operation(
        method="get",
        path="/api/probes/{probe}/live",
        summary="The live picture as a stream of JPEGs, each with X-Sequence and X-Captured-At",
        media_type="multipart/x-mixed-replace",
    ),
    Operation(
        method="get",
        path="/api/probes/{probe}/watch",
        summary="The links by which others watch the probe",
        answer=_list_of(_reference("WatchLink")),
    ),
    Operation(
        method="post",
        path="/api/probes/{probe}/watch",
        summary="A link by which another person watches the probe for so many minutes",
        status=201,
        body=_object(
            ("minutes",),
            minutes={"type": "number", "exclusiveMinimum": 0, "maximum": LONGEST_MINUTES},
            address={
                "type": "string",
                "maxLength": LONGEST_ADDRESS,
                "description": "what `url` begins with, as the browser has it; else as asked for",
            },
        ),
        answer=_reference("WatchLink"),
    ),
    Operation(
        method="delete", path="/api/probes/{probe}/watch", summary="End all links to the probe"
    ),
    Operation(
        method="delete",
        path="/api/probes/{probe}/watch/{link}",
        summary="End one of them, by its id",
    ),
    Operation(method="get", path="/api/status", summary="The node at this moment"),
    Operation(
        method="get",
        path="/api/ledger",
        summary="Each instance at each destination; with last=N the newest",
        query=("last",),
    ),
    Operation(
        method="get",
        path="/api/recent",
        summary="What was stored last, for the page",
        query=("last",),
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/thumbnail",
        summary="A small picture of an instance",
        media_type="image/jpeg",
    ),
    Operation(
        method="get",
        path="/api/studies",
        summary="Studies, the newest first; `next` is the cursor of the page that follows",
        query=("from", "to", "cursor"),
        answer=_STUDIES,
    ),
    Operation(
        method="post",
        path="/api/studies/search",
        summary="Studies by parts of name, Patient ID or accession number, and by dates",
        body=_object((), text=_TEXT, **{"from": _TEXT}, to=_TEXT, cursor=_TEXT),
        answer=_STUDIES,
    ),
    Operation(
        method="get",
        path="/api/studies/{uid}",
        summary="A study with its series and instances; `row` where a UID has several",
        query=("row",),
        answer={"type": "object"},
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}",
        summary="An image for a viewer: pixels, times of frames, regions, patient, proof",
        answer={"type": "object"},
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/frames/{frame}",
        summary="A frame, from 1 on, as JPEG; quality 1 to 100; the window of grey images",
        query=("quality", "window_center", "window_width"),
        media_type="image/jpeg",
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/frames/{frame}.png",
        summary="A frame, from 1 on, as PNG",
        query=("window_center", "window_width"),
        media_type="image/png",
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/file",
        summary="The DICOM file as it was stored",
        media_type="application/dicom",
    ),
    *(
        operation
        for path in ("/api/instances/{uid}/measurements", "/api/exams/{exam}/measurements")
        for operation in (
            Operation(
                method="get",
                path=path,
                summary="What was measured, in the order it was made; deleted ones are marked",
                answer=_list_of(_MEASUREMENT),
            ),
            Operation(
                method="post",
                path=path,
                summary="Measure on a frame; the node computes the values and keeps them",
                status=201,
                body=_MEASURED,
                answer=_MEASUREMENT,
            ),
            Operation(
                method="delete",
                path=path + "/{measurement}",
                summary="Mark a measurement as deleted; it stays in the history",
                answer=_MEASUREMENT,
            ),
        )
    ),
    Operation(
        method="post",
        path="/api/instances/{uid}/{action}",
        summary="hold, release or retry the deliveries of an instance",
        body=_object(destination=_TEXT),
    ),
    Operation(method="get", path="/api/system", summary="The node's parts, alarms and versions"),
    Operation(
        method="get",
        path="/api/report",
        summary="What happened, without patients: of a study, or of the whole node",
        query=("study",),
        media_type="application/zip",
    ),
    Operation(
        method="get",
        path="/api/preflight",
        summary="The preflight that runs, or the last one, step by step",
    ),
    Operation(
        method="post",
        path="/api/preflight/start",
        summary="Begin a preflight of each peer, or of one, and do not wait for it",
        status=202,
        body=_object(peer=_TEXT),
    ),
    Operation(
        method="post",
        path="/api/preflight",
        summary="Prove the connection to each peer, or to one",
        body=_object(peer=_TEXT),
    ),
    Operation(
        method="post",
        path="/api/studies/{uid}/acknowledge",
        summary="A person has seen the conflicts of a study",
    ),
    Operation(
        method="get",
        path="/api/outbox",
        summary="Each archive: what waits, what is held and why, and how fast it goes",
    ),
    Operation(
        method="get",
        path="/api/outbox/{destination}/items",
        summary="What is held, waits, or was sent and is not proved: list is held, waiting or sent",
        query=("list", "after"),
    ),
    Operation(
        method="post",
        path="/api/outbox/{action}",
        summary="hold, release or retry many; goes on with `after` until `next` is null",
        body=_object(
            uids=_list_of(_TEXT),
            destination=_TEXT,
            study=_TEXT,
            all={"type": "boolean"},
            reason=_TEXT,
            after={"type": "integer", "minimum": 0},
        ),
    ),
    Operation(method="get", path="/api/openapi.json", summary="This document"),
)

# OpenAPI has no word for these; docs/live.md has their messages.
WEBSOCKETS: Mapping[str, str] = MappingProxyType(
    {
        "/api/probes/{probe}/frames": "The live picture of a probe, its geometry and its state",
        "/api/watch": "The same of a watch link's probe; subprotocols echonode.watch and the token",
    }
)


def document() -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "EchoNode", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
        # Without users, on loopback, neither is needed.
        "security": [{"token": []}, {"session": []}, {}],
        "x-websockets": dict(WEBSOCKETS),
    }


def _described(operation: Operation) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": _TEXT}
        for name in _PARAMETER.findall(operation.path)
    ] + [{"name": name, "in": "query", "schema": _TEXT} for name in operation.query]
    described: dict[str, Any] = {
        "summary": operation.summary,
        "parameters": parameters,
        "responses": {
            str(operation.status): {
                "description": "done",
                "content": {operation.media_type: {"schema": dict(operation.answer)}},
            },
            "default": {
                "description": "not done; nothing was changed",
                "content": {"application/json": {"schema": _reference("Error")}},
            },
        },
    }
    if operation.body is not None:
        described["requestBody"] = {
            "content": {"application/json": {"schema": dict(operation.body)}}
        }
    return described


def openapi_routes() -> list[BaseRoute]:
    """GET /api/openapi.json."""
    whole = document()

    async def read(_request: Request) -> Response:
        return JSONResponse(whole)

    return [Route("/api/openapi.json", read, methods=["GET"])]
