"""PDUs that are not PDUs (scenario 28)."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.faults.callers.client import Client, Ended
from tests.faults.callers.malformed import (
    Session,
    crowded_request,
    lies,
    mutated,
    omissions,
    unserved,
)
from tests.faults.judging.oracle import Oracle
from tests.faults.programme import CONTEXTS, MALFORMED_PDUS
from tests.peers.node_process import EchoNodeProcess

AT_ONCE = 4
# Above what was resident before: what four associations and a negotiation may take for a moment.
PEAK_BYTES = 64 * 1024**2


def say(port: int, session: Session, caller: str) -> None:
    """Say it and nothing more; the node must end the connection, as we have ended our side."""
    with Client(port) as client:
        with suppress(Ended):
            if session.associated:
                client.associate(caller)
            client.send(session.data)
        with suppress(OSError):
            client.socket.shutdown(socket.SHUT_WR)
        try:
            client.read_to_end()
        except TimeoutError:
            pytest.fail(f"not ended: {session.what}")


def say_all(node: EchoNodeProcess, sessions: Iterable[Session]) -> int:
    """Four at a time; how many there were."""

    def say_every_fourth(number: int) -> int:
        mine = range(number, len(every), AT_ONCE)
        for index in mine:
            say(node.port, every[index], f"SCU{number}")
        return len(mine)

    every = list(sessions)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(say_every_fourth, range(AT_ONCE)))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_lie_in_any_length_field_costs_nothing(node: EchoNodeProcess) -> None:
    """Every length field of a request, a P-DATA and a command set as 0, 1, half and 4 GiB: the
    connection ends, and no memory is taken for what is only claimed."""
    every = list(lies())
    with Oracle(node):
        before = resident_bytes(node.pid)
        reset_peak(node.pid)
        assert say_all(node, every) == len(every)
        assert peak_bytes(node.pid) - before < PEAK_BYTES


@pytest.mark.timeout(300)
def test_a_request_that_lacks_an_item_or_says_it_twice_is_an_answer_or_an_end(
    node: EchoNodeProcess,
) -> None:
    """A request without any one of its items, or with two of it, costs its sender the association
    at most, and causes no error of ours."""
    with Oracle(node):
        assert say_all(node, omissions()) >= 2 * 13


@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [0, 1], ids=["no Message ID", "too many at once"])
def test_a_store_that_cannot_be_served_leaves_no_file(node: EchoNodeProcess, number: int) -> None:
    """A store that arrives whole and breaks the protocol only then: its temporary file and its
    descriptor go with the association."""
    with Oracle(node):
        for _ in range(20):
            say(node.port, list(unserved())[number], "SCU0")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_thousands_of_malformed_pdus_end_their_connection_and_nothing_else(
    node: EchoNodeProcess,
) -> None:
    """Requests, messages, command sets and orders of PDUs mutated at random: each connection ends,
    nothing grows, and no other caller notices."""
    with Oracle(node):
        before = resident_bytes(node.pid)
        reset_peak(node.pid)
        assert say_all(node, mutated(MALFORMED_PDUS.count)) == MALFORMED_PDUS.count
        assert peak_bytes(node.pid) - before < PEAK_BYTES


@pytest.mark.timeout(300)
def test_thousands_of_presentation_contexts_are_an_answer_or_an_end(node: EchoNodeProcess) -> None:
    """A request with thousands of presentation contexts, where 128 can be, is over in a moment."""
    with Oracle(node):
        for contexts in itertools.takewhile(
            lambda number: number <= CONTEXTS.count, (129, 1_000, 2_500, 4_000, 10_000)
        ):
            crowd = Session(
                what=f"{contexts} contexts", associated=False, data=crowded_request(contexts)
            )
            say(node.port, crowd, "SCU0")
