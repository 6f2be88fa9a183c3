"""Plain pynetdicom as the other side: what its users rely on works with us."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.presentation import build_context

from echonode.dimse.contexts import COMMITMENT, VERIFICATION
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import MoveRequest, SubOperations
from echonode.errors import AssociationLost
from echonode.model.commitment import STORAGE_COMMITMENT_PUSH_MODEL, CommitmentReport
from echonode.model.identity import Peer
from tests.integration.dimse.parts import (
    INSTANCE,
    LOOPBACK,
    REPORT,
    REQUEST,
    STORAGE,
    ULTRASOUND,
    Node,
    part10,
    peer,
    until,
)

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
MOVE = "1.2.840.10008.5.1.4.1.2.2.2"


def identifier() -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "STUDY"
    dataset.StudyInstanceUID = "1.2"
    return dataset


@pytest.fixture
def stock() -> AE:
    """A plain AE that proposes queries, retrievals and commitment."""
    ae = AE("SCU")
    syntaxes = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
    for uid in (FIND, MOVE, STORAGE_COMMITMENT_PUSH_MODEL):
        ae.add_requested_context(uid, syntaxes)
    return ae


@pytest.fixture
def stock_scp() -> Iterator[Callable[..., Peer]]:
    """Start plain acceptors of commitment with these handlers; the peer to call."""
    servers = []

    def start(*handlers: Any) -> Peer:
        ae = AE("STOCK")
        ae.add_supported_context(STORAGE_COMMITMENT_PUSH_MODEL, scu_role=True, scp_role=True)
        ae.add_supported_context("1.2.840.10008.1.1")
        ae.add_supported_context(ULTRASOUND, ExplicitVRLittleEndian)
        server = ae.start_server((LOOPBACK, 0), block=False, evt_handlers=list(handlers))
        assert server is not None
        servers.append(server)
        return peer("stock", ae_title="STOCK", port=server.server_address[1])

    yield start
    for server in servers:
        server.shutdown()


def test_a_query_of_a_plain_requestor(node: Node, stock: AE) -> None:
    """pynetdicom's send_c_find gets every answer and the final status."""
    assoc = stock.associate(LOOPBACK, node.port, ae_title="ECHONODE")
    answers = [status.Status for status, _ in assoc.send_c_find(identifier(), FIND)]
    assoc.release()
    assert answers == [0xFF00, 0xFF00, 0xFF00, 0x0000]


def test_a_move_ends_with_the_list_of_what_failed(node: Node, stock: AE) -> None:
    """B000 carries the Failed SOP Instance UID List and the counts."""

    def move(request: object) -> Iterator[SubOperations]:
        yield SubOperations(remaining=1, completed=1, failed=0, warning=0)
        yield SubOperations(
            remaining=0, completed=1, failed=1, warning=0, failed_sop_instance_uids=("1.2.3",)
        )

    node.archive.move = move  # type: ignore[method-assign]
    assoc = stock.associate(LOOPBACK, node.port, ae_title="ECHONODE")
    answers = list(assoc.send_c_move(identifier(), "SCU", MOVE))
    assoc.release()
    statuses = [status.Status for status, _ in answers]
    assert statuses == [0xFF00, 0xB000]
    final, failed = answers[-1]
    assert (final.NumberOfCompletedSuboperations, final.NumberOfFailedSuboperations) == (1, 1)
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList == "1.2.3"


def test_a_cancelled_move_says_what_remains(node: Node, stock: AE) -> None:
    """C-CANCEL during a C-MOVE gives FE00 with the remaining count."""

    def move(request: Any) -> Iterator[SubOperations]:
        for done in range(1_000_000):
            yield SubOperations(remaining=1_000_000 - done, completed=done, failed=0, warning=0)

    node.archive.move = move  # type: ignore[method-assign]
    assoc = stock.associate(LOOPBACK, node.port, ae_title="ECHONODE")
    answers: list[Dataset] = []
    for status, _ in assoc.send_c_move(identifier(), "SCU", MOVE, msg_id=9):
        if not answers:
            assoc.send_c_cancel(9, query_model=MOVE)
        answers.append(status)
    assoc.release()
    assert answers[-1].Status == 0xFE00
    assert answers[-1].NumberOfRemainingSuboperations > 0


@pytest.mark.parametrize("with_role", [True, False])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_report_on_a_new_association(node: Node, with_role: bool, syntax: str) -> None:
    """A report counts with and without the role proposed, and in Implicit LE alone."""
    ae = AE("SCU")
    context = build_context(STORAGE_COMMITMENT_PUSH_MODEL, syntax)
    roles = [build_role(STORAGE_COMMITMENT_PUSH_MODEL, scp_role=True)] if with_role else []
    assoc = ae.associate(
        LOOPBACK, node.port, contexts=[context], ext_neg=[*roles], ae_title="ECHONODE"
    )
    # Without the role its own library will not send: it is told that it has it.
    for accepted in assoc.accepted_contexts:
        accepted._as_scp = True
    event = Dataset()
    event.TransactionUID = REPORT.transaction_uid
    item = Dataset()
    item.ReferencedSOPClassUID = INSTANCE.sop_class_uid
    item.ReferencedSOPInstanceUID = INSTANCE.sop_instance_uid
    event.ReferencedSOPSequence = [item]
    instance = "1.2.840.10008.1.20.1.1"
    status, _ = assoc.send_n_event_report(event, 1, STORAGE_COMMITMENT_PUSH_MODEL, instance)
    assoc.release()
    assert status.Status == 0x0000
    assert node.archive.reports == [("us", REPORT)]


def test_a_plain_archive_reports_on_our_association(stock_scp: Callable[..., Peer]) -> None:
    """A stock archive that reports on the association of the request, during it, is answered."""
    answered: list[int] = []
    done = threading.Event()

    def on_action(event: evt.Event) -> tuple[int, None]:
        assoc, information = event.assoc, event.action_information

        def report() -> None:
            result = Dataset()
            result.TransactionUID = information.TransactionUID
            result.ReferencedSOPSequence = information.ReferencedSOPSequence
            status, _ = assoc.send_n_event_report(
                result, 1, STORAGE_COMMITMENT_PUSH_MODEL, "1.2.840.10008.1.20.1.1"
            )
            answered.append(status.get("Status", -1))
            done.set()

        threading.Timer(0.05, report).start()
        return 0x0000, None

    taken: list[CommitmentReport] = []
    pacs = stock_scp((evt.EVT_N_ACTION, on_action))

    def take(sender: Peer, report: CommitmentReport) -> int:
        taken.append(report)
        return 0x0000

    requestor = Requestor(ae_title="SCU", commit_report=take)
    with requestor.associate(pacs, [COMMITMENT]) as assoc:
        assert assoc.request_commitment(REQUEST) == 0x0000
        assert done.wait(30)
    assert taken == [REPORT]
    assert answered == [0x0000]


def test_the_peers_abort_is_noticed_while_idle(stock_scp: Callable[..., Peer]) -> None:
    """When the archive aborts between two messages, `is_open` says so without being asked."""
    pacs = stock_scp((evt.EVT_C_ECHO, _abort_soon))
    with Requestor(ae_title="SCU").associate(pacs, [VERIFICATION]) as assoc:
        assoc.c_echo()
        assert until(lambda: not assoc.is_open)


def _abort_soon(event: evt.Event) -> int:
    threading.Timer(0.05, event.assoc.abort).start()
    return 0x0000


@pytest.mark.parametrize(("answered", "is_another"), [("1.2.3.4", False), ("1.2.3.5", True)])
def test_an_answer_for_another_instance_is_seen(
    stock_scp: Callable[..., Peer], tmp_path: Path, answered: str, is_another: bool
) -> None:
    """PS3.7 9.1.1.1.5: the answer names the instance that was sent; one that names another says
    nothing of it, whatever its status."""

    def store(event: evt.Event) -> Dataset:
        response = Dataset()
        response.Status = 0x0000
        response.AffectedSOPInstanceUID = answered
        return response

    archive = stock_scp((evt.EVT_C_STORE, store))
    with Requestor(ae_title="ECHONODE").associate(archive, [STORAGE]) as assoc:
        response = assoc.c_store(part10(tmp_path / "file", b"\x08\x00\x18\x00UI\x02\x001\0"))
    assert (response.status, response.names_another) == (0x0000, is_another)


def test_an_archive_that_aborts_is_told_from_a_line_that_breaks(
    stock_scp: Callable[..., Peer], tmp_path: Path
) -> None:
    """A-ABORT in place of an answer is the archive's doing."""
    archive = stock_scp((evt.EVT_C_STORE, lambda event: event.assoc.abort() or 0x0000))
    assoc = Requestor(ae_title="ECHONODE").associate(archive, [STORAGE])
    with pytest.raises(AssociationLost) as lost:
        assoc.c_store(part10(tmp_path / "file", b"\x08\x00\x18\x00UI\x02\x001\0"))
    assert lost.value.by_peer
    until(lambda: assoc.was_broken)
    assoc.release()


def test_a_retrieval_ends_when_the_node_stops(node: Node, stock: AE) -> None:
    """A study of a thousand images at some tenths of a second each: the stop waits for the one that
    is under way and not for the others."""
    begun = threading.Event()
    done: list[int] = []

    def move(request: MoveRequest) -> Iterator[SubOperations]:
        for number in range(1000):
            if request.cancelled():
                return
            begun.set()
            threading.Event().wait(0.2)  # the move destination's own time
            done.append(number)
            yield SubOperations(remaining=999 - number, completed=number + 1, failed=0, warning=0)

    node.archive.move = move  # type: ignore[method-assign]
    assoc = stock.associate(LOOPBACK, node.port, ae_title="ECHONODE")
    asking = threading.Thread(target=lambda: list(assoc.send_c_move(identifier(), "SCU", MOVE)))
    asking.start()
    assert begun.wait(20)
    began = time.monotonic()
    node.acceptor.stop(60)
    assert time.monotonic() - began < 30
    assert len(done) < 100
    asking.join(20)
