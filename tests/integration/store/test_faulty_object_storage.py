"""An S3 server that stalls, is busy or full between an instance's PUT and its row.

`make faults` runs the full number.
"""

from __future__ import annotations

import hashlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from echonode.errors import OutOfSpace
from echonode.model.instance import bytes_of
from echonode.store.objects import bucket
from echonode.store.objects.bucket import Bucket
from echonode.store.store import Store
from echonode.store.values import StoreOutcome
from tests.faults.programme import FULL
from tests.peers.faulty_object_store import Fault, FaultyObjectStore
from tests.peers.object_stores import ENVIRONMENT, MotoServer
from tests.unit.store.samples import Clock, dataset, encoded, put

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

INSTANCES = 2_000 if FULL else 24
WAIT_S = 1  # for an answer of the server, in the place of a minute
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]


class Script:
    """A fault for one PUT in three, of every kind in turn; none once it is over."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._chance = random.Random(503)
        self._asked = 0
        self.is_over = False
        self.played: set[Fault] = set()

    def __call__(self) -> Fault:
        with self._mutex:
            if self.is_over or self._chance.random() > 1 / 3:
                return Fault.NONE
            fault = FAULTS[self._asked % len(FAULTS)]
            self._asked += 1
            # A stall takes seconds: one in ten of them is enough of a long series.
            if FULL and fault.name.startswith("STALL") and self._asked % 10:
                fault = Fault.CUT
            self.played.add(fault)
            return fault


def test_a_server_that_fails_between_put_and_row_costs_no_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four senders, each trying again after A700. What was acknowledged is in the bucket with its
    bytes and its row, what was refused has no row, and in the end all of it is there, once.
    """
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(bucket, "_TIMEOUT", f"{WAIT_S}s")
    script = Script()
    with MotoServer() as server:
        at = server.settings(tmp_path / "cache", prefix="faults")
        with (
            FaultyObjectStore(server.port, script, stall_s=3 * WAIT_S) as proxy,
            Store.open(
                tmp_path / "var", now=Clock(), objects=replace(at, endpoint=proxy.endpoint)
            ) as store,
        ):
            refusals: list[int] = []

            def send(number: int) -> None:
                uid = f"1.2.3.4.{number}"
                while True:
                    try:
                        outcome = put(store, dataset(number), destinations=["pacs"])
                    except OutOfSpace:
                        refusals.append(number)
                        assert store.index.instance(uid) is None
                        continue
                    assert outcome.outcome is StoreOutcome.STORED
                    assert store.index.instance(uid) is not None
                    return

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(send, range(1, INSTANCES + 1)))
            script.is_over = True
            direct = Bucket(at)
            for number in range(1, INSTANCES + 1):
                instance = store.index.instance(f"1.2.3.4.{number}")
                assert instance is not None
                facts = direct.facts(_key(direct, instance.path.stem))
                expected = encoded(dataset(number))
                assert facts.sha256 == hashlib.sha256(expected).hexdigest()
                instance.path.unlink(missing_ok=True)  # of the cache: the server is asked
                content = bytes_of(instance).read_bytes()
                assert content[instance.dataset_offset :] == expected
            assert len(list(store.ledger.rows())) == INSTANCES
    assert script.played == set(FAULTS)
    assert refusals or not FULL


def _key(direct: Bucket, file_id: str) -> str:
    return f"instances/{file_id[:2]}/{file_id[2:4]}/{file_id}.dcm"
