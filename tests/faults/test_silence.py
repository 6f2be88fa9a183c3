"""Clients that say nothing, half of something, or one byte at a time (scenario 27).

The deadlines are absolute, so each connection knows which of them ends it, and must be ended in
that time whatever it drips meanwhile.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from echonode.commands.lying_pacs import wire
from echonode.commands.lying_pacs.wire import (
    data_pdus,
)
from tests.faults.callers.client import (
    CONTEXTS,
    ON_STORAGE,
    Client,
    request,
    store_message,
)
from tests.faults.callers.instances import small_instance
from tests.faults.callers.slow import PAUSE_S, Slow, singly, suffer
from tests.faults.judging.oracle import KEPT_BYTES, Oracle
from tests.faults.programme import SLOW_CONNECTIONS
from tests.peers.node_process import EchoNodeProcess

# Further apart than the slack, so that one deadline does not stand in for another.
SHORT = {"request_s": 1.0, "pdu_s": 1.0, "message_s": 8.0, "idle_s": 8.0, "linger_s": 0.5}
PER_PEER, MOST_ASSOCIATED = 20, 180  # the prober needs a place of the 200
# What Python's allocator keeps of each of so many that were open at once. It is no leak: of five
# attacks of 430 in a row the first left 51 MB, all together 57 MB.
KEPT_OF_EACH = 128 * 1024
REAL = {"request_s": 10.0, "pdu_s": 60.0, "message_s": 120.0, "idle_s": 600.0}


def ways() -> list[Slow]:
    """Every one of them, before and within an association."""
    asks = request("SCU0", CONTEXTS)
    instance = small_instance(pixels=2_000)
    store = store_message(instance)
    command = wire.store_request(instance.sop_class_uid, instance.sop_instance_uid, 1)
    return [
        Slow(what="silence", deadline="request_s"),
        Slow(what="half a header", deadline="request_s", said=asks[:3]),
        Slow(what="half a request", deadline="request_s", said=asks[:99]),
        Slow(what="a request dripped", deadline="request_s", dripped=singly(asks)),
        Slow(what="half a PDU", deadline="pdu_s", associated=True, said=store[:-500]),
        Slow(what="a PDU dripped", deadline="pdu_s", associated=True, dripped=singly(store)),
        Slow(
            what="PDUs of one byte",
            deadline="message_s",
            associated=True,
            said=wire.command_pdu(ON_STORAGE, command),
            dripped=tuple(data_pdus(ON_STORAGE, b"\0", last=False) for _ in range(2_000)),
        ),
        Slow(what="no message", deadline="idle_s", associated=True),
    ]


def suffer_all(
    node: EchoNodeProcess,
    chosen: list[Slow],
    limits: dict[str, float],
    *,
    drip_s: float,
) -> None:
    """All at once, each peer with no more than its share of associations."""
    associated = itertools.count()
    kept_bytes = max(KEPT_BYTES, KEPT_OF_EACH * len(chosen))
    with Oracle(node, kept_bytes=kept_bytes), ThreadPoolExecutor(len(chosen)) as pool:
        done = []
        for slow in chosen:
            caller = f"SCU{next(associated) // PER_PEER}" if slow.associated else ""
            done.append(pool.submit(suffer, node.port, slow, limits, caller=caller, drip_s=drip_s))
            time.sleep(PAUSE_S)
        for each in done:
            each.result()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_slow_clients_are_cut_off_by_absolute_deadlines_and_hold_nobody_up(
    make_with_limits: Callable[..., EchoNodeProcess],
) -> None:
    """Silent, half-said and dripping clients, before and within an association: each is cut off at
    its deadline, a drip does not move it, and C-ECHO is answered all the while."""
    associated = [slow for slow in ways() if slow.associated]
    others = [slow for slow in ways() if not slow.associated]
    half = SLOW_CONNECTIONS.count // 2
    chosen = [
        *itertools.islice(itertools.cycle(associated), min(half, MOST_ASSOCIATED)),
        *itertools.islice(itertools.cycle(others), SLOW_CONNECTIONS.count - half),
    ]
    suffer_all(make_with_limits(**SHORT), chosen, SHORT, drip_s=0.1)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_shipped_deadline_for_a_request_is_ten_seconds(node: EchoNodeProcess) -> None:
    """As shipped: a caller that has not asked for an association in 10 s is cut off."""
    before = [slow for slow in ways() if not slow.associated]
    suffer_all(node, before * 5, REAL, drip_s=1.0)


@pytest.mark.full
@pytest.mark.timeout(0)
def test_the_shipped_deadlines_within_an_association(node: EchoNodeProcess) -> None:
    """As shipped: 60 s for a PDU, a byte a second, 120 s for a message that is hardly any bytes,
    and 600 s for the next message."""
    within = [slow for slow in ways() if slow.associated]
    suffer_all(node, within * 20, REAL, drip_s=1.0)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_more_silent_connections_than_there_is_room_for_lock_nobody_out(
    node: EchoNodeProcess,
) -> None:
    """Seven hundred silent connections, a hundred more than the node keeps: the oldest make room,
    and C-ECHO is answered on new connections all the while."""
    crowd_in(node.port)  # what 600 threads take once is kept by the allocator: see Oracle
    with Oracle(node):
        crowd_in(node.port)


def crowd_in(port: int) -> None:
    """Seven hundred connections that say nothing, for a second."""
    silent = []
    for _ in range(700):
        silent.append(Client(port))
        time.sleep(PAUSE_S)
    time.sleep(1.0)
    for client in silent:
        client.close()
