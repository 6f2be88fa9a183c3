"""The TLS port under clients that do not shake hands, or break off in the middle (27, 19, 38)."""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults.archives.breaking_archive import Ending
from tests.faults.callers.client import Client, request
from tests.faults.callers.instances import small_instance
from tests.faults.callers.slow import PAUSE_S, SLACK_S, Slow, singly, suffer
from tests.faults.callers.tls_session import TLSSession, store_by_tls
from tests.faults.judging.oracle import SUCCESS, Oracle, Told
from tests.faults.nodes.attacked import ChangedLimitsNode, peers_for
from tests.faults.programme import SLOW_CONNECTIONS, TLS_RESETS
from tests.peers.authority import Authority, Issued
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port

REQUEST_S = 1.5


@dataclass(frozen=True, kw_only=True)
class SecureNode:
    """A node with a plain port, where the prober calls, and a TLS port."""

    process: EchoNodeProcess
    port: int
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureNode]:
    """It waits 1.5 s for a handshake and a request."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    ours, theirs = authority.issue("echonode"), authority.issue("SCU")
    plain, secured = free_port(), free_port()
    tls = {"cert": str(ours.cert), "key": str(ours.key), "ca": str(authority.certificate)}
    listen = [
        {"host": "127.0.0.1", "port": plain},
        {"host": "127.0.0.1", "port": secured, "tls": tls},
    ]
    env = {"ECHONODE_TEST_LIMITS": json.dumps({"request_s": REQUEST_S, "linger_s": 0.5})}
    node = ChangedLimitsNode(peers=peers_for(1), port=plain, extra={"listen": listen}, env=env)
    with node:
        yield SecureNode(process=node, port=secured, context=_client(authority, theirs))


def _client(authority: Authority, issued: Issued) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    context.load_cert_chain(issued.cert, issued.key)
    return context


def hello(context: ssl.SSLContext) -> bytes:
    """A ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


def hold_after_handshake(secure: SecureNode) -> float:
    """Shake hands, say half a request; seconds until the node ends it."""
    began = time.monotonic()
    session = TLSSession(secure.port, secure.context)
    session.shake_hands()
    session.send(request("SCU")[:99])
    with session.socket:
        try:
            while session.socket.recv(65_536):
                pass
        except ConnectionResetError:
            pass
    return time.monotonic() - began


@pytest.mark.long
@pytest.mark.timeout(300)
def test_clients_that_do_not_shake_hands_hold_nobody_up(secure: SecureNode) -> None:
    """Silent, half-greeting and dripping clients on the TLS port, and ones that stop after the
    handshake: each is cut off at its deadline; C-ECHO and C-STORE by TLS go on meanwhile."""
    stall_all(secure, Told())  # what so many threads take once is kept: see the oracle
    with Oracle(secure.process) as oracle:
        stall_all(secure, oracle.told)


def stall_all(secure: SecureNode, told: Told) -> None:
    """Each way of not shaking hands, all at once, and one client that does."""
    greeting = hello(secure.context)
    deadline = {"request_s": REQUEST_S}
    ways = [
        Slow(what="silence", deadline="request_s"),
        Slow(what="half a header", deadline="request_s", said=greeting[:3]),
        Slow(what="half a greeting", deadline="request_s", said=greeting[:200]),
        Slow(what="a greeting dripped", deadline="request_s", dripped=singly(greeting)),
    ]
    each = SLOW_CONNECTIONS.count // (len(ways) + 1)
    with ThreadPoolExecutor(each * (len(ways) + 1)) as pool:
        held = []
        for slow in ways * each:
            held.append(pool.submit(suffer, secure.port, slow, deadline, drip_s=0.1))
            time.sleep(PAUSE_S)
        late = [pool.submit(hold_after_handshake, secure) for _ in range(each)]
        instance = small_instance()
        status, _ = store_by_tls(secure.port, secure.context, instance)
        told.note(instance, status)
        assert status == SUCCESS
        for done in held:
            done.result()
        assert max(done.result() for done in late) < REQUEST_S + SLACK_S


@pytest.mark.timeout(300)
def test_plain_callers_on_the_tls_port_are_answered_and_end(secure: SecureNode) -> None:
    """Plain DICOM on the TLS port gets that answer in DICOM, at once, a hundred times over."""
    with Oracle(secure.process):
        for _ in range(100):
            with Client(secure.port) as client:
                client.send(request("SCU"))
                assert client.read_to_end()[:1] == b"\x03"  # A-ASSOCIATE-RJ


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_tls_session_that_breaks_off_anywhere_leaves_nothing(secure: SecureNode) -> None:
    """A C-STORE by TLS cut between any two of its encrypted bytes, by RST and by FIN: no thread, no
    descriptor, no half file, and nothing acknowledged that is not there."""
    draw = random.Random(19)
    instance = small_instance(pixels=128)
    status, length = store_by_tls(secure.port, secure.context, instance)
    assert status == SUCCESS
    with Oracle(secure.process) as oracle:
        for number in range(TLS_RESETS.count):
            # Spread over the session, another byte each time.
            cut = (number * length) // TLS_RESETS.count + draw.randrange(3)
            instance = small_instance(pixels=128)
            status, _ = store_by_tls(
                secure.port,
                secure.context,
                instance,
                budget=cut,
                ending=list(Ending)[number % 2],
            )
            oracle.told.note(instance, status)
