"""A worker on a clock, a store and an archive of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from echonode.delivery import (
    claimed_jobs,
    lane,
    outcome_writer,
    outcomes,
    peer_capabilities,
    verification,
    worker,
)
from echonode.delivery import (
    lanes as lane_pool,
)
from echonode.delivery.factory import LINGER_S, DeliveryServices, delivery_worker
from echonode.delivery.policy import DeliveryPolicy
from echonode.delivery.ports import CheckBytes, Reencode
from echonode.delivery.status_table import Verdict
from echonode.delivery.worker import DeliveryWorker
from echonode.model.identity import CommitmentPolicy
from tests.support.clock import Clock
from tests.support.log_recorder import Recorder
from tests.support.memory_key_value import MemoryKeyValue
from tests.unit.delivery.doubles import (
    Archive,
    FakeCommitment,
    FakeStore,
    delivery_job,
    destination,
    stored_instance,
)


class Scene:
    """One destination with everything around it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FakeStore()
        self.archive = Archive()
        self.commitment = FakeCommitment(self.store)
        self.key_value = MemoryKeyValue()

    def queue(self, count: int = 1) -> None:
        for number in range(1, count + 1):
            self.store.put(delivery_job(number, stored_instance(number)))

    def worker(
        self,
        policy: CommitmentPolicy = CommitmentPolicy.NONE,
        *,
        check_bytes: CheckBytes | None = None,
        reencode: Reencode | None = None,
        statuses: Mapping[str, Verdict] | None = None,
        name: str = "pacs",
        monotonic: Callable[[], float] | None = None,
        associations: int = 1,
        lossy_quality: int | None = None,
        echo_every_s: float | None = None,
        linger_s: float = LINGER_S,
    ) -> DeliveryWorker:
        return delivery_worker(
            destination(name, policy),
            DeliveryServices(
                store=self.store,
                associate=self.archive.associate,
                commitment=self.commitment,
                now=self.clock.now,
                monotonic=monotonic or self.clock.monotonic,
                random=lambda: 0.0,
                check_bytes=check_bytes,
                key_value=self.key_value,
                echo_every_s=echo_every_s,
                linger_s=linger_s,
            ),
            reencode=reencode,
            policy=DeliveryPolicy(
                associations=associations, statuses=statuses or {}, lossy_quality=lossy_quality
            ),
        )

    def run(self, worker: DeliveryWorker, seconds: float) -> None:
        """Let time pass as the worker's thread would: it is woken when it asked to be."""
        until = self.clock.seconds + seconds
        for _ in range(10_000):
            wait_s = worker.run_once()
            if self.clock.seconds + wait_s > until:
                break
            self.clock.forward(wait_s)
        else:
            raise AssertionError("the worker does not come to rest")
        self.clock.seconds = until


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """What the delivery logs."""
    recorder = Recorder()
    for module in (
        peer_capabilities,
        claimed_jobs,
        outcome_writer,
        lane_pool,
        lane,
        outcomes,
        verification,
        worker,
    ):
        monkeypatch.setattr(module, "log", recorder)
    return recorder
