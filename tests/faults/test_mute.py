"""Six hundred callers that connect and say nothing delay no other (scenario 27)."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.acceptance.exam_client import ExamClient
from tests.benchmarks.usage import cpu_seconds
from tests.faults.callers.client import Client
from tests.faults.callers.instances import small_instance
from tests.faults.callers.slow import PAUSE_S
from tests.faults.nodes.attacked import peers_for
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.full, pytest.mark.peers, pytest.mark.timeout(0)]

MUTE = 600  # as many connections as the node keeps (dimse/limits.py)
TIMES = 4
ROUNDS = 20
PIXELS = 300_000
# Of medians, taken in turn on one machine; what a scheduler does to one of them is not meant.
MOST_MORE, SLACK_S = 1.5, 0.02
# Of one processor, for 600 connections that say nothing.
MOST_CPU = 0.05


@contextmanager
def mute(port: int) -> Iterator[list[socket.socket]]:
    """So many connections that say nothing. The node ends each after ten seconds."""
    with ExitStack() as stack:
        made = []
        for _ in range(MUTE):
            made.append(stack.enter_context(socket.create_connection((LOOPBACK, port))))
            time.sleep(PAUSE_S)  # all at once, and the kernel's queue would be what is tested
        yield made


def open_ones(connections: list[socket.socket]) -> int:
    """How many of them the node has not ended."""
    for each in connections:
        each.setblocking(False)
    return sum(not _has_ended(each) for each in connections)


def _has_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


@contextmanager
def examined(parts: ExitStack) -> Iterator[tuple[EchoNodeProcess, ExamClient, str]]:
    """A node with a probe that runs, and an exam to capture into."""
    probe = parts.enter_context(
        ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "10")
    )
    client = ExamClient(free_port())
    node = EchoNodeProcess(
        peers=peers_for(1),
        probes=[
            {
                "name": "hand",
                "protocol": "echopen",
                "dialect": "kit",
                "connect": probe.address,
                "capture": {"mode": "manual"},
            }
        ],
        extra={"web": {"port": client.port}},
    )
    with node:
        exam = client.open("hand", patient={"id": "P-1", "name": "Doe^Jane"})
        client.first_still(exam)
        yield node, client, exam


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_six_hundred_mute_callers_delay_neither_a_store_nor_a_capture(parts: ExitStack) -> None:
    """C-STORE and a still take as long as without them, and the node hardly works for them."""
    node, client, exam = parts.enter_context(examined(parts))

    def store() -> None:
        with Client(node.port) as caller:
            caller.associate("SCU0")
            assert caller.store(small_instance(pixels=PIXELS)) == 0
            caller.release()

    works: dict[str, Callable[[], object]] = {
        "C-STORE": store,
        "a still": lambda: client.still(exam),
    }
    alone: dict[str, list[float]] = {name: [] for name in works}
    beside: dict[str, list[float]] = {name: [] for name in works}
    work = {"alone": 0.0, "beside": 0.0}
    left = []
    for _ in range(ROUNDS):
        for name, each in works.items():  # in turn: what the machine does besides meets both
            alone[name] += [seconds_of(each) for _ in range(TIMES)]
        work["alone"] += cpu_share(node)
        with mute(node.port) as connections:
            for name, each in works.items():
                beside[name] += [seconds_of(each) for _ in range(TIMES)]
            work["beside"] += cpu_share(node)
            left.append(open_ones(connections))
    print(f"{statistics.median(left)} of {MUTE} were open to the end")
    for name in works:
        before, now = statistics.median(alone[name]), statistics.median(beside[name])
        print(f"{name}: {before * 1e3:.1f} ms alone, {now * 1e3:.1f} ms beside {MUTE}")
    more = (work["beside"] - work["alone"]) / ROUNDS
    print(f"of a processor, more for them: {more:.3f}")
    for name in works:
        before, now = statistics.median(alone[name]), statistics.median(beside[name])
        assert now < MOST_MORE * before + SLACK_S
    assert more < MOST_CPU
    assert statistics.median(left) > MUTE / 4  # a busy machine takes longer than their ten seconds


def cpu_share(node: EchoNodeProcess, *, seconds: float = 1.0) -> float:
    """Of one processor, while no caller asks anything."""
    before = cpu_seconds(node.pid)
    threading.Event().wait(seconds)
    return (cpu_seconds(node.pid) - before) / seconds
