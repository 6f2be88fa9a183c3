"""The schemas that several operations refer to, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from echonode.web.openapi.schema import TEXT, Schema, list_of, object_of, reference

NAME: Schema = {
    "oneOf": [
        TEXT,
        object_of(alphabetic=TEXT, ideographic=TEXT, phonetic=TEXT),
    ]
}
_ITEM_TEXTS = (
    *("id", "patient_id", "patient_name", "birth_date", "sex", "issuer", "accession_number"),
    *("study_instance_uid", "requested_procedure", "scheduled_step", "start_date", "start_time"),
    *("modality", "source", "referring_physician", "fetched_at", "status"),
)

SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": TEXT,
                "field": TEXT,
                "remedy": TEXT,
                "candidates": list_of(reference("WorklistItem")),
            },
        },
        "TypedPatient": object_of(
            ("id", "name"), id=TEXT, issuer=TEXT, name=NAME, birth_date=TEXT, sex=TEXT
        ),
        "Exam": {
            "type": "object",
            "properties": {
                "id": TEXT,
                "study_instance_uid": TEXT,
                "probe": TEXT,
                "progress": {"enum": ["open", "scanning", "ended"]},
                "identity": {"enum": ["unidentified", "identified", "corrected"]},
                "held": {"type": "boolean"},
                "unattended": {"type": "boolean"},
                "opened_at": {"type": "string", "format": "date-time"},
                "ended_at": {"type": ["string", "null"], "format": "date-time"},
                "patient": {"oneOf": [reference("Patient"), {"type": "null"}]},
                "worklist_item": {"type": ["string", "null"]},
                "accession_number": TEXT,
                "captures": {"type": "integer"},
                "discontinued": {
                    "oneOf": [object_of(code=TEXT, meaning=TEXT), {"type": "null"}],
                },
                "on_request": {"type": "boolean"},
                "events": list_of({"type": "object"}),
                "instances": list_of({"type": "object"}),
            },
        },
        "Patient": object_of(id=TEXT, issuer=TEXT, name=TEXT, birth_date=TEXT, sex=TEXT),
        "Captured": object_of(
            ("sop_instance_uid",), sop_instance_uid=TEXT, sop_instance_uids=list_of(TEXT)
        ),
        "WorklistItem": {
            "type": "object",
            "required": ["id", "patient_id", "patient_name"],
            "properties": {
                **dict.fromkeys(_ITEM_TEXTS, TEXT),
                "station_ae_titles": list_of(TEXT),
            },
        },
        "Session": {
            "type": "object",
            "properties": {
                "users": {"type": "boolean"},
                "setup": {"type": "boolean"},
                "user": {
                    "oneOf": [
                        object_of(("name", "role"), name=TEXT, role=TEXT),
                        {"type": "null"},
                    ]
                },
                "csrf": TEXT,
                "locked": {"type": "boolean"},
                "has_pin": {"type": "boolean"},
                "lock_after_s": {"type": ["integer", "null"]},
                "language": {"enum": ["en", "fr"]},
            },
        },
        "User": {
            "type": "object",
            "properties": {
                "name": TEXT,
                "role": TEXT,
                "disabled": {"type": "boolean"},
                "has_pin": {"type": "boolean"},
                "created_at": {"type": "string", "format": "date-time"},
                "sessions": {"type": "integer"},
                "tokens": {"type": "integer"},
            },
        },
        "WatchLink": object_of(
            ("id", "probe", "expires_at", "viewers"),
            id=TEXT,
            probe=TEXT,
            expires_at={"type": "string", "format": "date-time"},
            viewers={"type": "integer", "minimum": 0, "description": "who watch by it now"},
            token=TEXT,
            path=TEXT,
            url={"type": "string", "description": "the whole address of the page to open"},
            qr=list_of(
                {
                    "type": "string",
                    "pattern": "^[01]+$",
                    "description": "a row of the QR code of `url`, 1 for dark; no quiet zone",
                }
            ),
        ),
        "Worklist": object_of(
            ("age_s", "items"),
            configured={"type": "boolean"},
            age_s={"type": ["number", "null"]},
            problem=TEXT,
            missing={"type": "integer"},
            items=list_of(reference("WorklistItem")),
        ),
    }
)
