"""An audit event as a value, and as the two texts that a record keeps of it.

Rules
- What names a patient (number, name, the keys of a query) is in `private`, all else in `content`:
  a patient can be erased from the trail, and the chain of hashes still holds (trail/chain.py).
- A value from outside is cut to a length here: no caller decides how large a record is.
- JSON with sorted keys and without spaces: the same event is the same text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from echonode.audit.codes import Action, EventType, Kind, Media, Outcome, Role

# PS3.15 A.6: a receiver takes at least 32 KiB in one message. All of a record stays below it.
LONGEST_QUERY = 4096
LONGEST_TEXT = 512


@dataclass(frozen=True, kw_only=True)
class Participant:
    """ActiveParticipant. user: of a person the login, of a process its name or number.

    also: AlternativeUserID; of an AE `AETITLES=...` (A.5.2.2). address: IP address, host name, or
    where `media` is URI or a disk its label. requestor: it began what happened.
    """

    user: str
    also: str = ""
    name: str = ""
    requestor: bool = False
    role: Role | None = None
    address: str = ""
    media: Media | None = None


@dataclass(frozen=True, kw_only=True)
class Patient:
    """Whose data. id: Patient ID; name: as in the dataset, or ''."""

    id: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study, and which of its instances: SOP Class UID -> SOP Instance UIDs."""

    uid: str
    accession: str = ""
    instances: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Query:
    """What was asked. sop_class: UID, or the path of a request by HTTP. keys: as they were sent."""

    sop_class: str
    keys: bytes
    transfer_syntax: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditEvent:
    """What happened. `about`: UIDs and exam ids whose patient and study are looked up later.

    description: our own words (EventOutcomeDescription, or of an alert what is wrong). subject: of
    an alert, what it is about: a node, a user, a URI. collect: a part of a transfer, to be one
    record with the other parts.
    """

    at: datetime
    kind: Kind
    action: Action
    participants: tuple[Participant, ...]
    outcome: Outcome = Outcome.SUCCESS
    type: EventType | None = None
    description: str = ""
    patient: Patient | None = None
    studies: tuple[Study, ...] = ()
    query: Query | None = None
    subject: str = ""
    about: tuple[str, ...] = ()
    collect: bool = False

    @property
    def actor(self) -> str:
        """Who began it: the requestor, else the first participant."""
        began = next((each for each in self.participants if each.requestor), self.participants[0])
        return _utf8(began.user)[:LONGEST_TEXT]


def content_of(event: AuditEvent) -> str:
    """What a record keeps without a patient's name."""
    return _text(
        {
            "action": event.action.value,
            "type": event.type.value if event.type else "",
            "description": event.description[:LONGEST_TEXT],
            "subject": event.subject[:LONGEST_TEXT],
            "participants": [_participant(each) for each in event.participants],
            "studies": [
                {
                    "uid": study.uid,
                    "accession": study.accession,
                    "instances": {uid: list(uids) for uid, uids in study.instances.items()},
                }
                for study in event.studies
            ],
            "query": {
                "sop_class": event.query.sop_class[:LONGEST_TEXT],
                "transfer_syntax": event.query.transfer_syntax,
            }
            if event.query
            else None,
        }
    )


def private_of(event: AuditEvent) -> str:
    """What names a patient; '' where nothing does."""
    values: dict[str, str] = {}
    if event.patient is not None:
        values |= {"id": event.patient.id[:LONGEST_TEXT], "name": event.patient.name[:LONGEST_TEXT]}
    if event.query is not None:
        values["keys"] = base64.b64encode(event.query.keys[:LONGEST_QUERY]).decode()
    return _text(values) if values else ""


def event_from(*, at: datetime, kind: str, outcome: int, content: str, private: str) -> AuditEvent:
    """The event of a record. Raises ValueError where it is not one."""
    try:
        kept, values = json.loads(content), json.loads(private or "{}")
        query = kept["query"]
        return AuditEvent(
            at=at,
            kind=Kind(kind),
            action=Action(kept["action"]),
            outcome=Outcome(outcome),
            type=EventType(kept["type"]) if kept["type"] else None,
            description=kept["description"],
            subject=kept["subject"],
            participants=tuple(_participant_from(each) for each in kept["participants"]),
            patient=Patient(id=values["id"], name=values["name"]) if "id" in values else None,
            studies=tuple(
                Study(
                    uid=study["uid"],
                    accession=study["accession"],
                    instances={key: tuple(uids) for key, uids in study["instances"].items()},
                )
                for study in kept["studies"]
            ),
            query=Query(
                sop_class=query["sop_class"],
                transfer_syntax=query["transfer_syntax"],
                keys=base64.b64decode(values.get("keys", "")),
            )
            if query
            else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an audit record: {type(error).__name__}") from None


def as_document(event: AuditEvent) -> str:
    """An event for another process to take in (trail/inbox.py)."""
    return _text(
        {
            "at": event.at.isoformat(),
            "kind": event.kind.value,
            "outcome": event.outcome.value,
            "about": list(event.about),
            "content": content_of(event),
            "private": private_of(event),
        }
    )


def from_document(text: str) -> AuditEvent:
    """Raises ValueError."""
    try:
        values = json.loads(text)
        found = event_from(
            at=datetime.fromisoformat(values["at"]),
            kind=values["kind"],
            outcome=values["outcome"],
            content=values["content"],
            private=values["private"],
        )
        about: Sequence[Any] = values["about"]
        return replace(found, about=tuple(str(each) for each in about))
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an audit event: {type(error).__name__}") from None


def _participant(each: Participant) -> dict[str, object]:
    values: dict[str, object] = {"user": each.user[:LONGEST_TEXT], "requestor": each.requestor}
    for key, text in (("also", each.also), ("name", each.name), ("address", each.address)):
        if text:
            values[key] = text[:LONGEST_TEXT]
    if each.role:
        values["role"] = each.role.value
    if each.media:
        values["media"] = each.media.value
    return values


def _participant_from(values: Mapping[str, Any]) -> Participant:
    return Participant(
        user=values["user"],
        requestor=values["requestor"],
        also=values.get("also", ""),
        name=values.get("name", ""),
        address=values.get("address", ""),
        role=Role(values["role"]) if "role" in values else None,
        media=Media(values["media"]) if "media" in values else None,
    )


def _text(value: object) -> str:
    return _utf8(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def _utf8(text: str) -> str:
    """Without what UTF-8 cannot hold: half a surrogate pair, from bytes that were no text."""
    return text.encode("utf-8", "replace").decode("utf-8")
