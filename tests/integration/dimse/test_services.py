"""Every service between two of ours, over real sockets."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

import pytest
from pydicom.dataset import Dataset
from structlog.testing import capture_logs

from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.contexts import (
    COMMITMENT,
    STORAGE_CLASSES,
    VERIFICATION,
    ProposedContext,
    find_context,
)
from echonode.dimse.limits import Limits
from echonode.dimse.messages.dataset_pdus import ROOM_BYTES
from echonode.dimse.requested_association import RequestedAssociation
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import (
    FindAnswer,
    FindRequest,
    IncomingHead,
    Part10File,
    SameAssociation,
)
from echonode.errors import (
    AssociationLost,
    AssociationRejected,
    ContextNotAccepted,
    Damaged,
    DimseFailure,
    IndexDamaged,
    OutOfSpace,
    PeerUnreachable,
)
from echonode.model.commitment import CommitmentReport, CommitmentRequest
from echonode.model.criteria import Root
from echonode.model.identity import Peer, Service
from tests.integration.dimse.parts import (
    INSTANCE,
    REPORT,
    REQUEST,
    STORAGE,
    ULTRASOUND,
    MemoryFile,
    Node,
    part10,
    peer,
    until,
)

CONTEXTS = [VERIFICATION, COMMITMENT, STORAGE, find_context(Root.STUDY)]


@pytest.fixture
def assoc(node: Node, requestor: Requestor) -> Iterator[RequestedAssociation]:
    """An open association with everything negotiated."""
    with requestor.associate(node.as_peer, CONTEXTS) as opened:
        yield opened


def identifier() -> Dataset:
    dataset = Dataset()
    dataset.QueryRetrieveLevel = "STUDY"
    dataset.StudyInstanceUID = ""
    return dataset


def test_an_echo_is_answered(assoc: RequestedAssociation) -> None:
    """C-ECHO gives status 0000, as often as it is asked."""
    assert [assoc.c_echo() for _ in range(3)] == [0, 0, 0]


def test_a_dataset_arrives_bit_for_bit(
    assoc: RequestedAssociation, node: Node, tmp_path: Path
) -> None:
    """Datasets of every size around the PDU's arrive as they were sent, in pieces."""
    for size in (2, 1_000, 262_136, 262_138, 262_140, 1_500_002):
        data = os.urandom(size)
        assert assoc.c_store(part10(tmp_path / "file", data)).status == 0x0000
        assert node.archive.data() == data
    assert node.archive.opened[-1].writes > 1


def test_a_store_tells_who_sent_what_and_why(
    assoc: RequestedAssociation, node: Node, tmp_path: Path
) -> None:
    """The handler sees the caller, the class, the instance, the syntax and the move originator."""
    file = part10(tmp_path / "file", b"12")
    assoc.c_store(file, move_originator_ae_title="VIEWER", move_originator_message_id=7)
    request = node.archive.stored[0]
    assert request.head.caller.name == "us"
    assert request.head.sop_class_uid == ULTRASOUND
    assert request.head.sop_instance_uid == file.sop_instance_uid
    assert request.head.transfer_syntax_uid == file.transfer_syntax_uid
    assert request.move_originator_ae_title == "VIEWER"
    assert request.move_originator_message_id == 7


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (DimseFailure(0xA900, "Other class"), 0xA900),
        (OutOfSpace("disk"), 0xA700),
        (IndexDamaged("the database file is damaged"), 0xA700),
        (OSError(28, "No space left on device"), 0xA700),
        (RuntimeError("boom"), 0x0110),
    ],
)
def test_what_a_store_handler_raises_becomes_a_status(
    assoc: RequestedAssociation, node: Node, tmp_path: Path, raised: Exception, status: int
) -> None:
    """A failed store is answered with its meaning, never C211, and the association goes on."""

    def fail(request: object) -> int:
        raise raised

    file = part10(tmp_path / "file", b"12")
    node.archive.store = fail  # type: ignore[method-assign]
    assert assoc.c_store(file).status == status
    assert assoc.c_echo() == 0


def test_a_handlers_fault_is_logged_once_and_without_values(
    assoc: RequestedAssociation, node: Node, tmp_path: Path
) -> None:
    """An unexpected fault leaves one event that quotes nothing of a dataset."""

    def fail(request: object) -> int:
        raise RuntimeError("Doe^Jane")

    node.archive.store = fail  # type: ignore[method-assign]
    with capture_logs() as events:
        assoc.c_store(part10(tmp_path / "file", b"12"))
    assert [event["event"] for event in events] == ["service_failed"]
    assert "Doe" not in str(events)


def test_a_full_disk_in_the_middle_is_a700(
    assoc: RequestedAssociation, node: Node, tmp_path: Path
) -> None:
    """When the disk fills up under a dataset, the rest is read away and A700 answered."""
    discarded = threading.Event()

    class FullFile(MemoryFile):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            raise OutOfSpace("no space")

        def discard(self) -> None:
            discarded.set()

    node.archive.open_incoming = FullFile  # type: ignore[method-assign]
    assert assoc.c_store(part10(tmp_path / "file", os.urandom(700_000))).status == 0xA700
    assert discarded.is_set()
    assert assoc.c_echo() == 0


def test_a_store_may_be_refused_before_its_dataset(
    assoc: RequestedAssociation, node: Node, tmp_path: Path
) -> None:
    """A handler that refuses on the head alone gets no bytes, and its status goes out."""

    def refuse(head: IncomingHead) -> MemoryFile:
        raise DimseFailure(0xA700, "Full")

    node.archive.open_incoming = refuse  # type: ignore[method-assign]
    response = assoc.c_store(part10(tmp_path / "file", b"12" * 1000))
    assert (response.status, response.comment) == (0xA700, "Full")
    assert node.archive.stored == []


def test_a_uid_from_the_wire_is_checked_before_anything_is_opened(
    assoc: RequestedAssociation, node: Node, tmp_path: Path
) -> None:
    """A SOP Instance UID that is not one is refused with 0117, and no file is made for it."""
    for uid in ("../../etc/passwd", "1..2", "1.02", "9" * 65):
        response = assoc.c_store(part10(tmp_path / "file", b"12", sop_instance_uid=uid))
        assert response.status == 0x0117
    assert node.archive.opened == []


def test_a_missing_or_shrunken_file_is_ours_to_mend(
    assoc: RequestedAssociation, tmp_path: Path
) -> None:
    """A file that is gone raises Damaged before a byte goes out; the association goes on."""
    file = part10(tmp_path / "file", b"12")
    file.path.unlink()
    with pytest.raises(Damaged):
        assoc.c_store(file)
    assert assoc.c_echo() == 0


@pytest.mark.parametrize("size", [10_000, 3 * ROOM_BYTES + 1])
def test_bytes_that_are_not_those_stored_do_not_go_out(
    assoc: RequestedAssociation, node: Node, tmp_path: Path, size: int
) -> None:
    """Where the dataset's hash is known, one wrong bit anywhere keeps all of it here, be it of one
    write or of many; the association goes on."""
    data = os.urandom(size)

    def file_of(dataset: bytes) -> Part10File:
        """A dataset without File Meta Information, and the hash of what it should be."""
        made = part10(tmp_path / "instance.dcm", b"")
        made.path.write_bytes(dataset)
        hashed = sha256(data).hexdigest()
        return replace(made, dataset_offset=0, size=size, dataset_sha256=hashed)

    for position in (0, size // 2, size - 1):
        rotten = bytearray(data)
        rotten[position] ^= 0x10
        with pytest.raises(Damaged, match="not those that were stored"):
            assoc.c_store(file_of(bytes(rotten)))
    assert node.archive.opened == []
    assert assoc.is_open
    assert assoc.c_store(file_of(data)).status == 0x0000
    assert node.archive.data() == data + b"\0" * (size % 2)


def test_a_query_streams_its_answers(assoc: RequestedAssociation, node: Node) -> None:
    """Each match comes as Pending with its identifier, then the final 0000."""
    answers = list(assoc.c_find(Root.STUDY, identifier()))
    assert [status for status, _ in answers] == [0xFF00, 0xFF00, 0xFF00, 0x0000]
    assert answers[1][1] is not None
    assert answers[1][1].StudyInstanceUID == "1.2.1"
    assert answers[3][1] is None
    assert node.archive.found[0].root is Root.STUDY


def test_closing_a_query_early_cancels_it_at_once(assoc: RequestedAssociation, node: Node) -> None:
    """A caller that has seen enough ends the handler within a second; the association goes on."""
    closed = threading.Event()

    def endless(request: FindRequest) -> Iterator[FindAnswer]:
        try:
            while True:
                yield FindAnswer(identifier=identifier())
        finally:
            closed.set()

    node.archive.find = endless  # type: ignore[method-assign]
    answers = assoc.c_find(Root.STUDY, identifier())
    next(answers)
    answers.close()
    assert closed.wait(1.0)
    assert assoc.c_echo() == 0


def test_a_query_that_finds_nothing_yet_can_be_cancelled(
    assoc: RequestedAssociation, node: Node
) -> None:
    """A handler that searches without yielding sees the C-CANCEL by asking `cancelled()`."""
    searches, seen = threading.Event(), threading.Event()

    def searching(request: FindRequest) -> Iterator[FindAnswer]:
        yield FindAnswer(identifier=identifier())
        searches.set()
        while not request.cancelled():
            time.sleep(0.001)
        seen.set()

    node.archive.find = searching  # type: ignore[method-assign]
    answers = assoc.c_find(Root.STUDY, identifier())
    next(answers)
    assert searches.wait(5.0)
    answers.close()
    assert seen.wait(1.0)


def test_a_requestor_that_vanishes_ends_its_query(node: Node, requestor: Requestor) -> None:
    """When the caller is gone the handler's generator is closed, not run to its end."""
    closed = threading.Event()
    kept: list[Iterator[FindAnswer]] = []

    def endless(request: FindRequest) -> Iterator[FindAnswer]:
        try:
            while True:
                yield FindAnswer(identifier=identifier())
        finally:
            closed.set()

    def find(request: FindRequest) -> Iterator[FindAnswer]:
        kept.append(endless(request))  # held on to: nobody but the server closes it
        return kept[0]

    node.archive.find = find  # type: ignore[method-assign]
    opened = requestor.associate(node.as_peer, [find_context(Root.STUDY)])
    next(opened.c_find(Root.STUDY, identifier()))
    opened.abort()
    assert closed.wait(5.0)


def test_a_bad_identifier_is_answered_not_dropped(assoc: RequestedAssociation, node: Node) -> None:
    """Whatever a handler finds wrong goes out as its status and comment."""

    def refuse(request: FindRequest) -> Iterator[FindAnswer]:
        raise DimseFailure(0xA900, "Bad level")
        yield

    node.archive.find = refuse  # type: ignore[method-assign]
    assert list(assoc.c_find(Root.STUDY, identifier())) == [(0xA900, None)]


def test_a_commitment_request_reaches_its_handler(assoc: RequestedAssociation, node: Node) -> None:
    """N-ACTION carries the transaction and the instances."""
    assert assoc.request_commitment(REQUEST) == 0x0000
    assert node.archive.requests == [REQUEST]


@pytest.mark.parametrize("moment", ["before the answer", "after the answer"])
def test_a_report_on_the_same_association_is_taken_at_any_time(node: Node, moment: str) -> None:
    """A report before the N-ACTION answer, or while we are idle, is taken and answered."""
    taken: list[tuple[str, CommitmentReport]] = []
    statuses: list[int] = []

    def take(sender: Peer, report: CommitmentReport) -> int:
        taken.append((sender.name, report))
        return 0x0000

    def commit(caller: Peer, request: CommitmentRequest, same: SameAssociation) -> int:
        if moment == "before the answer":
            statuses.append(same.report(REPORT))
        else:
            node.archive.same.append(same)
        return 0x0000

    node.archive.commit_request = commit  # type: ignore[method-assign]
    requestor = Requestor(ae_title="SCU", commit_report=take)
    with requestor.associate(node.as_peer, CONTEXTS) as opened:
        assert opened.request_commitment(REQUEST) == 0x0000
        # from another thread, the association being idle
        statuses += [same.report(REPORT) for same in node.archive.same]
    assert statuses == [0x0000]
    assert taken == [("node", REPORT)]


def test_a_report_in_the_middle_of_a_store_is_taken(node: Node, tmp_path: Path) -> None:
    """A report while a C-STORE of ours waits for its answer is answered; so is the store."""
    taken = threading.Event()
    statuses: list[int] = []

    def take(sender: Peer, report: CommitmentReport) -> int:
        taken.set()
        return 0x0000

    def store(request: object) -> int:
        statuses.append(node.archive.same[0].report(REPORT))
        return 0x0000

    node.archive.store = store  # type: ignore[method-assign]
    requestor = Requestor(ae_title="SCU", commit_report=take)
    with requestor.associate(node.as_peer, CONTEXTS) as opened:
        opened.request_commitment(REQUEST)
        assert opened.c_store(part10(tmp_path / "file", b"12")).status == 0x0000
    assert taken.is_set()
    assert statuses == [0x0000]


def test_a_report_that_could_not_be_kept_is_refused(
    node: Node, assoc: RequestedAssociation
) -> None:
    """When the database fails, the report is answered 0110, so that the archive sends it again."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("database")

    node.archive.commit_report = fail  # type: ignore[method-assign]
    assert assoc.report_commitment(REPORT) == 0x0110


def test_a_report_names_the_failed_instances_and_why(
    node: Node, assoc: RequestedAssociation
) -> None:
    """Failure reasons arrive with their instances, on an association opened for the report."""
    report = CommitmentReport(transaction_uid="1.2.9.1", committed=(), failed={INSTANCE: 0x0112})
    assert assoc.report_commitment(report) == 0x0000
    assert node.archive.reports == [("us", report)]


def test_two_threads_may_use_one_association(
    assoc: RequestedAssociation, node: Node, tmp_path: Path
) -> None:
    """Messages of several threads never mix; each gets its own answer."""
    files = [part10(tmp_path / f"{n}", bytes([n]) * 300_000) for n in range(4)]
    statuses: list[int] = []

    def send(file_number: int) -> None:
        statuses.extend(assoc.c_store(files[file_number]).status for _ in range(5))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [0] * 20
    assert all(len(set(node.archive.data(n))) == 1 for n in range(20))


def test_a_peer_gets_only_what_it_may(make_node: Callable[..., Node], tmp_path: Path) -> None:
    """A class that the configuration does not grant is not negotiated; others are."""
    node = make_node(None, peer(may=frozenset({Service.ECHO})))
    with Requestor(ae_title="SCU").associate(node.as_peer, CONTEXTS) as opened:
        assert {abstract_syntax for abstract_syntax, _ in opened.accepted} == {"1.2.840.10008.1.1"}
        with pytest.raises(ContextNotAccepted):
            opened.c_store(part10(tmp_path / "file", b"12"))


def test_a_store_from_a_peer_that_may_only_get_is_0124(
    make_node: Callable[..., Node], tmp_path: Path
) -> None:
    """Storage contexts exist for C-GET's sake; a store of the peer's own is "not authorised"."""
    node = make_node(None, peer(may=frozenset({Service.GET})))
    with Requestor(ae_title="SCU").associate(node.as_peer, [STORAGE]) as opened:
        assert opened.c_store(part10(tmp_path / "file", b"12")).status == 0x0124
    assert node.archive.opened == []


@pytest.mark.parametrize(
    ("calling", "called", "reason"), [("STRANGER", "ECHONODE", 3), ("SCU", "OTHER", 7)]
)
def test_only_configured_names_are_let_in(
    node: Node, calling: str, called: str, reason: int
) -> None:
    """A stranger is rejected with reason 3, a call for another name with reason 7, permanently."""
    other = peer("node", ae_title=called, port=node.port)
    with pytest.raises(AssociationRejected) as caught:
        Requestor(ae_title=calling).associate(other, [VERIFICATION])
    assert (caught.value.result, caught.value.source, caught.value.reason) == (1, 1, reason)
    assert not caught.value.transient


def test_rejections_are_logged_once_in_a_while(node: Node) -> None:
    """A caller that tries again and again makes one line, not one for each attempt."""
    with capture_logs() as events:
        for _ in range(5):
            with pytest.raises(AssociationRejected):
                Requestor(ae_title="STRANGER").associate(node.as_peer, [VERIFICATION])
        # logged after the answer went out
        assert until(lambda: bool(events))
    rejected = [event for event in events if event["event"] == "association_rejected"]
    assert len(rejected) == 1
    assert rejected[0]["diagnostic"] == 3


def test_nobody_listening_is_peer_unreachable(requestor: Requestor) -> None:
    """A refused connection, an unknown host and a peer that rejects are three errors."""
    with pytest.raises(PeerUnreachable, match="refused"):
        requestor.associate(peer("pacs", port=1), [VERIFICATION])
    nowhere = Peer(name="x", ae_title="X", host="no.such.host.invalid", port=104, may=frozenset())
    with pytest.raises(PeerUnreachable, match="not a known host"):
        requestor.associate(nowhere, [VERIFICATION])


def test_a_listener_that_is_silent_is_given_up(make_node: Callable[..., Node]) -> None:
    """A peer that accepts the connection and never answers is lost after the ACSE deadline."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        requestor = Requestor(ae_title="SCU", limits=Limits(acse_s=0.2, linger_s=0.1))
        with pytest.raises(AssociationLost):
            requestor.associate(peer(port=silent.getsockname()[1]), [VERIFICATION])


def test_no_common_class_is_context_not_accepted(node: Node, requestor: Requestor) -> None:
    """A peer that takes none of our contexts is named as such, and left without an association."""
    unknown = ProposedContext(abstract_syntax="1.2.3.4.5", transfer_syntaxes=("1.2.840.10008.1.2",))
    with pytest.raises(ContextNotAccepted):
        requestor.associate(node.as_peer, [unknown])


def test_more_than_128_contexts_are_refused_by_name(node: Node, requestor: Requestor) -> None:
    """What may be left out is for the caller to say: nothing is trimmed in silence."""
    many = [
        ProposedContext(abstract_syntax=uid, transfer_syntaxes=("1.2.840.10008.1.2",))
        for uid in sorted(STORAGE_CLASSES)
    ]
    with pytest.raises(ValueError, match="172 presentation contexts"):
        requestor.associate(node.as_peer, many)


def test_every_listener_serves(make_node: Callable[..., Node]) -> None:
    """One acceptor may listen on several ports; each serves the same peers."""
    first = make_node()
    acceptor = Acceptor(
        ae_title="ECHONODE",
        listeners=[ListenerAddress(host="127.0.0.1", port=0)] * 2,
        peers=[peer()],
        services=first.archive.services(),
    )
    acceptor.start()
    ports = [port for _, port in acceptor.addresses]
    assert len(set(ports)) == 2
    for port in ports:
        called = peer("node", ae_title="ECHONODE", port=port)
        with Requestor(ae_title="SCU").associate(called, [VERIFICATION]) as opened:
            assert opened.c_echo() == 0
    acceptor.stop(5.0)


def test_a_port_that_is_taken_is_named(make_node: Callable[..., Node]) -> None:
    """Starting fails with the address in the message, and nothing is left listening."""
    node = make_node()
    free = ListenerAddress(host="127.0.0.1", port=0)
    taken = ListenerAddress(host="127.0.0.1", port=node.port)
    acceptor = Acceptor(
        ae_title="ECHONODE",
        listeners=[free, taken],
        peers=[],
        services=node.archive.services(),
    )
    with pytest.raises(OSError, match=f"127.0.0.1:{node.port}"):
        acceptor.start()
    assert acceptor.addresses == []
