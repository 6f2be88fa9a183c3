"""Callers behind a balancer: each keeps its own address, and no caller gives itself another."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from structlog.testing import capture_logs

from echonode.dimse.acceptor import ListenerAddress
from tests.integration.dimse.parts import LOOPBACK, Node, peer, until
from tests.integration.dimse.raw_request import answer_of, request
from tests.peers import reaper
from tests.peers.fixtures import require_program
from tests.peers.haproxy import HaProxy

SCANNER = "127.0.0.20"
PROXY = "127.0.0.9"
BOUND = replace(peer(), addresses=(ip_network(SCANNER),))
BEHIND_PROXY = ListenerAddress(host=LOOPBACK, port=0, trusted_proxies=(ip_network(PROXY),))
ACCEPTED, REJECTED, ABORTED = 0x02, 0x03, 0x07


def header(source: str) -> bytes:
    addresses = ip_address(source).packed + ip_address(LOOPBACK).packed
    addresses += struct.pack(">HH", 50_000, 104)
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack(">BBH", 0x21, 0x11, 12) + addresses


def answer(port: int, data: bytes, *, source: str) -> int:
    """The type of PDU that answers these bytes."""
    with socket.create_connection((LOOPBACK, port), source_address=(source, 0)) as raw:
        raw.settimeout(20)
        raw.sendall(data)
        return answer_of(raw)[0]


@pytest.fixture
def port(make_node: Callable[..., Node]) -> int:
    """Of a listener that trusts PROXY, for a peer that may call from SCANNER only."""
    node = make_node(None, BOUND, listeners=[BEHIND_PROXY])
    return node.acceptor.addresses[1][1]


def test_a_caller_keeps_its_address_behind_a_proxy(port: int) -> None:
    """The peer is bound to its address, not to the proxy's."""
    assert answer(port, header(SCANNER) + request(), source=PROXY) == ACCEPTED
    assert answer(port, header("127.0.0.21") + request(), source=PROXY) == REJECTED


def test_only_a_trusted_proxy_names_a_caller(port: int) -> None:
    """From any other address the header is no DICOM, and gives no one another address."""
    assert answer(port, header(SCANNER) + request(), source="127.0.0.21") == ABORTED
    assert answer(port, request(), source=SCANNER) == ACCEPTED


def test_a_proxy_that_says_nothing_is_refused_with_the_remedy(port: int) -> None:
    """Without its header a trusted proxy is not taken for the caller."""
    with capture_logs() as lines:
        with socket.create_connection((LOOPBACK, port), source_address=(PROXY, 0)) as raw:
            raw.settimeout(20)
            raw.sendall(request())
            assert raw.recv(10)[:1] in (b"", b"\x07")
        assert until(lambda: any(line["event"] == "association_rejected" for line in lines))
    [line] = [line for line in lines if line["event"] == "association_rejected"]
    assert "without a PROXY header" in line["reason"]
    assert "send-proxy-v2" in line["remedy"]


@pytest.fixture
def watched() -> None:
    """What watches child processes runs before descriptors are counted."""
    reaper.note_stopped(0)


@pytest.mark.peers
def test_haproxy_passes_callers_on(watched: None, make_node: Callable[..., Node]) -> None:
    """A real HAProxy in front: the bound peer is served from its own address and no other."""
    require_program("haproxy")
    behind = replace(BEHIND_PROXY, trusted_proxies=(ip_network(LOOPBACK),))
    node = make_node(None, BOUND, listeners=[behind])
    with HaProxy([(node.acceptor.addresses[1][1], None)]) as proxy:
        assert answer(proxy.port, request(), source=SCANNER) == ACCEPTED
        assert answer(proxy.port, request(), source="127.0.0.21") == REJECTED
