"""Invalid datasets: stored as they came, or refused, and never a crash (scenario 30)."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echonode.commands.lying_pacs import wire
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.faults.callers.client import Client
from tests.faults.callers.datasets import Case, crafted, mutants, real_files
from tests.faults.callers.instances import DEFLATED, ULTRASOUND, Instance
from tests.faults.judging.oracle import SUCCESS, Oracle, Told
from tests.faults.programme import MUTANTS
from tests.peers.node_process import EchoNodeProcess

DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = range(0xC000, 0xD000)
PEAK_BYTES = 300 * 1024**2
# The store inflates a dataset to 64 MiB at most, and the C library keeps some of such blocks.
KEPT_BYTES = 96 * 1024**2


def send_all(node: EchoNodeProcess, told: Told, cases: Iterable[Case]) -> list[int]:
    """C-STORE each in a context of its own; the statuses, every one of which must fit."""
    statuses = []
    for case in cases:
        status = send_one(node.port, case.instance)
        told.note(case.instance, status)
        fits = status in (SUCCESS, DOES_NOT_MATCH) or status in CANNOT_UNDERSTAND
        assert fits, f"{case.what}: {status:04X}"
        statuses.append(status)
    return statuses


def send_one(port: int, instance: Instance) -> int:
    context = wire.Proposed(
        abstract_syntax=instance.sop_class_uid, transfer_syntax=instance.transfer_syntax_uid
    )
    with Client(port) as client:
        accepted = client.associate("SCU", [context])
        assert accepted == {1}, f"{context} is not accepted"
        status = client.store(instance)
        client.release()
    return status


@pytest.mark.timeout(300)
def test_datasets_made_to_bring_a_parser_down_are_kept_or_refused(node: EchoNodeProcess) -> None:
    """Sequences 5,000 deep, values of 4 GiB, odd lengths, deflated bombs and the like: stored byte
    for byte or answered A900 or Cxxx, in bounded memory, with no error of ours."""
    send_all(node, Told(), crafted())  # what the largest take once is kept by the allocator
    with Oracle(node, kept_bytes=KEPT_BYTES) as oracle:
        before = resident_bytes(node.pid)
        reset_peak(node.pid)
        statuses = send_all(node, oracle.told, crafted())
        assert SUCCESS in statuses
        assert len(set(statuses)) >= 3
        assert peak_bytes(node.pid) - before < PEAK_BYTES


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_real_files_mutated_are_kept_or_refused(node: EchoNodeProcess, shared_data: Path) -> None:
    """Files of real devices, broken ones among them, as they are and mutated: stored byte for byte
    or answered A900 or Cxxx, in bounded memory, with no error of ours."""
    cases = real_files(shared_data)
    with Oracle(node, kept_bytes=KEPT_BYTES) as oracle:
        before = resident_bytes(node.pid)
        reset_peak(node.pid)
        assert SUCCESS in send_all(node, oracle.told, cases)
        assert SUCCESS in send_all(node, oracle.told, mutants(cases, MUTANTS.count))
        assert peak_bytes(node.pid) - before < PEAK_BYTES


@pytest.mark.timeout(300)
def test_many_deflated_bombs_at_once_take_no_more_than_one(node: EchoNodeProcess) -> None:
    """Deflated datasets that become 128 MB, twelve at the same time: memory stays bounded."""
    bomb = next(case.instance for case in crafted() if case.what == "a bomb before the UIDs")
    assert bomb.sop_class_uid == ULTRASOUND
    assert bomb.transfer_syntax_uid == DEFLATED
    with Oracle(node, kept_bytes=KEPT_BYTES) as oracle:
        before = resident_bytes(node.pid)
        reset_peak(node.pid)
        with ThreadPoolExecutor(12) as pool:
            for status in pool.map(lambda _: send_one(node.port, bomb), range(12)):
                assert status in CANNOT_UNDERSTAND or status == DOES_NOT_MATCH
                oracle.told.note(bomb, status)
        assert peak_bytes(node.pid) - before < PEAK_BYTES
