"""Lines that are slow, dead, cut or deaf, with real archives at their other end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from echonode.delivery.policy import DeliveryPolicy
from echonode.model.delivery import DeliveryState
from tests.integration.delivery.delivery_fixture import DeliveryFixture
from tests.peers.dcmtk import StoreScp, dcmtk
from tests.peers.instances import STILL, InstanceKind, make_instances
from tests.peers.ports import free_port
from tests.peers.proxy import Line, Proxy
from tests.support.waiting import wait_until

pytestmark = pytest.mark.peers

ROUND_TRIP_S = 0.05
SMALL = InstanceKind(name="small still", columns=64, rows=64)
FULL = os.environ.get("ECHONODE_FAULTS") == "full"
S = DeliveryState


@pytest.mark.long
def test_a_line_with_a_long_round_trip_is_used_well(
    tmp_path: Path, storescp: StoreScp, record_property: Callable[[str, object], None]
) -> None:
    """50 ms there and back: at least four times the rate of one DCMTK storescu, start included.

    The best of three: what else runs on the machine would slow the eight and spare the one.
    """
    instances = make_instances(tmp_path / "stills", STILL, 400)
    ratios: list[float] = []
    with Proxy(storescp.port, Line(delay_s=ROUND_TRIP_S / 2)) as proxy:
        while len(ratios) < 3 and max(ratios, default=0) < 4:
            theirs = rate_of_storescu(proxy.port, instances.files[:40])
            delivery = DeliveryFixture(tmp_path / f"var{len(ratios)}")
            delivery.put(instances.files, ["pacs"])
            delivery.deliver_to("pacs", proxy.port)
            ours = len(instances.files) / delivery.wait_settled("pacs", len(instances.files))
            delivery.close()
            ratios.append(ours / theirs)
    record_property("ratio_to_storescu", round(max(ratios), 1))
    assert max(ratios) >= 4, ratios


def rate_of_storescu(port: int, files: Sequence[Path]) -> float:
    """Instances a second over one association of DCMTK's."""
    began = time.monotonic()
    done = dcmtk("storescu", "-R", "-pdu", "131072", "127.0.0.1", port, *files)
    assert done.ok, done.output
    return len(files) / (time.monotonic() - began)


@dataclass(frozen=True, kw_only=True)
class Quarters:
    """A backlog drained, quarter by quarter: processor time an instance, instances a second, and
    resident bytes at the end of each."""

    costs: Sequence[float]
    rates: Sequence[float]
    memory: Sequence[int]

    @property
    def steady(self) -> bool:
        """The last quarter cost no more than the others, and was as fast in the full programme."""
        as_cheap = self.costs[3] <= 1.25 * max(self.costs[:3])
        as_fast = not FULL or self.rates[3] >= 0.8 * max(self.rates[:3])
        flat = self.memory[3] - self.memory[0] < 8 * 1024 * 1024
        return as_cheap and as_fast and flat


@pytest.mark.timing
@pytest.mark.timeout(900)
def test_a_backlog_is_drained_at_the_steady_rate_with_flat_memory(
    tmp_path: Path, storescp: StoreScp, record_property: Callable[[str, object], None]
) -> None:
    """The end of a long backlog costs what its beginning cost, and needs no more memory (10,000
    stills in the full programme, where the rate by the clock is held to 80% as well).

    By processor time, which is the node's own; and three times at most, for a machine that is not
    ours alone charges even that for what others do.
    """
    count = 10_000 if FULL else 800
    instances = make_instances(tmp_path / "stills", SMALL, count)
    tries: list[Quarters] = []
    while len(tries) < 3 and not any(each.steady for each in tries):
        delivery = DeliveryFixture(tmp_path / f"var{len(tries)}")
        delivery.put(instances.files, ["pacs"])
        delivery.deliver_to("pacs", storescp.port, policy=DeliveryPolicy(associations=1))
        tries.append(drain(delivery, count))
        assert delivery.states("pacs") == {S.SENT: count}
        delivery.close()
    record_property("rates", [round(rate) for rate in tries[-1].rates])
    assert any(each.steady for each in tries), tries


def drain(delivery: DeliveryFixture, count: int) -> Quarters:
    """Watch `count` instances go out."""
    costs, rates, memory = [], [], []
    for quarter in range(1, 5):
        before, wall, own = delivery.states("pacs").get(S.SENT, 0), time.monotonic(), cpu_s()
        delivery.wait_settled("pacs", quarter * count // 4, timeout_s=300)
        sent = delivery.states("pacs")[S.SENT] - before
        costs.append((cpu_s() - own) / max(sent, 1))
        rates.append(sent / (time.monotonic() - wall))
        memory.append(resident_bytes())
    return Quarters(costs=costs, rates=rates, memory=memory)


def cpu_s() -> float:
    """Processor time of this process."""
    return time.process_time()


def resident_bytes() -> int:
    """Of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_a_dead_archive_and_a_slow_one_hold_up_no_other(
    delivery: DeliveryFixture,
    tmp_path: Path,
    storescp: StoreScp,
    make_storescp: Callable[..., StoreScp],
) -> None:
    """One destination refuses connections and one answers after seconds: the third gets everything
    at once, and nothing of the others' is lost.
    """
    slow = make_storescp()
    instances = make_instances(tmp_path / "stills", SMALL, 30)
    with Proxy(slow.port, Line(delay_s=1.5)) as proxy:
        delivery.deliver_to("dead", free_port())
        delivery.deliver_to("slow", proxy.port, policy=DeliveryPolicy(associations=1))
        delivery.deliver_to("well", storescp.port)
        delivery.put(instances.files, ["dead", "slow", "well"])
        delivery.wait_settled("well", 30, timeout_s=20)
        assert delivery.states("dead").get(S.SENT, 0) == 0
        assert delivery.states("slow").get(S.SENT, 0) < 30
    assert len(storescp.received()) == 30
    assert delivery.workers["dead"].status.problem


def test_associations_are_released_promptly(
    delivery: DeliveryFixture, tmp_path: Path, storescp: StoreScp
) -> None:
    """Seconds after the last instance no association is left, however many there were."""
    instances = make_instances(tmp_path / "stills", STILL, 150)
    with Proxy(storescp.port, Line(delay_s=ROUND_TRIP_S / 2)) as proxy:
        worker = delivery.deliver_to("pacs", proxy.port)
        delivery.put(instances.files, ["pacs"])
        wait_until(
            lambda: worker.status.associations > 1, timeout_s=30, what="several associations"
        )
        delivery.wait_settled("pacs", len(instances.files))
        wait_until(lambda: worker.status.associations <= 1, timeout_s=3, what="helpers released")
        wait_until(lambda: proxy.open_connections == 0, what="all released")
        assert 1 < proxy.accepted <= 8


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "reset"])
def test_a_line_that_breaks_in_an_instance_delivers_all_the_same(
    delivery: DeliveryFixture, tmp_path: Path, storescp: StoreScp, reset: bool
) -> None:
    """Cut in the middle of the third instance, then healed: each arrives, none is held."""
    instances = make_instances(tmp_path / "stills", SMALL, 10)
    size = instances.files[0].stat().st_size
    with Proxy(storescp.port, Line(cut_after=int(2.5 * size), reset=reset)) as proxy:
        delivery.put(instances.files, ["pacs"])
        delivery.deliver_to("pacs", proxy.port, policy=DeliveryPolicy(associations=2))
        wait_until(lambda: proxy.accepted > 0, what="called")
        proxy.worsen(cut_after=None)
        delivery.wait_settled("pacs", 10, timeout_s=60)
    assert delivery.states("pacs") == {S.SENT: 10}
    whole = [path for path in storescp.received() if path.stat().st_size >= size - 1024]
    assert len(whole) >= 10


def test_an_archive_that_stops_reading_ends_with_the_node(
    delivery: DeliveryFixture, tmp_path: Path, storescp: StoreScp
) -> None:
    """A window that closes in the middle of an instance does not keep the node from stopping, and
    what was under way is queued again.
    """
    instances = make_instances(
        tmp_path / "cine", InstanceKind(name="cine", columns=640, rows=480, frames=60), 2
    )
    with Proxy(storescp.port) as proxy:
        worker = delivery.deliver_to("pacs", proxy.port)
        proxy.stop_reading()
        delivery.put(instances.files, ["pacs"])
        wait_until(lambda: delivery.states("pacs").get(S.SENDING, 0) > 0, what="sending")
        began = time.monotonic()
        worker.stop(1.0)
        assert time.monotonic() - began < 6
    assert delivery.states("pacs").get(S.SENT, 0) == 0
