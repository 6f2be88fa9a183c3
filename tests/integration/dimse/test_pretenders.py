"""Callers that only say that they are a peer: the peer itself is served all the while."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from echonode.dimse.limits import Limits
from tests.integration.dimse.parts import LOOPBACK, Node, peer, until
from tests.integration.dimse.raw_request import answer_of, request

HOME = "127.0.0.2"  # the peer's host; everybody else calls from another loopback address
THE_PEER = replace(peer(), host=HOME)


@contextmanager
def called_from(address: str, node: Node, data: bytes) -> Iterator[tuple[socket.socket, bytes]]:
    """A connection from there, its request sent, with the answer to it."""
    with socket.create_connection((LOOPBACK, node.port), source_address=(address, 0)) as raw:
        raw.settimeout(20)
        raw.sendall(data)
        yield raw, answer_of(raw)


def test_pretenders_cannot_keep_the_peer_out(make_node: Callable[..., Node]) -> None:
    """Idle associations under the peer's AE title, from elsewhere than its host, use up a share;
    the peer is accepted from its host at once.
    """
    node = make_node(None, THE_PEER)
    with ExitStack() as held:
        answers = [
            held.enter_context(called_from(LOOPBACK, node, request()))[1][0] for _ in range(15)
        ]
        assert answers == [0x02] * 12 + [0x03] * 3
        for _ in range(8):
            assert held.enter_context(called_from(HOME, node, request()))[1][0] == 0x02


def test_an_idle_pretender_makes_room(make_node: Callable[..., Node]) -> None:
    """Where the share is used up, the association that said nothing longest is aborted, and the
    next call is accepted: a peer that moved to another address is not locked out either.
    """
    node = make_node(Limits(crowded_idle_s=0.05), THE_PEER)
    with ExitStack() as held, capture_logs() as lines:
        silent = [held.enter_context(called_from(LOOPBACK, node, request())) for _ in range(12)]
        first = silent[0][0]

        def gets_in() -> bool:
            with called_from("127.0.0.3", node, request()) as (_, answer):
                return answer[0] == 0x02

        assert until(gets_in)
        assert answer_of(first)[0] == 0x07
        (evicted, *_) = [line for line in lines if line["event"] == "association_evicted"]
        assert (evicted["peer"], evicted["address"]) == ("us", LOOPBACK)


def test_pretenders_of_one_peer_do_not_end_the_association_of_another(
    make_node: Callable[..., Node],
) -> None:
    """A peer at an address that we do not know, silent between two images, keeps its association
    while others use up and renew what they have under another title.
    """
    other = replace(peer("other", ae_title="OTHER"), host=HOME)
    node = make_node(Limits(crowded_idle_s=0.05), THE_PEER, other)
    with ExitStack() as held, capture_logs() as lines:
        quiet, _ = held.enter_context(
            called_from("127.0.0.3", node, request(calling=b"OTHER".ljust(16)))
        )
        for _ in range(12):
            held.enter_context(called_from(LOOPBACK, node, request()))

        def evicted() -> list[str]:
            held.enter_context(called_from(LOOPBACK, node, request()))
            return [line["peer"] for line in lines if line["event"] == "association_evicted"]

        assert until(lambda: len(evicted()) >= 3)
        assert set(evicted()) == {"us"}
        assert node.acceptor.active_associations > 0
        quiet.setblocking(False)
        with pytest.raises(BlockingIOError):  # nothing came: no A-ABORT, and it is not closed
            quiet.recv(1)


def test_guessing_titles_is_slow(make_node: Callable[..., Node]) -> None:
    """After ten wrong titles an address that no peer has is put off (2, 3, 1), right title or not;
    the peer's own address never is.
    """
    node = make_node(None, THE_PEER)
    numbers = []
    for number in range(13):
        data = request(calling=f"GUESS{number}".encode().ljust(16))
        with called_from("127.0.0.4", node, data) as (_, answer):
            numbers.append(tuple(answer[7:10]))
    assert numbers[:10] == [(1, 1, 3)] * 10
    assert (2, 3, 1) in numbers[10:]
    for _ in range(13):
        with called_from(HOME, node, request(calling=b"WHO".ljust(16))) as (_, answer):
            assert tuple(answer[7:10]) == (1, 1, 3)
    with called_from(HOME, node, request()) as (_, answer):
        assert answer[0] == 0x02
