"""Each kind of event is a message that the standard's schema and tables accept."""

from __future__ import annotations

from dataclasses import replace

import pytest
import xmlschema

from echonode.audit.codes import EVENT_IDS, Kind
from echonode.audit.event import (
    AuditEvent,
    as_document,
    content_of,
    event_from,
    from_document,
    private_of,
)
from echonode.audit.transfers import MOST
from echonode.audit.xml import ERASED, Source, audit_message
from tests.support.audit_schema import checked
from tests.unit.audit.events import DOE, instance, of_every_kind

SOURCE = Source(id="ECHONODE", site="Example Clinic")


@pytest.mark.parametrize("event", of_every_kind(), ids=lambda e: f"{e.kind}-{e.subject}")
def test_a_message_of_each_kind_is_valid(event: AuditEvent) -> None:
    """Control characters, surrogates and markup in names included."""
    root = checked(audit_message(event, SOURCE))
    assert root[0][0].get("csd-code") == EVENT_IDS[event.kind].value


def test_every_kind_is_tried() -> None:
    """A new kind needs its message."""
    assert {event.kind for event in of_every_kind()} == set(Kind)


def test_the_schema_refuses_what_is_no_message() -> None:
    """The check above can fail."""
    message = audit_message(instance(), SOURCE)
    for broken in (
        message.replace(b'EventOutcomeIndicator="0"', b'EventOutcomeIndicator="1"'),
        message.replace(b"AuditSourceID=", b"AuditSourceId="),
        message.replace(b"csd-code=", b"code="),
    ):
        with pytest.raises(xmlschema.XMLSchemaValidationError):
            checked(broken)


def test_the_largest_transfer_fits_into_a_message() -> None:
    """A receiver takes at least 32768 octets (PS3.15 A.6)."""
    uid = "1." * 31 + "12"
    many = {f"{uid[:-1]}{n % 10}": tuple(f"{uid[:-4]}{n:04}" for n in range(MOST)) for n in (0,)}
    event = replace(instance(), studies=(replace(instance().studies[0], instances=many),))
    assert len(audit_message(event, SOURCE)) < 32_000


@pytest.mark.parametrize("event", of_every_kind(), ids=lambda e: f"{e.kind}-{e.subject}")
def test_a_record_gives_its_event_back(event: AuditEvent) -> None:
    """From the trail's two texts, and from the inbox's one."""
    if event.patient is not None:  # half a surrogate pair has no bytes
        event = replace(event, patient=replace(event.patient, name="Müller^J\x1b&山田"))
    back = event_from(
        at=event.at,
        kind=event.kind,
        outcome=event.outcome,
        content=content_of(event),
        private=private_of(event),
    )
    assert back == event
    assert from_document(as_document(event)) == event


def test_what_names_a_patient_is_in_the_private_part_alone() -> None:
    """It is what an erasure empties; the message then says so."""
    event = instance()
    assert DOE.id not in content_of(event)
    assert "Doe" in private_of(event)
    erased = event_from(
        at=event.at, kind=event.kind, outcome=0, content=content_of(event), private=""
    )
    message = audit_message(erased, SOURCE, erased=True)
    checked(message)
    assert b"Doe" not in message
    assert ERASED.encode() in message
