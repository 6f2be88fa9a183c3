"""One connection by itself: deadlines of a write, and how TLS ends."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.contexts import VERIFICATION
from echonode.dimse.limits import Limits
from echonode.dimse.local_ae import local_ae
from echonode.dimse.requestor import Requestor
from echonode.dimse.upper_layer.tls_context import server_context
from echonode.dimse.upper_layer.tls_transport import TLSTransport
from echonode.dimse.upper_layer.transport import SendFailed, Transport
from tests.integration.dimse.parts import LOOPBACK, Node, connect, until
from tests.integration.dimse.pki import Clinic, TLSNode

pytestmark = pytest.mark.peers


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection with as little room in the kernel as it gives."""
    with socket.create_server((LOOPBACK, 0)) as listener, socket.socket() as far:
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        far.connect(listener.getsockname())
        far.settimeout(10)
        near, _ = listener.accept()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2_048)
        with near:
            yield near, far


@pytest.fixture
def make_assoc() -> Iterator[Callable[[Limits], EventAssociation]]:
    """Associations that only carry a connection; disposed of at the end."""
    made = []

    def make(limits: Limits) -> EventAssociation:
        made.append(EventAssociation(local_ae("ECHONODE", limits), "acceptor", limits=limits))
        return made[-1]

    yield make
    for assoc in made:
        assoc.dispose()


def test_a_reader_by_the_spoonful_does_not_hold_the_writer(
    ends: tuple[socket.socket, socket.socket], make_assoc: Callable[..., EventAssociation]
) -> None:
    """Each spoonful is progress; the write's own deadline ends it all the same."""
    near, far = ends
    limits = Limits(send_s=0.5, slowest_rate=10_000_000)
    assoc = make_assoc(limits)
    connection = Transport(assoc, limits=limits, client_socket=near)
    assoc.set_socket(connection)
    spoonfuls, stop = [], threading.Event()

    def sip() -> None:
        while not stop.wait(0.01):
            spoonfuls.append(far.recv(1_000))

    sipping = threading.Thread(target=sip)
    sipping.start()
    began = time.monotonic()
    with pytest.raises(SendFailed):
        connection.send_all(b"ab" * 2_000_000)
    assert time.monotonic() - began < 5.0
    assert len(spoonfuls) > 5
    stop.set()
    sipping.join()


@pytest.fixture
def secured(
    ends: tuple[socket.socket, socket.socket],
    make_assoc: Callable[..., EventAssociation],
    clinic: Clinic,
) -> Iterator[tuple[TLSTransport, ssl.SSLSocket]]:
    """Our end of a TLS connection, and the caller's."""
    near, far = ends
    limits = Limits(send_s=1.0)
    assoc = make_assoc(limits)
    acting = server_context(clinic.files(clinic.node), require_client_cert=True)
    connection = TLSTransport(assoc, limits=limits, client_socket=near, context=lambda: acting)
    assoc.set_socket(connection)
    shaking = threading.Thread(target=connection.handshake, args=(time.monotonic() + 10,))
    shaking.start()
    with as_modality(clinic).wrap_socket(far, server_hostname="localhost") as caller:
        shaking.join()
        yield connection, caller


def as_modality(clinic: Clinic) -> ssl.SSLContext:
    """A caller's settings, made without our own code."""
    context = ssl.create_default_context(cafile=str(clinic.authority.certificate))
    context.load_cert_chain(clinic.modality.cert, clinic.modality.key)
    return context


def test_after_both_ended_tls_nothing_goes_out_in_clear(
    secured: tuple[TLSTransport, ssl.SSLSocket],
) -> None:
    """A writer that comes late gets the error that the connection is over."""
    connection, caller = secured
    after: list[bytes] = []

    def end() -> None:
        with caller.unwrap() as bare, contextlib.suppress(OSError):  # waits for ours
            after.append(bare.recv(100))

    ending = threading.Thread(target=end)
    ending.start()
    assert until(lambda: connection.recv_into(memoryview(bytearray(100))) == 0)
    connection.end_writing()
    with pytest.raises(SendFailed):
        connection.send_all(b"a dataset")
    assert connection.recv_into(memoryview(bytearray(100))) == 0
    connection.hang_up()
    ending.join()
    assert after in ([b""], [])


def test_after_a_hang_up_nothing_is_read_in_clear(
    secured: tuple[TLSTransport, ssl.SSLSocket],
) -> None:
    """Ciphertext that waits in the kernel does not pass for DICOM."""
    connection, caller = secured
    caller.sendall(b"an association request")
    assert until(lambda: connection.ready)
    connection.hang_up()
    space = bytearray(100)
    read = connection.recv_into(memoryview(space)) or 0
    assert bytes(space[:read]) in (b"", b"an association request")


def test_an_association_ends_by_close_notify(
    make_node: Callable[..., Node], clinic: Clinic
) -> None:
    """A connection that is cut on the way looks different: both roles say their last word."""
    node = TLSNode(make_node(listeners=[clinic.listener()]), clinic)
    context = as_modality(clinic)
    acting = server_context(clinic.files(clinic.node), require_client_cert=True)
    ended: set[str] = set()

    def between(listener: socket.socket) -> None:
        """A man in the middle that both sides trust, who sees how each of them ends."""
        raw, _ = listener.accept()
        with (
            acting.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False) as requestor,
            context.wrap_socket(
                connect(node.tls_port), server_hostname="localhost", suppress_ragged_eofs=False
            ) as acceptor,
        ):
            names = {requestor: "requestor", acceptor: "acceptor"}
            still_open = dict(zip(names, reversed(names), strict=True))
            while still_open:
                for source in select.select(list(still_open), [], [], 10)[0]:
                    with contextlib.suppress(ssl.SSLEOFError):
                        if data := source.recv(65_536):
                            still_open[source].sendall(data)
                            continue
                        ended.add(names[source])
                    del still_open[source]

    with socket.create_server((LOOPBACK, 0)) as listener:
        middle = threading.Thread(target=between, args=(listener,))
        middle.start()
        known = replace(node.as_peer(clinic.modality), port=listener.getsockname()[1])
        with Requestor(ae_title="SCU").associate(known, [VERIFICATION]) as assoc:
            assert assoc.c_echo() == 0
        middle.join(20)
    assert ended == {"acceptor", "requestor"}
