"""What a broken or hostile peer may do to us: nothing. C-ECHO is answered all the while."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from echonode.dimse.contexts import VERIFICATION
from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import HAS_DATASET, CommandField, CommandSet, encode
from echonode.dimse.requested_association import RequestedAssociation
from echonode.dimse.requestor import Requestor
from echonode.dimse.upper_layer import transport
from echonode.dimse.upper_layer.pdu_stream import message_pdus
from echonode.errors import AssociationLost, AssociationRejected
from tests.integration.dimse.parts import (
    INSTANCE,
    STORAGE,
    ULTRASOUND,
    Node,
    connect,
    descriptors,
    dimse_threads,
    part10,
    peer,
    read_all,
    until,
)
from tests.integration.dimse.recording import record_request

SHORT_LIMITS = Limits(request_s=3.0, pdu_s=1.0, idle_s=1.5, linger_s=0.5, send_s=1.0, acse_s=5.0)
AT_ONCE_S = 2.0  # on a machine that has other things to do; shorter than the deadline for a request


@pytest.fixture(scope="module")
def request_pdu() -> bytes:
    """The A-ASSOCIATE-RQ of SCU calling ECHONODE, proposing storage, as our requestor sends it."""
    return record_request([STORAGE, VERIFICATION])


def echo_works(node: Node) -> bool:
    """A C-ECHO on a new association is answered, and sooner than any deadline passes."""
    started = time.monotonic()
    with Requestor(ae_title="SCU").associate(node.as_peer, [VERIFICATION]) as assoc:
        return assoc.c_echo() == 0 and time.monotonic() - started < AT_ONCE_S


def associated(node: Node, request_pdu: bytes) -> socket.socket:
    """A raw connection with an association on it."""
    raw = connect(node.port)
    raw.sendall(request_pdu)
    header = raw.recv(6, socket.MSG_WAITALL)
    assert header[0] == 0x02, header
    raw.recv(struct.unpack(">L", header[2:])[0], socket.MSG_WAITALL)
    return raw


def store_rq(data: bytes, *, last: bool = True) -> bytes:
    """A C-STORE-RQ in PDUs; without its end if not `last`."""
    command = encode(
        CommandSet(
            command_field=CommandField.C_STORE,
            affected_sop_class_uid=ULTRASOUND,
            message_id=1,
            priority=0,
            dataset_type=HAS_DATASET,
            affected_sop_instance_uid=INSTANCE.sop_instance_uid,
        )
    )
    pdus = message_pdus(1, command, data, 16_378)
    return pdus if last else pdus.replace(b"\x01\x02", b"\x01\x00")


@pytest.mark.parametrize("sent", [0, 3, 50])
def test_a_request_that_does_not_come_is_not_waited_for(
    make_node: Callable[..., Node], request_pdu: bytes, sent: int
) -> None:
    """Silence, half a header or half a request: the connection is closed after its deadline."""
    node = make_node(SHORT_LIMITS)
    with connect(node.port) as raw:
        raw.sendall(request_pdu[:sent])
        assert echo_works(node)
        started = time.monotonic()
        read_all(raw)
        assert time.monotonic() - started < 10.0


def test_a_drip_does_not_move_the_deadline(
    make_node: Callable[..., Node], request_pdu: bytes
) -> None:
    """One byte at a time is cut off at the same moment as silence."""
    node = make_node(SHORT_LIMITS)
    started = time.monotonic()
    sent = 0
    with connect(node.port) as raw, contextlib.suppress(OSError):
        for byte in request_pdu:
            raw.sendall(bytes([byte]))
            time.sleep(0.05)
            sent += 1
    assert sent < len(request_pdu)
    assert time.monotonic() - started < 10.0


def test_half_a_pdu_within_an_association_is_not_waited_for(
    make_node: Callable[..., Node], request_pdu: bytes
) -> None:
    """A P-DATA that stops in its middle ends in A-ABORT, and its temporary file is discarded."""
    node = make_node(replace(SHORT_LIMITS, idle_s=60.0))
    with associated(node, request_pdu) as raw:
        raw.sendall(store_rq(b"ab" * 50_000)[:-100])
        assert until(lambda: bool(node.archive.opened))
        assert read_all(raw)[:1] == b"\x07"
    assert until(lambda: node.archive.opened[0].discarded)
    assert echo_works(node)


def test_an_idle_association_ends(make_node: Callable[..., Node], request_pdu: bytes) -> None:
    """Without any PDU for the idle time, the peer is aborted and its slot is free."""
    node = make_node(SHORT_LIMITS)
    with associated(node, request_pdu) as raw:
        assert node.acceptor.active_associations == 1
        assert read_all(raw)[:1] == b"\x07"
    assert until(lambda: node.acceptor.active_associations == 0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x09\x00\x00\x00\x00\x04abcd",  # no such PDU type
        b"\x01\x00\xff\xff\xff\xff",  # 4 GiB
        b"\x04\x00\xff\xff\xff\xff",
        b"\x07\x00\x00\x00\x00\x00",  # an A-ABORT of no length
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03",  # P-DATA before an association
        b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00",  # release before an association
        b"\x01\x00\x00\x00\x00\x04\x00\x01\x00\x00",  # a request with nothing in it
    ],
    ids=["http", "type", "4GiB-request", "4GiB-data", "short", "early-data", "early-rel", "empty"],
)
def test_garbage_before_an_association(node: Node, garbage: bytes) -> None:
    """What is not a request is answered with A-ABORT or a closed connection, at once."""
    with connect(node.port) as raw:
        raw.sendall(garbage)
        raw.shutdown(socket.SHUT_WR)
        started = time.monotonic()
        assert read_all(raw)[:1] in (b"", b"\x07")
        assert time.monotonic() - started < AT_ONCE_S
    assert echo_works(node)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x0a\x00\x00\x00\x00\x00",
        b"\x04\x00\xff\xff\xff\xff",
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\xff\x01\x03",  # a PDV longer than its PDU
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x00\x01\x03",  # a PDV of no length
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x09\x03",  # a context never negotiated
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x02",  # a dataset without a command
        b"\x04\x00\x00\x00\x00\x06\x00\x00\x00\x02\x01\x03",  # an empty command set
        b"\x02\x00\x00\x00\x00\x04\x00\x01\x00\x00",  # an answer that nobody asked for
    ],
    ids=["type", "4GiB", "long-pdv", "no-pdv", "context", "dataset", "command", "accept"],
)
def test_garbage_within_an_association(node: Node, request_pdu: bytes, garbage: bytes) -> None:
    """A message that breaks the protocol ends in A-ABORT, and the listener lives."""
    with associated(node, request_pdu) as raw:
        raw.sendall(garbage)
        started = time.monotonic()
        assert read_all(raw)[:1] == b"\x07"
        # The end of the connection comes with the abort, not when ARTIM expires.
        assert time.monotonic() - started < AT_ONCE_S
    assert echo_works(node)


def test_a_command_set_without_end_is_cut(node: Node, request_pdu: bytes) -> None:
    """64 KiB of command set are too many: A-ABORT, not memory."""
    piece = b"\x04\x00" + struct.pack(">LLBB", 16_006, 16_002, 1, 1) + b"\0" * 16_000
    with associated(node, request_pdu) as raw:
        raw.sendall(piece * 5)
        assert read_all(raw)[:1] == b"\x07"


def test_a_dataset_without_end_is_cut(make_node: Callable[..., Node], request_pdu: bytes) -> None:
    """At the message limit the sender is aborted and the temporary file discarded."""
    node = make_node(Limits(message_bytes=1_000_000))
    with associated(node, request_pdu) as raw:
        with contextlib.suppress(OSError):
            raw.sendall(store_rq(b"ab" * 1_000_000))
        read_all(raw)
    assert until(lambda: node.archive.opened[0].discarded)
    assert node.archive.stored == []
    assert len(node.archive.opened[0].data) <= 1_000_000


def test_an_identifier_without_end_is_cut(node: Node, request_pdu: bytes) -> None:
    """A dataset that must be kept in memory ends at its own, smaller limit."""
    command = encode(
        CommandSet(command_field=CommandField.C_ECHO, message_id=1, dataset_type=HAS_DATASET)
    )
    with associated(node, request_pdu) as raw:
        with contextlib.suppress(OSError):
            raw.sendall(message_pdus(1, command, b"\0" * 5_000_000, 16_378))
        assert read_all(raw)[:1] in (b"\x07", b"")
    assert echo_works(node)


def test_a_reset_at_any_byte_leaves_nothing(node: Node, request_pdu: bytes, tmp_path: Path) -> None:
    """A sender cut off at every 7th byte of a store: no thread, descriptor or half file stays."""
    session = store_rq(b"ab" * 600)
    before = (len(dimse_threads()), descriptors())
    for cut in range(0, len(session), 7):
        raw = associated(node, request_pdu)
        raw.sendall(session[:cut])
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
    assert until(lambda: len(dimse_threads()) <= before[0])
    assert until(lambda: descriptors() <= before[1])
    unfinished = [file for file in node.archive.opened if not file.discarded]
    assert len(unfinished) == len(node.archive.stored)
    assert echo_works(node)


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A listener that accepts an association and then reads nothing more."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("kernel_helps", [True, False], ids=["user-timeout", "deadline-alone"])
def test_a_peer_that_stops_reading_does_not_hold_the_sender(
    deaf: socket.socket,
    node: Node,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kernel_helps: bool,
) -> None:
    """A send that makes no progress for its deadline is AssociationLost, not a hang."""
    if not kernel_helps:
        monkeypatch.setattr(transport, "_USER_TIMEOUT", None)
    limits = Limits(send_s=0.5, linger_s=0.2)
    stop = threading.Event()

    def accept_then_nothing() -> None:
        downstream, _ = deaf.accept()
        with downstream, connect(node.port) as upstream:
            upstream.sendall(downstream.recv(65_536))
            downstream.sendall(upstream.recv(65_536))
            stop.wait(20)

    thread = threading.Thread(target=accept_then_nothing)
    thread.start()
    archive = peer("node", ae_title="ECHONODE", port=deaf.getsockname()[1])
    assoc = Requestor(ae_title="SCU", limits=limits).associate(archive, [STORAGE])
    started = time.monotonic()
    with pytest.raises(AssociationLost):
        assoc.c_store(part10(tmp_path / "file", b"ab" * 8_000_000))
    assert time.monotonic() - started < 5.0
    assoc.abort()
    stop.set()
    thread.join()
    assert not assoc.is_open


def test_a_message_in_tiny_pdus_is_not_waited_for(
    make_node: Callable[..., Node], request_pdu: bytes
) -> None:
    """Whole PDUs of two bytes, without an end: each is in time, the message is not."""
    node = make_node(replace(SHORT_LIMITS, message_s=0.5))
    with associated(node, request_pdu) as raw:
        command = store_rq(b"")
        raw.sendall(command)
        began, tiny = time.monotonic(), b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x01\x00ab"
        with contextlib.suppress(OSError):
            while time.monotonic() - began < 10.0:
                raw.sendall(tiny)
                time.sleep(0.02)  # the slowness is the test's input
        assert time.monotonic() - began < 3.0
    assert until(lambda: node.archive.opened[0].discarded)
    assert node.archive.stored == []
    assert echo_works(node)


def test_a_slow_line_is_a_line(make_node: Callable[..., Node], request_pdu: bytes) -> None:
    """A message that takes longer than its least time, but comes steadily, is stored."""
    node = make_node(replace(SHORT_LIMITS, message_s=0.3, slowest_rate=1_000))
    piece = b"\x04\x00\x00\x00\x00\x6a\x00\x00\x00\x66\x01\x00" + b"ab" * 50
    with associated(node, request_pdu) as raw:
        raw.sendall(store_rq(b""))
        for _ in range(30):
            raw.sendall(piece)
            time.sleep(0.03)  # the slowness is the test's input
        raw.sendall(b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x01\x02ab")
        assert raw.recv(1) == b"\x04"
    assert len(node.archive.data()) == 3_002


def test_a_peer_that_never_answers_does_not_hold_the_sender(
    make_node: Callable[..., Node], tmp_path: Path
) -> None:
    """No answer within the DIMSE deadline is AssociationLost: it may or may not be stored."""
    node = make_node()
    go_on = threading.Event()

    def slow(request: object) -> int:
        go_on.wait(20)
        return 0

    node.archive.store = slow  # type: ignore[method-assign]
    requestor = Requestor(ae_title="SCU", limits=Limits(dimse_s=0.3, linger_s=0.2))
    assoc = requestor.associate(node.as_peer, [STORAGE])
    with pytest.raises(AssociationLost):
        assoc.c_store(part10(tmp_path / "file", b"ab"))
    assoc.abort()
    go_on.set()


def test_the_201st_association_is_told_to_come_later(make_node: Callable[..., Node]) -> None:
    """200 associations are served; one more is rejected as transient: 2, 3, 2."""
    peers = [peer(f"p{n}", ae_title=f"SCU{n}") for n in range(11)]
    node = make_node(None, *peers)
    requestor = Requestor(ae_title="SCU")
    open_now = [
        requestor.associate(node.as_peer, [VERIFICATION], ae_title=f"SCU{n // 20}")
        for n in range(200)
    ]
    assert node.acceptor.active_associations == 200
    with pytest.raises(AssociationRejected) as caught:
        requestor.associate(node.as_peer, [VERIFICATION], ae_title="SCU10")
    assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 3, 2)
    assert caught.value.transient
    assert {assoc.c_echo() for assoc in open_now} == {0}
    open_now.pop().release()
    assert until(lambda: node.acceptor.active_associations == 199)
    with requestor.associate(node.as_peer, [VERIFICATION], ae_title="SCU10") as assoc:
        assert assoc.c_echo() == 0
    for assoc in open_now:
        assoc.abort()


def test_one_peer_cannot_take_every_slot(node: Node, requestor: Requestor) -> None:
    """The 21st association of one peer is rejected as transient, while others still get in."""
    open_now = [requestor.associate(node.as_peer, [VERIFICATION]) for _ in range(20)]
    with pytest.raises(AssociationRejected) as caught:
        requestor.associate(node.as_peer, [VERIFICATION])
    assert caught.value.transient
    for assoc in open_now:
        assoc.release()


def test_silent_connections_make_room_for_one_that_speaks(make_node: Callable[..., Node]) -> None:
    """With every connection taken by silence, the oldest silent one goes and an echo gets in."""
    node = make_node(Limits(connections=20))
    silent = [connect(node.port) for _ in range(30)]
    assert echo_works(node)
    for raw in silent:
        raw.close()


def test_descriptors_above_1024_work(node: Node) -> None:
    """With more than 1,024 descriptors open (select() ends there) C-ECHO is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard), hard))
    held = [os.dup(0) for _ in range(1_100)]
    try:
        assert echo_works(node)
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_handlers_that_do_not_end_hold_a_stop_up_once_and_not_each(
    make_node: Callable[..., Node], tmp_path: Path
) -> None:
    """Each is at work elsewhere (a retrieve to a slow viewer): the node's deadline is for all."""
    node = make_node()
    entered, go_on = threading.Semaphore(0), threading.Event()

    def stuck(request: object) -> int:
        entered.release()
        go_on.wait(60)
        return 0

    node.archive.store = stuck  # type: ignore[method-assign]
    file = part10(tmp_path / "file", b"ab")
    senders = []
    for _ in range(8):
        assoc = Requestor(ae_title="SCU").associate(node.as_peer, [STORAGE])

        def send(assoc: RequestedAssociation = assoc) -> None:
            with contextlib.suppress(AssociationLost):
                assoc.c_store(file)

        senders.append(threading.Thread(target=send))
        senders[-1].start()
        assert entered.acquire(timeout=20)
    began = time.monotonic()
    node.acceptor.stop(0.2)
    took = time.monotonic() - began
    go_on.set()
    for sender in senders:
        sender.join()
    assert took < 5.0


def test_a_stop_lets_a_store_finish(make_node: Callable[..., Node], tmp_path: Path) -> None:
    """Stopping waits for the message under way, aborts the idle, and takes no new association."""
    node = make_node()
    entered, go_on = threading.Event(), threading.Event()

    def slow(request: object) -> int:
        entered.set()
        go_on.wait(20)
        return 0

    node.archive.store = slow  # type: ignore[method-assign]
    statuses: list[int] = []
    busy = Requestor(ae_title="SCU").associate(node.as_peer, [STORAGE])
    idle = Requestor(ae_title="SCU").associate(node.as_peer, [VERIFICATION])
    file = part10(tmp_path / "file", b"ab")
    sender = threading.Thread(target=lambda: statuses.append(busy.c_store(file).status))
    sender.start()
    assert entered.wait(5)
    stopper = threading.Thread(target=node.acceptor.stop, args=(10.0,))
    stopper.start()
    assert until(lambda: not idle.is_open)
    go_on.set()
    sender.join()
    stopper.join()
    assert statuses == [0]
    assert until(lambda: not busy.is_open)
