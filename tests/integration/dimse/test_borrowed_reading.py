"""What a peer says and does while our callers read their answers themselves (reading.py)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.contexts import COMMITMENT, VERIFICATION
from echonode.dimse.limits import Limits
from echonode.dimse.messages.provider import Answers, Message
from echonode.dimse.requested_association import RequestedAssociation
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Part10File, StoreRequest
from echonode.errors import AssociationLost
from echonode.model.commitment import CommitmentReport
from echonode.model.identity import Peer
from tests.integration.dimse.parts import REPORT, REQUEST, STORAGE, Node, part10, until

CONTEXTS = [VERIFICATION, COMMITMENT, STORAGE]
SOON_S = 5.0


class Reports:
    """Takes reports, as the commitment room would."""

    def __init__(self) -> None:
        self.taken: list[tuple[CommitmentReport, str]] = []

    def __call__(self, peer: Peer, report: CommitmentReport) -> int:
        self.taken.append((report, threading.current_thread().name))
        return 0x0000


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def file(tmp_path: Path) -> Part10File:
    return part10(tmp_path / "still.dcm", b"pixels" * 1_000)


@pytest.fixture
def busy(node: Node, reports: Reports, file: Part10File) -> Iterator[RequestedAssociation]:
    """An association on which the callers read: answers came, one request after the other."""
    with Requestor(ae_title="SCU", commit_report=reports).associate(
        node.as_peer, CONTEXTS
    ) as opened:
        make_busy(opened, file)
        yield opened


def make_busy(assoc: RequestedAssociation, file: Part10File) -> None:
    """Until its reading is lent."""
    dul = assoc._assoc.dul
    assert until(lambda: assoc.c_store(file).status == 0x0000 and dul.read_lease.is_offered)


def test_a_caller_reads_its_own_answers(busy: RequestedAssociation) -> None:
    """In a burst of requests the answer is read by the thread that waits for it."""
    readers: list[str] = []
    dul = busy._assoc.dul
    take = dul._take

    def note(pdu: memoryview) -> None:
        readers.append(threading.current_thread().name)
        take(pdu)

    dul._take = note  # type: ignore[method-assign]
    for _ in range(20):
        assert busy.c_echo() == 0x0000
    assert threading.current_thread().name in readers


def test_a_report_between_two_requests_waits_for_neither(
    busy: RequestedAssociation, node: Node, reports: Reports, file: Part10File
) -> None:
    """A report is answered at once although no request of ours is under way."""
    assert busy.request_commitment(REQUEST) == 0x0000
    make_busy(busy, file)
    began = time.monotonic()
    assert node.archive.same[0].report(REPORT) == 0x0000
    assert time.monotonic() - began < SOON_S
    assert [report for report, _ in reports.taken] == [REPORT]


def test_a_report_that_comes_before_an_answer_is_served_by_the_associations_thread(
    busy: RequestedAssociation, node: Node, reports: Reports, file: Part10File
) -> None:
    """A report that a waiting caller reads is answered while it goes on waiting."""
    assert busy.request_commitment(REQUEST) == 0x0000
    statuses: list[int] = []

    def store(request: StoreRequest) -> int:
        statuses.append(node.archive.same[0].report(REPORT))
        return 0x0000

    node.archive.store = store  # type: ignore[method-assign]
    for _ in range(5):
        assert busy.c_store(file).status == 0x0000
    assert statuses == [0x0000] * 5
    assert {name for _, name in reports.taken} == {"dimse requestor node"}


def test_many_threads_on_one_association_all_get_their_answers(
    busy: RequestedAssociation, file: Part10File
) -> None:
    """Whichever thread reads, each answer reaches its own thread, and no wait is in vain."""

    def talk(number: int) -> list[int]:
        return [busy.c_store(file).status if number % 2 else busy.c_echo() for _ in range(50)]

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        assert [s for found in pool.map(talk, range(4)) for s in found] == [0x0000] * 200
    assert time.monotonic() - began < 30


def test_a_peer_that_hangs_up_between_two_requests_is_noticed(
    busy: RequestedAssociation, node: Node
) -> None:
    """`is_open` tells it soon, without a request that fails first."""
    assert busy.c_echo() == 0x0000
    node.acceptor.stop(1.0)
    assert until(lambda: not busy.is_open)


def test_an_abort_from_another_thread_frees_the_caller_that_reads(
    busy: RequestedAssociation, node: Node, file: Part10File
) -> None:
    """Stopping does not wait for an archive that does not answer."""
    held, go_on = threading.Event(), threading.Event()

    def store(request: StoreRequest) -> int:
        held.set()
        go_on.wait(30)
        return 0x0000

    node.archive.store = store  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(busy.c_store, file)
        assert held.wait(SOON_S)
        began = time.monotonic()
        busy.abort()
        with pytest.raises(AssociationLost):
            waiting.result(SOON_S)
        assert time.monotonic() - began < SOON_S
        go_on.set()


def test_an_answer_that_does_not_come_ends_the_wait(
    make_node: Callable[..., Node], file: Part10File
) -> None:
    """A caller that reads has the same deadline as one that waits."""
    node = make_node()
    requestor = Requestor(ae_title="SCU", limits=Limits(dimse_s=0.5))
    go_on = threading.Event()

    def store(request: StoreRequest) -> int:
        go_on.wait(30)
        return 0x0000

    with requestor.associate(node.as_peer, CONTEXTS) as assoc:
        make_busy(assoc, file)
        node.archive.store = store  # type: ignore[method-assign]
        began = time.monotonic()
        with pytest.raises(AssociationLost):
            assoc.c_store(file)
        assert 0.4 < time.monotonic() - began < SOON_S
        assert until(lambda: not assoc.is_open)
        go_on.set()


def test_a_peer_that_hangs_up_instead_of_answering_frees_the_caller(
    busy: RequestedAssociation, node: Node, file: Part10File
) -> None:
    """The end of the connection is the end of the wait."""

    def store(request: StoreRequest) -> int:
        current = threading.current_thread()
        assert isinstance(current, EventAssociation)
        current.hang_up()
        return 0x0000

    node.archive.store = store  # type: ignore[method-assign]
    began = time.monotonic()
    with pytest.raises(AssociationLost):
        busy.c_store(file)
    assert time.monotonic() - began < SOON_S


def test_an_answer_that_is_there_before_its_caller_waits_is_taken_at_once(
    busy: RequestedAssociation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The own thread was faster: it has read the answer and offers the lease, and nothing more
    will come. The caller does not wait for bytes in vain.
    """
    exchange, reading = busy._assoc.exchange, busy._assoc.dul.read_lease
    answer, lent = exchange.answer, []

    def look_late(answers: Answers) -> Message:
        assert until(lambda: not answers.empty())
        lent.append(until(lambda: reading.is_offered, seconds=0.015))  # it is, for LEASE_S
        return answer(answers)

    monkeypatch.setattr(exchange, "answer", look_late)
    began = time.monotonic()
    for _ in range(20):
        assert busy.c_echo() == 0x0000
    assert time.monotonic() - began < SOON_S
    assert any(lent)
