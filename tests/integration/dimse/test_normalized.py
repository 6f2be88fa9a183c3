"""N-CREATE and N-SET against plain pynetdicom: what arrives, and what is made of the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE, evt

from echonode.dimse.contexts import MPPS, VERIFICATION
from echonode.dimse.requestor import Requestor
from echonode.errors import AssociationLost, ContextNotAccepted
from echonode.model.identity import Peer
from tests.integration.dimse.parts import LOOPBACK, peer

STEP_CLASS = MPPS.abstract_syntax


def step(status: str) -> Dataset:
    """The attribute that both messages carry, and a name beyond ASCII."""
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Yamada^Tarou=山田^太郎"
    dataset.PerformedProcedureStepStatus = status
    return dataset


@pytest.fixture
def ris() -> Iterator[Callable[..., Peer]]:
    """Start plain acceptors of procedure steps with these handlers; the peer to call."""
    servers = []

    def start(*handlers: Any) -> Peer:
        ae = AE("RIS")
        ae.add_supported_context(STEP_CLASS, ImplicitVRLittleEndian)
        ae.add_supported_context("1.2.840.10008.1.1")
        server: Any = ae.start_server((LOOPBACK, 0), block=False, evt_handlers=list(handlers))
        servers.append(server)
        return peer("ris", ae_title="RIS", port=server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()


def test_an_instance_is_created_and_changed_under_its_uid(ris: Callable[..., Peer]) -> None:
    """Class, UID and dataset arrive as they were given, in one association or in two."""
    seen: list[tuple[str, str, str, Dataset]] = []

    def created(event: evt.Event) -> tuple[int, Dataset]:
        request: Any = event.request
        seen.append(
            (
                "create",
                str(request.AffectedSOPClassUID),
                str(request.AffectedSOPInstanceUID),
                event.attribute_list,
            )
        )
        return 0x0000, event.attribute_list

    def changed(event: evt.Event) -> tuple[int, Dataset]:
        request: Any = event.request
        seen.append(
            (
                "set",
                str(request.RequestedSOPClassUID),
                str(request.RequestedSOPInstanceUID),
                event.modification_list,
            )
        )
        return 0x0000, event.modification_list

    at = ris((evt.EVT_N_CREATE, created), (evt.EVT_N_SET, changed))
    requestor = Requestor(ae_title="SCU")
    with requestor.associate(at, [MPPS]) as assoc:
        assert assoc.n_create(STEP_CLASS, "1.2.3", step("IN PROGRESS")).status == 0x0000
        assert assoc.n_set(STEP_CLASS, "1.2.3", step("IN PROGRESS")).status == 0x0000
    with requestor.associate(at, [MPPS]) as assoc:
        assert assoc.n_set(STEP_CLASS, "1.2.3", step("COMPLETED")).status == 0x0000
    assert [entry[:3] for entry in seen] == [
        ("create", STEP_CLASS, "1.2.3"),
        ("set", STEP_CLASS, "1.2.3"),
        ("set", STEP_CLASS, "1.2.3"),
    ]
    for entry, status in zip(seen, ("IN PROGRESS", "IN PROGRESS", "COMPLETED"), strict=True):
        assert entry[3].PerformedProcedureStepStatus == status
        assert entry[3].PatientName == "Yamada^Tarou=山田^太郎"


def test_a_refusal_comes_with_its_comment(ris: Callable[..., Peer]) -> None:
    """The status is not an error of ours: the caller decides what it means."""

    def refuse(event: evt.Event) -> tuple[Dataset, None]:
        answer = Dataset()
        answer.Status = 0x0110
        answer.ErrorComment = "step is over"
        return answer, None

    at = ris((evt.EVT_N_SET, refuse))
    with Requestor(ae_title="SCU").associate(at, [MPPS]) as assoc:
        answer = assoc.n_set(STEP_CLASS, "1.2.3", step("COMPLETED"))
    assert (answer.status, answer.comment) == (0x0110, "step is over")


def test_a_peer_that_does_not_take_the_class_is_an_error(ris: Callable[..., Peer]) -> None:
    """Nothing is sent."""
    with (
        Requestor(ae_title="SCU").associate(ris(), [VERIFICATION]) as assoc,
        pytest.raises(ContextNotAccepted),
    ):
        assoc.n_create(STEP_CLASS, "1.2.3", step("IN PROGRESS"))


def test_an_abort_in_place_of_the_answer_is_an_error(ris: Callable[..., Peer]) -> None:
    """Whether the instance was made is not known then."""

    def leave(event: evt.Event) -> tuple[int, None]:
        event.assoc.abort()
        return 0x0000, None

    at = ris((evt.EVT_N_CREATE, leave))
    assoc = Requestor(ae_title="SCU").associate(at, [MPPS])
    with pytest.raises(AssociationLost):
        assoc.n_create(STEP_CLASS, "1.2.3", step("IN PROGRESS"))
    assoc.abort()
