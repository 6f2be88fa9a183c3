"""The oracle finds what it is there to find."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.callers.client import Client, request, store_message
from tests.faults.callers.instances import small_instance
from tests.faults.judging.oracle import SUCCESS, Oracle
from tests.faults.nodes.attacked import LyingNode, peers_for
from tests.support.waiting import wait_until


def store(oracle: Oracle) -> None:
    """A C-STORE that is acknowledged."""
    instance = small_instance(pixels=100)
    with Client(oracle.node.port) as client:
        client.associate()
        oracle.told.note(instance, client.store(instance))
        client.release()
    assert oracle.told.statuses() == [SUCCESS]


def break_off(oracle: Oracle) -> None:
    """Half a C-STORE."""
    message = store_message(small_instance(pixels=40_000))
    with Client(oracle.node.port) as client:
        client.send(request("SCU"))
        client.read_accept()
        client.send(message[:20_000])
        wait_until(lambda: bool(oracle.temporary_files()), "half a file")


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("defect", "attack", "found"),
    [
        ("none", store, ""),
        ("acknowledges without keeping", store, "was acknowledged and is not there"),
        ("keeps other bytes", store, "is not the bytes that were sent"),
        ("keeps half files", break_off, "not within 2 s: gone"),
        ("answers late", store, "took too long"),
    ],
)
def test_a_defect_is_found(defect: str, attack: Callable[[Oracle], None], found: str) -> None:
    """A node that lies, keeps half files or answers late is found out; one that does not passes."""
    verdict = ""
    with LyingNode(peers=peers_for(1), env={"ECHONODE_TEST_DEFECT": defect}) as node:
        try:
            with Oracle(node, settle_s=2.0) as oracle:
                attack(oracle)
        except AssertionError as error:
            verdict = str(error)
    assert found in verdict if found else not verdict, verdict
