"""An event as a DICOM Audit Message (PS3.15 A.5.1): pure, UTF-8, valid by the standard's schema.

Rules
- Element order and names are those of the Relax NG schema of A.5.1.1; tests/ has it as XML Schema.
- A character that XML 1.0 cannot hold becomes U+FFFD: a name from the wire must not lose a record.
- A patient that was erased from the trail is `(erased)`.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from xml.etree.ElementTree import Element, SubElement, tostring

from echonode.audit.codes import (
    CLASS_UID,
    DCM,
    EVENT_IDS,
    EVENT_TYPES,
    MEDIA,
    NODE_ID,
    PATIENT_NUMBER,
    ROLES,
    STUDY_UID,
    TYPE_OF_KIND,
    URI,
    USER_IDENTIFIER,
    Code,
    EventType,
    Kind,
)
from echonode.audit.event import AuditEvent, Participant, Patient, Query, Study

ERASED = "(erased)"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OF_USERS = frozenset({EventType.USER_SECURITY_CHANGED})


@dataclass(frozen=True, kw_only=True)
class Source:
    """AuditSourceIdentification: which system says so. site: AuditEnterpriseSiteID, or ''."""

    id: str
    site: str = ""


def audit_message(event: AuditEvent, source: Source, *, erased: bool = False) -> bytes:
    """The message's XML, without a declaration of its encoding, which RFC 5424 gives by the BOM."""
    root = Element("AuditMessage")
    _identify(root, event)
    for participant in event.participants:
        _participate(root, participant)
    said = SubElement(root, "AuditSourceIdentification")
    if source.site:
        said.set("AuditEnterpriseSiteID", _clean(source.site))
    said.set("AuditSourceID", _clean(source.id))
    # 2: data acquisition device or instrument; an isolated digit needs no scheme (A.5.1.1).
    SubElement(said, "AuditSourceTypeCode", {"csd-code": "2"})
    for each in _objects(event, erased=erased):
        root.append(each)
    written = bytes(tostring(root, encoding="utf-8"))
    return written.removeprefix(b"<?xml version='1.0' encoding='utf-8'?>\n")


def _identify(root: Element, event: AuditEvent) -> None:
    at = event.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said = SubElement(
        root,
        "EventIdentification",
        {
            "EventActionCode": event.action.value,
            "EventDateTime": at,
            "EventOutcomeIndicator": str(event.outcome.value),
        },
    )
    said.append(_coded("EventID", EVENT_IDS[event.kind]))
    kind = event.type or TYPE_OF_KIND.get(event.kind)
    if kind is not None:
        said.append(_coded("EventTypeCode", Code(kind.value, EVENT_TYPES[kind])))
    if event.description:
        SubElement(said, "EventOutcomeDescription").text = _clean(event.description)


def _participate(root: Element, each: Participant) -> None:
    said = SubElement(root, "ActiveParticipant", {"UserID": _clean(each.user) or "unknown"})
    if each.also:
        said.set("AlternativeUserID", _clean(each.also))
    if each.name:
        said.set("UserName", _clean(each.name))
    said.set("UserIsRequestor", "true" if each.requestor else "false")
    if each.address:
        said.set("NetworkAccessPointID", _clean(each.address))
        said.set("NetworkAccessPointTypeCode", _kind_of_address(each))
    if each.role is not None:
        said.append(_coded("RoleIDCode", Code(each.role.value, ROLES[each.role])))
    if each.media is not None:
        media = SubElement(said, "MediaIdentifier")
        media.append(_coded("MediaType", Code(each.media.value, MEDIA[each.media])))


def _kind_of_address(each: Participant) -> str:
    if each.media is not None:
        return "5"
    try:
        ipaddress.ip_address(each.address)
    except ValueError:
        return "1"
    return "2"


def _objects(event: AuditEvent, *, erased: bool) -> Iterator[Element]:
    for study in event.studies:
        yield _study(study)
    if erased and event.query is None:
        yield _patient(Patient(id=ERASED, name=ERASED))
    elif event.patient is not None:
        yield _patient(event.patient)
    if event.query is not None:
        yield _query(event.query)
    if event.kind is Kind.AUDIT:
        yield _object("2", "13", URI, event.subject, "Security Audit Log")
    elif event.subject:
        yield _subject(event)


def _study(study: Study) -> Element:
    made = _object("2", "3", STUDY_UID, study.uid, study.uid)
    if study.accession or study.instances:
        held = SubElement(made, "ParticipantObjectDescription")
        if study.accession:
            SubElement(held, "Accession", {"Number": _clean(study.accession)})
        for sop_class, uids in study.instances.items():
            known = {"UID": sop_class} if sop_class else {}
            of_class = SubElement(held, "SOPClass", {**known, "NumberOfInstances": str(len(uids))})
            for uid in uids:
                SubElement(of_class, "Instance", {"UID": _clean(uid)})
    return made


def _patient(patient: Patient) -> Element:
    return _object("1", "1", PATIENT_NUMBER, patient.id or "unknown", patient.name)


def _query(query: Query) -> Element:
    made = Element("ParticipantObjectIdentification", {"ParticipantObjectTypeCode": "2"})
    made.set("ParticipantObjectTypeCodeRole", "3")
    made.set("ParticipantObjectID", _clean(query.sop_class))
    by_uid = query.sop_class[:1].isdigit()
    made.append(_coded("ParticipantObjectIDTypeCode", CLASS_UID if by_uid else URI))
    keys = SubElement(made, "ParticipantObjectQuery")
    keys.text = base64.b64encode(query.keys).decode()
    if query.transfer_syntax:
        made.append(_detail("TransferSyntax", query.transfer_syntax))
    return made


def _subject(event: AuditEvent) -> Element:
    if event.type in _OF_USERS:
        made = _object("1", "11", USER_IDENTIFIER, event.subject, event.subject)
    else:
        code = URI if "/" in event.subject else NODE_ID
        made = _object("2", "13", code, event.subject, event.subject)
    if event.kind is Kind.ALERT and event.description:
        made.append(_detail("Alert Description", event.description))
    return made


def _object(type_code: str, role: str, code: Code, identifier: str, name: str) -> Element:
    made = Element("ParticipantObjectIdentification", {"ParticipantObjectTypeCode": type_code})
    made.set("ParticipantObjectTypeCodeRole", role)
    made.set("ParticipantObjectID", _clean(identifier))
    made.append(_coded("ParticipantObjectIDTypeCode", code))
    SubElement(made, "ParticipantObjectName").text = _clean(name)
    return made


def _detail(kind: str, text: str) -> Element:
    value = base64.b64encode(text.encode()).decode()
    return Element("ParticipantObjectDetail", {"type": kind, "value": value})


def _coded(name: str, code: Code) -> Element:
    return Element(
        name,
        {
            "csd-code": code.value,
            "codeSystemName": code.scheme or DCM,
            "displayName": code.meaning,
            "originalText": code.meaning,
        },
    )


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
