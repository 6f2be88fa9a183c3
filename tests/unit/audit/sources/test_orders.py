"""What a person enters into the worklist is recorded as an order, with its patient."""

from __future__ import annotations

import pytest

from echonode.audit.codes import Action, Kind
from echonode.audit.event import AuditEvent, Patient
from echonode.audit.sources.orders import AuditedOrders
from echonode.audit.xml import Source, audit_message
from tests.support.audit_schema import checked
from tests.unit.audit.events import US
from tests.unit.objects.orders import BEGAN, FULL_ITEM


@pytest.mark.parametrize(("taken_back", "action"), [(False, Action.CREATE), (True, Action.DELETE)])
def test_an_entry_is_an_order_record(taken_back: bool, action: Action) -> None:
    """Who, whose, which study; valid by the schema of PS3.15 A.5."""
    told: list[AuditEvent] = []
    AuditedOrders(told.append, US).entered(FULL_ITEM, by="anna", at=BEGAN, taken_back=taken_back)
    [event] = told
    assert (event.kind, event.action, event.actor) == (Kind.ORDER, action, "anna")
    assert event.patient == Patient(id="P-77", name=FULL_ITEM.patient.name)
    assert event.studies[0].uid == FULL_ITEM.study_instance_uid
    checked(audit_message(event, Source(id="E")))
