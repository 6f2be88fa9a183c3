"""C-FIND on many studies over the wire: streamed, cancelled within a second, nothing left open."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from echonode.commands.lying_pacs import wire
from echonode.dimse.acceptor import Acceptor, ListenerAddress
from echonode.dimse.contexts import find_context
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Services
from echonode.model.criteria import Root
from echonode.model.identity import Peer, Service
from echonode.query_retrieve.find_scp import FindSCP
from echonode.store.read_only_store import ReadOnlyStore, open_read_only
from tests.benchmarks.diskless_receiver import SERVICES
from tests.benchmarks.find_client import (
    STUDY_ROOT_FIND,
    count_answers,
    find_request,
    study_list,
)
from tests.benchmarks.large_index import Shape, large_index
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.benchmarks.work import Address
from tests.support.waiting import wait_until

STUDIES = 20_000
MIB = 1 << 20
SOON_S = 10.0  # on a busy machine; what is not noticed at all lasts until the network's deadline


class Archive:
    """The node's acceptor, query service and store on an index of many studies."""

    def __init__(self, store: ReadOnlyStore) -> None:
        self.store = store
        viewer = Peer(
            name="viewer",
            ae_title="BENCH",
            host="127.0.0.1",
            port=104,
            may=frozenset({Service.ECHO, Service.FIND}),
        )
        services = Services(
            **{**vars(SERVICES), "find": FindSCP(store.index.find, ae_title="ECHONODE")}
        )
        self.acceptor = Acceptor(
            ae_title="ECHONODE",
            listeners=[ListenerAddress(host="127.0.0.1", port=0)],
            peers=[viewer],
            services=services,
        )

    @property
    def address(self) -> Address:
        [(host, port)] = self.acceptor.addresses
        return Address(host=host, port=port, called="ECHONODE")

    @property
    def as_peer(self) -> Peer:
        [(host, port)] = self.acceptor.addresses
        return Peer(name="node", ae_title="ECHONODE", host=host, port=port, may=frozenset())

    @property
    def open_rows(self) -> int:
        """Connections of the database that a query holds."""
        return int(self.store._readers.pool.checkedout())  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    shape = Shape(studies=STUDIES, instances=2 * STUDIES)
    folder = large_index(shape, build=tmp_path_factory.mktemp("build"))
    with open_read_only(folder) as store:
        archive = Archive(store)
        archive.acceptor.start()
        try:
            yield archive
        finally:
            archive.acceptor.stop(5.0)


def test_every_study_is_answered_and_takes_no_memory(archive: Archive) -> None:
    """Twenty thousand answers stream through: none is missing, and less than 16 MiB is taken."""
    assert count_answers(archive.address, study_list({"StudyDate": "20161120"})) > 0
    before = resident_bytes(os.getpid())
    reset_peak(os.getpid())
    assert count_answers(archive.address, study_list()) == STUDIES
    assert peak_bytes(os.getpid()) - before < 16 * MIB
    wait_until(lambda: archive.open_rows == 0, timeout_s=SOON_S)


def test_a_cancelled_query_ends_within_a_second(archive: Archive) -> None:
    """C-CANCEL in the midst of it: the final answer, the cursor closed, the association usable.

    On a busy machine within a quarter of the time that all answers take there.
    """
    began = time.monotonic()
    assert count_answers(archive.address, study_list()) == STUDIES
    within_s = max(1.0, (time.monotonic() - began) / 4)
    requestor = Requestor(ae_title="BENCH")
    with requestor.associate(archive.as_peer, [find_context(Root.STUDY)]) as association:
        answers = association.c_find(Root.STUDY, study_list())
        for _ in range(10):
            next(answers)
        began = time.monotonic()
        answers.close()  # a generator; this sends the C-CANCEL
        wait_until(lambda: archive.open_rows == 0, timeout_s=within_s)
        assert time.monotonic() - began < within_s
        few = list(association.c_find(Root.STUDY, study_list({"StudyDate": "20161120"})))
        assert few[-1][0] == 0x0000


def test_a_viewer_that_does_not_read_holds_up_nobody_else(archive: Archive) -> None:
    """One that asks for everything and reads nothing: another is answered meanwhile, and when the
    first goes away no row stays open."""
    silent = _asked_and_silent(archive.address)
    try:
        wait_until(lambda: archive.open_rows == 1, timeout_s=SOON_S)
        began = time.monotonic()
        assert count_answers(archive.address, study_list({"StudyDate": "20161120"})) > 0
        assert time.monotonic() - began < SOON_S
    finally:
        # A reset, as when its machine is switched off.
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        silent.close()
    wait_until(lambda: archive.open_rows == 0, timeout_s=SOON_S)


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_viewer_that_vanishes_leaves_no_row_open(archive: Archive, how: str) -> None:
    """Ten at once in the midst of their answers: their cursors are closed, their threads end."""
    before = threading.active_count()
    vanishing = [_asked_and_silent(archive.address) for _ in range(10)]
    wait_until(lambda: archive.open_rows == 10, timeout_s=SOON_S)
    for sock in vanishing:
        sock.recv(4096)
        if how == "resets":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    wait_until(lambda: archive.open_rows == 0, timeout_s=SOON_S)
    wait_until(lambda: archive.acceptor.active_associations == 0, timeout_s=SOON_S)
    wait_until(lambda: threading.active_count() <= before, timeout_s=SOON_S)


def _asked_and_silent(address: Address) -> socket.socket:
    """A connection that has asked for all studies and reads no answer."""
    sock = socket.socket()
    # Small, so that the answers fill it at once and the node waits to send more.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((address.host, address.port))
    context = wire.Proposed(abstract_syntax=STUDY_ROOT_FIND, transfer_syntax=wire.IMPLICIT_LITTLE)
    sock.sendall(wire.associate_request(address.called, address.calling, [context]))
    kind, _ = wire.read_pdu(sock)
    assert kind == wire.ASSOCIATE_AC
    sock.sendall(find_request(study_list()))
    return sock
