"""Two hundred associations at once (scenario 29)."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.faults.callers.client import Client, Rejected
from tests.faults.callers.instances import small_instance
from tests.faults.judging.oracle import KEPT_BYTES, SUCCESS, Oracle, Told
from tests.faults.programme import STORE_BYTES, STORES_EACH
from tests.peers.node_process import EchoNodeProcess

# Of each instance, in the writer's cache of the index, which is of 64 MB.
INDEX_PAGE = 4096
ASSOCIATIONS = 200
PER_PEER = 20
LOCAL_LIMIT_EXCEEDED = (2, 3, 2)  # transient, presentation provider (PS3.8 9.3.4)


def associate_all(port: int, count: int) -> list[Client]:
    """So many open associations, no peer with more than its share."""
    clients = [Client(port) for _ in range(count)]
    for number, client in enumerate(clients):
        client.associate(f"SCU{number // PER_PEER}")
    return clients


def store_some(client: Client, told: Told, begin: threading.Barrier, count: int) -> list[float]:
    """Store so many, all clients from the same moment, and release; seconds of each."""
    begin.wait(120)
    times = [time.monotonic()]
    for _ in range(count):
        instance = small_instance(pixels=STORE_BYTES.count)
        told.note(instance, client.store(instance))
        times.append(time.monotonic())
    client.release()
    return [later - earlier for earlier, later in pairwise(times)]


def store_at_once(clients: list[Client], told: Told, count: int) -> list[float]:
    """Every client on a thread of its own; the seconds of all stores, ascending."""
    begin = threading.Barrier(len(clients))
    with ThreadPoolExecutor(len(clients)) as pool:
        working = [pool.submit(store_some, client, told, begin, count) for client in clients]
        return sorted(seconds for done in working for seconds in done.result())


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_associations_store_at_once_and_the_next_comes_later(
    node: EchoNodeProcess,
) -> None:
    """200 associations all store; nothing is lost, and the 201st is asked to come later."""
    # What 200 threads take once is kept by the allocator: what is asked is that it stays at that.
    store_at_once(associate_all(node.port, ASSOCIATIONS), Told(), 1)
    kept_bytes = KEPT_BYTES + INDEX_PAGE * ASSOCIATIONS * STORES_EACH.count
    with Oracle(node, held=True, kept_bytes=kept_bytes) as oracle:
        clients = associate_all(node.port, ASSOCIATIONS - 1)  # the prober's is the 200th
        with Client(node.port) as one_more, pytest.raises(Rejected) as rejected:
            one_more.associate("SCU10")
        assert rejected.value.numbers == LOCAL_LIMIT_EXCEEDED
        seconds = store_at_once(clients, oracle.told, STORES_EACH.count)
        assert oracle.told.statuses() == [SUCCESS] * len(clients) * STORES_EACH.count
        print(f"{len(seconds)} stores, the slowest in {seconds[-1]:.2f} s")
    with Client(node.port) as later:
        later.associate("SCU10")
        later.release()
