"""Every HTTP route of a running node leaves the audit record that the table of routes says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from echonode.access.route_table import RULES
from echonode.audit.codes import EVENT_TYPES, Action, EventType, Kind
from echonode.audit.sources.record_rows import Recorded, Unrecorded
from echonode.audit.sources.route_records import RECORDS, SEARCHED
from tests.integration.audit.every_route import (
    RESOURCE_CALLS,
    ROUTES,
    SEARCHES,
    Called,
    called_node,
    user_of,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

# What this node refuses, or cannot do: its peers are away, and nothing is in conflict.
NOT_DONE = {
    "GET /ca.crt": 404,
    "GET /health/ready": 503,
    "POST /api/setup": 409,
    "POST /api/worklist/search": 502,
    "POST /api/studies/{uid}/acknowledge": 409,
    "POST /api/instances/{uid}/volume": 409,
    "POST /api/patients/erase": 404,
}
# Paths of DICOMweb are called one by one; these rows stand for them.
STAND_FOR_MANY = {"GET /dicom-web/*", "POST /dicom-web/*"}
# What the node records without the user who asked: see `Recorded.by`.
OF_THE_NODE = {"POST /api/worklist/refresh"}
BEGUN = Recorded(kind=Kind.BEGIN_TRANSFER, action=Action.EXECUTE)
CALLS = sorted({*ROUTES, *RESOURCE_CALLS} - STAND_FOR_MANY)
Codes = tuple[str, str, str]


@pytest.fixture(scope="module")
def called() -> Called:
    return called_node()


def row_of(call: str) -> Recorded | Unrecorded:
    """What is declared for it."""
    if call in SEARCHES:
        return SEARCHED
    return RECORDS[f"{call.split()[0]} /dicom-web/*" if call in RESOURCE_CALLS else call]


def codes(row: Recorded) -> Codes:
    """As a record shows them."""
    kind = row.event_type if row.type else None
    return row.kind.value, EVENT_TYPES[kind] if kind else "", row.action.value


def codes_found(record: Mapping[str, Any]) -> Codes:
    return record["kind"], record["type"], record["action"]


@pytest.mark.parametrize("call", CALLS)
def test_a_route_leaves_the_record_that_is_declared(called: Called, call: str) -> None:
    """Its event and type, of the user who asked, with the outcome; or none, where that is said."""
    row, status = row_of(call), called.statuses[call]
    assert NOT_DONE.get(call, 0) == status or 101 <= status < 300, status
    found = called.of(call)
    if isinstance(row, Unrecorded) or call in OF_THE_NODE or (row.by and status >= 400):
        assert found == []
        return
    declared = {codes(row)}
    if row.kind is Kind.TRANSFER and row.action is Action.READ:
        declared.add(codes(BEGUN))
    assert {codes_found(each) for each in found} == declared
    assert (found[-1]["outcome"] == 0) == (status < 400)


# Routes of no single patient: lists, the trail, users, what an image is not named by.
def names_a_patient(call: str) -> bool:
    """Whether the path, or the body, is of one patient."""
    parts = ("{exam}", "{uid}", "{study}", "/wado", "{probe}/live", "{probe}/frames", "/api/watch")
    in_body = ("POST /api/patients/held", "POST /api/patients/export")
    return call in in_body or any(part in call for part in parts)


@pytest.mark.parametrize("call", [call for call in CALLS if names_a_patient(call)])
def test_the_record_names_the_patient_whose_data_it_was(called: Called, call: str) -> None:
    """Who saw this patient can be answered, also of live pictures."""
    row = row_of(call)
    if isinstance(row, Unrecorded) or row.kind in (Kind.ALERT, Kind.QUERY):
        return
    patients = {each["patient"]["id"] for each in called.of(call) if each["patient"]}
    assert patients & {"P-55", "P-56"}, called.of(call)


@pytest.mark.parametrize(
    "call", [f"{rule.method} {rule.path}" for rule in RULES if rule.least is not None]
)
def test_a_stranger_at_a_route_is_an_alert(called: Called, call: str) -> None:
    """A caller without a session is refused, and the record has the route."""
    assert called.strange[call] == 401
    alerts = [
        each
        for each in called.trail
        if each["type"] == EVENT_TYPES[EventType.RESTRICTED_FUNCTION]
        and each["description"].startswith(f"{call}:")
    ]
    assert len(alerts) == 1
    assert {said["user"] for said in alerts[0]["participants"]} >= {"unknown"}


def test_the_nodes_own_query_is_recorded_as_its_own(called: Called) -> None:
    """A refresh of the worklist that reaches no RIS asks nothing, and leaves nothing."""
    assert called.of("POST /api/worklist/refresh") == []
    assert user_of("POST /api/worklist/refresh") not in str(called.trail)
