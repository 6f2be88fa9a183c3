"""Clients that ask and do not read the answers, or read them slowly (scenarios 18 and 27)."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from tests.faults.callers.client import (
    PENDING,
    Client,
    Ended,
    cancel_message,
    echo_message,
    find_message,
)
from tests.faults.callers.instances import element, small_instance
from tests.faults.judging.oracle import SUCCESS, Oracle
from tests.faults.programme import DEAF_VIEWERS
from tests.peers.node_process import EchoNodeProcess

SEND_S = 1.5
AT_ONCE = 8
STUDIES = 60
COMMENT = 10_000  # characters: the answers are larger than what the kernels hold for both sides
QUERIES = 15  # pipelined on one association
# Every study with its long comment.
IDENTIFIER = (
    element(0x0008, 0x0052, b"CS", b"STUDY")
    + element(0x0010, 0x4000, b"LT", b"")
    + element(0x0020, 0x000D, b"UI", b"")
)


@pytest.fixture(scope="module")
def filled(make_with_limits: Callable[..., EchoNodeProcess]) -> EchoNodeProcess:
    """A node that gives a deaf peer 1.5 s, with studies of 10 kB comments."""
    node = make_with_limits(send_s=SEND_S, linger_s=0.5)
    with Client(node.port) as client:
        client.associate("SCU")
        for _ in range(STUDIES):
            assert client.store(small_instance(comments=COMMENT)) == SUCCESS
        client.release()
    return node


def ask_and_not_read(node: EchoNodeProcess, caller: str, *, nibble: int = 0) -> float:
    """C-FIND after C-FIND without reading an answer; seconds until the node gave us up.

    nibble: bytes read ten times a second all the same.
    """
    with Client(node.port, receive_buffer=4_096) as client:
        client.associate(caller)
        began = time.monotonic()
        client.send(b"".join(find_message(IDENTIFIER, message_id=n + 1) for n in range(QUERIES)))
        wait_for_reset(client, nibble=nibble)
        return time.monotonic() - began


def wait_for_reset(client: Client, *, nibble: int, patience_s: float = 30.0) -> None:
    """Until the node has ended the connection, which is seen by writing to it."""
    deadline = time.monotonic() + patience_s
    with suppress(Ended, TimeoutError, ConnectionResetError):
        while time.monotonic() < deadline:
            client.send(cancel_message(999))
            if nibble:
                client.socket.recv(nibble)
            time.sleep(0.1)
        raise AssertionError(f"still open after {patience_s:g} s")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_viewers_that_stop_reading_are_given_up_and_others_are_answered(
    filled: EchoNodeProcess,
) -> None:
    """Viewers that stop reading in the middle of a stream of C-FIND answers are given up after the
    send deadline; another viewer's query meanwhile is answered whole."""
    be_deaf(filled)  # the pool of database connections keeps what this many queries need
    with Oracle(filled):
        be_deaf(filled)


def be_deaf(node: EchoNodeProcess) -> None:
    """As many deaf viewers as the programme says, eight at a time, and one that reads."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        deaf = [
            pool.submit(ask_and_not_read, node, f"SCU{n % 10}") for n in range(DEAF_VIEWERS.count)
        ]
        assert answers_of_a_query(node, "SCU10") == STUDIES
        for each in deaf:
            assert each.result() < SEND_S + 10.0


def answers_of_a_query(node: EchoNodeProcess, caller: str, *, pause_s: float = 0.0) -> int:
    """How many pending answers a C-FIND has, which must end in success."""
    count = 0
    with Client(node.port, receive_buffer=4_096) as client:
        client.associate(caller)
        client.send(find_message(IDENTIFIER))
        while (status := client.read_status()) in PENDING:
            count += 1
            time.sleep(pause_s)
        assert status == SUCCESS, f"{status:04X}"
        client.release()
    return count


@pytest.mark.timeout(300)
def test_a_viewer_that_reads_a_little_now_and_then_is_given_up(filled: EchoNodeProcess) -> None:
    """Four kilobytes a second are no reading: given up like one that stopped."""
    with Oracle(filled):
        assert ask_and_not_read(filled, "SCU", nibble=400) < SEND_S + 20.0


@pytest.mark.timeout(300)
def test_a_slow_reader_gets_every_answer(filled: EchoNodeProcess) -> None:
    """A viewer that reads slowly but steadily, longer than the send deadline in all, gets the whole
    answer; only one that stops is given up."""
    with Oracle(filled):
        began = time.monotonic()
        assert answers_of_a_query(filled, "SCU", pause_s=0.05) == STUDIES
        assert time.monotonic() - began > SEND_S


@pytest.mark.timeout(300)
def test_a_flood_of_requests_whose_answers_are_not_read_takes_no_memory(
    filled: EchoNodeProcess,
) -> None:
    """A client that sends C-ECHO after C-ECHO and reads nothing is stopped by TCP, given up, and
    has cost no memory."""
    with Oracle(filled), Client(filled.port, receive_buffer=4_096, timeout_s=20) as client:
        client.associate("SCU")
        with pytest.raises(Ended):
            flood(client, seconds=30)


def flood(client: Client, *, seconds: float) -> None:
    """C-ECHO after C-ECHO. Raises Ended when the node gives it up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        client.send(echo_message() * 1_000)
