"""Every DIMSE service has its record: of the peer that asked, and valid by the standard."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian

from echonode.audit.codes import Action, Kind, Outcome
from echonode.audit.event import AuditEvent
from echonode.audit.sources.own_requests import ObservedRequests
from echonode.audit.sources.services import AuditedServices
from echonode.audit.xml import Source, audit_message
from echonode.dimse.contexts import FIND_CLASSES, WORKLIST_CLASS
from echonode.dimse.services import (
    FindRequest,
    GetRequest,
    IncomingHead,
    MoveRequest,
    Part10File,
    Services,
    StoreRequest,
    StoreResponse,
    SubOperations,
    WorklistRequest,
)
from echonode.errors import DimseFailure
from echonode.model.commitment import CommitmentReport, CommitmentRequest, ReferencedInstance
from echonode.model.criteria import Root
from echonode.model.identity import Peer, Service
from tests.support.audit_schema import checked
from tests.unit.audit.events import AT, US

PEER = Peer(name="reading", ae_title="READING1", host="10.0.3.31", port=104, may=frozenset())
IMAGE = ReferencedInstance(sop_class_uid="1.2", sop_instance_uid="1.2.3.4")
FILE = Part10File(
    path=Path("x"),
    sop_class_uid="1.2",
    sop_instance_uid="1.2.3.4",
    transfer_syntax_uid=ImplicitVRLittleEndian,
    dataset_offset=0,
    size=1,
)


def keys() -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel, dataset.PatientName, dataset.PatientID = "STUDY", "Doe*", "P-1"
    return dataset


def nothing_found(*_: object) -> Iterator[Any]:
    yield from ()


def one_instance(request: GetRequest) -> Iterator[SubOperations]:
    request.store(FILE)
    yield SubOperations(remaining=0, completed=1, failed=0, warning=0)


def services(status: int = 0) -> Services:
    return Services(
        open_incoming=lambda head: None,  # type: ignore[arg-type,return-value]  # is not called
        store=lambda request: status,
        find=nothing_found,
        move=nothing_found,
        get=one_instance,
        commit_request=lambda *_: status,
        commit_report=lambda *_: status,
        worklist=nothing_found,
        create_step=lambda caller, uid, attributes: uid or "1.9",
        set_step=lambda caller, uid, attributes: None,
    )


def never() -> bool:
    return False


STORE = StoreRequest(
    head=IncomingHead(
        caller=PEER,
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid=ImplicitVRLittleEndian,
    ),
    incoming=None,  # type: ignore[arg-type]  # the handler's own
)
FIND = FindRequest(
    caller=PEER, root=Root.STUDY, identifier=keys(), relational=False, cancelled=never
)
WORKLIST = WorklistRequest(caller=PEER, identifier=keys(), cancelled=never)
MOVE = MoveRequest(
    caller=PEER,
    root=Root.STUDY,
    identifier=keys(),
    move_destination="X",
    message_id=1,
    cancelled=never,
)
GET = GetRequest(
    caller=PEER,
    root=Root.STUDY,
    identifier=keys(),
    store=lambda file: StoreResponse(status=0),
    cancelled=never,
)
ASKED = CommitmentRequest(transaction_uid="1.5", instances=(IMAGE,))
REPORTED = CommitmentReport(transaction_uid="1.5", committed=(IMAGE,), failed={})
# Field of Services -> how it is called, and the records that it leaves.
CALLS: dict[str, tuple[Callable[[Services], object], list[tuple[Kind, Action]]]] = {
    "store": (lambda s: s.store(STORE), [(Kind.TRANSFER, Action.CREATE)]),
    "find": (lambda s: list(s.find(FIND)), [(Kind.QUERY, Action.EXECUTE)]),
    "worklist": (lambda s: list(s.worklist(WORKLIST)), [(Kind.QUERY, Action.EXECUTE)]),
    "move": (lambda s: list(s.move(MOVE)), [(Kind.QUERY, Action.EXECUTE)]),
    "get": (
        lambda s: list(s.get(GET)),
        [(Kind.QUERY, Action.EXECUTE), (Kind.TRANSFER, Action.READ)],
    ),
    "commit_request": (
        lambda s: s.commit_request(PEER, ASKED, None),  # type: ignore[arg-type]  # is not used
        [(Kind.ACCESS, Action.READ)],
    ),
    "commit_report": (
        lambda s: s.commit_report(PEER, REPORTED),
        [(Kind.ACCESS, Action.UPDATE)],
    ),
    "create_step": (
        lambda s: s.create_step(PEER, "1.9", keys()),
        [(Kind.PROCEDURE, Action.CREATE)],
    ),
    "set_step": (lambda s: s.set_step(PEER, "1.9", keys()), [(Kind.PROCEDURE, Action.UPDATE)]),
}
# A dataset on its way is recorded when `store` has it; refused before, nothing of it came.
PART_OF_ANOTHER = {"open_incoming"}


def test_every_service_is_tried() -> None:
    """A new service needs its record; C-ECHO gives nothing of a patient and has none."""
    assert {f.name for f in dataclasses.fields(Services)} == {*CALLS, *PART_OF_ANOTHER}
    assert set(Service) == {
        Service.ECHO,
        Service.STORE,
        Service.FIND,
        Service.MOVE,
        Service.GET,
        Service.COMMIT,
        Service.WORKLIST,
    }


@pytest.mark.parametrize("name", CALLS)
def test_a_service_leaves_its_record(name: str) -> None:
    """Who asked, by which AE title, from where."""
    told: list[AuditEvent] = []
    audited = AuditedServices(told.append, US, lambda: AT).around(services())
    call, expected = CALLS[name]
    call(audited)
    assert [(event.kind, event.action) for event in told] == expected
    for event in told:
        root = checked(audit_message(event, Source(id="E")))
        peer = next(e for e in root.iter("ActiveParticipant") if e.get("UserID") == "reading")
        assert peer.get("AlternativeUserID") == "AETITLES=READING1"
        assert peer.get("NetworkAccessPointID") == "10.0.3.31"
        assert event.actor == "reading"


def test_the_keys_of_a_query_are_in_its_record() -> None:
    """As the standard wants it; they may name a patient, and are in the private part."""
    told: list[AuditEvent] = []
    audited = AuditedServices(told.append, US, lambda: AT).around(services())
    list(audited.find(FIND))
    assert told[0].query is not None
    assert b"Doe*" in told[0].query.keys
    assert told[0].query.sop_class == FIND_CLASSES[Root.STUDY]


def test_what_was_refused_is_recorded_as_a_failure() -> None:
    """And the peer still gets its status."""

    def refuse(*_: object) -> Any:
        raise DimseFailure(0xA900, "no")

    told: list[AuditEvent] = []
    refusing = dataclasses.replace(services(), store=refuse, set_step=refuse, create_step=refuse)
    audited = AuditedServices(told.append, US, lambda: AT).around(refusing)
    for name in ("store", "set_step", "create_step"):
        with pytest.raises(DimseFailure):
            CALLS[name][0](audited)
    assert {event.outcome for event in told} == {Outcome.MINOR_FAILURE}
    assert all("A900" in event.description for event in told)


def test_what_the_node_sends_and_asks_has_its_record() -> None:
    """Deliveries, C-MOVE, the worklist, steps. To ask an archive what it has leaves no record."""
    told: list[AuditEvent] = []
    observed = ObservedRequests(told.append, US, lambda: AT)
    observed.sent(PEER, FILE, StoreResponse(status=0))
    observed.sent(PEER, FILE, StoreResponse(status=0xA700))
    observed.asked(PEER, WORKLIST_CLASS, b"\x10\x00", ImplicitVRLittleEndian)
    observed.asked(PEER, FIND_CLASSES[Root.STUDY], b"\x10\x00", ImplicitVRLittleEndian)
    observed.stepped(PEER, "1.9", keys(), created=True, status=0x0111)
    observed.stepped(PEER, "1.9", keys(), created=False, status=0x0110)
    assert [(event.kind, event.outcome) for event in told] == [
        (Kind.TRANSFER, Outcome.SUCCESS),
        (Kind.TRANSFER, Outcome.MINOR_FAILURE),
        (Kind.QUERY, Outcome.SUCCESS),
        (Kind.PROCEDURE, Outcome.SUCCESS),
        (Kind.PROCEDURE, Outcome.MINOR_FAILURE),
    ]
    for event in told:
        checked(audit_message(event, Source(id="E")))
        assert event.actor == US.user
