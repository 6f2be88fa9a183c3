"""Two nodes in containers, as deploy/cluster/docker-compose.yml has them: with HAProxy, PostgreSQL,
an S3 server and an Orthanc.

`make containers-cluster` prepares the engine and the images, and runs these.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.containers.composed import CLUSTER, Composed
from tests.integration.cluster.two_nodes import find_studies, part_10_files
from tests.peers.dcmtk import dcmtk
from tests.peers.node_process import ROOT
from tests.peers.ports import LOOPBACK
from tests.peers.stock import stock_send
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(600)]

BALANCER, NODES = 11112, {"node-1": 11121, "node-2": 11122}
CONFIG = "/etc/echonode/echonode.yaml"
SCANNER = ("-aet", "SCANNER", "-aec", "ECHONODE", LOOPBACK)
PASSWORDS = {"ECHONODE_DB_PASSWORD": "of-the-database", "ECHONODE_S3_PASSWORD": "of-the-objects"}


def _check_finds_a_death_in_s() -> float:
    """By haproxy.cfg: each of `fall` checks, and for each as long again until it fails."""
    text = (ROOT / "deploy" / "cluster" / "haproxy.cfg").read_text()
    [(every, fall)] = set(re.findall(r"inter (\d+)s fall (\d+)", text))
    return 2 * float(every) * int(fall)


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    """Everything is up."""
    if "ECHONODE_ENGINE" not in os.environ:
        pytest.skip("make containers-cluster runs this")
    with Composed(CLUSTER, env=PASSWORDS) as services:
        yield services


def is_answered(port: int) -> bool:
    return dcmtk("echoscu", *SCANNER, port).ok


def send(files: list[Path]) -> list[int | None]:
    return stock_send(
        files, host=LOOPBACK, port=BALANCER, called_ae_title="ECHONODE", ae_title="SCANNER"
    )


def states(composed: Composed, node: str) -> list[str]:
    """Of every delivery, as a node sees it."""
    said = composed.execute(node, "echonode", "ledger", "--json", "--config", CONFIG)
    return [row["state"] for row in json.loads(said)]


def test_the_death_of_a_node_stops_nothing(composed: Composed, tmp_path: Path) -> None:
    """What is sent to HAProxy is one study at both nodes, its files in the S3 server. A node is
    killed: within the time of the health check C-ECHO, C-STORE and C-FIND are answered again, and
    the archive commits what was stored before and after.
    """
    for port in (*NODES.values(), BALANCER):
        wait_until(partial(is_answered, port), timeout_s=180, what=f"{port} answers")
    assert send(part_10_files(tmp_path, range(1, 7))) == [0x0000] * 6
    for port in NODES.values():
        assert find_studies(port) == [{"modalities": "US", "instances": "6"}]
    preflight = composed.execute("node-1", "sh", "-c", f"echonode preflight --config {CONFIG} || :")
    assert "s3://ultrasound/echonode" in preflight

    composed.engine("kill", composed.id_of("node-1"))
    killed = time.monotonic()
    wait_until(lambda: is_answered(BALANCER) and is_answered(BALANCER), what="C-ECHO is answered")
    assert time.monotonic() - killed < _check_finds_a_death_in_s()
    assert send(part_10_files(tmp_path, range(7, 10))) == [0x0000] * 3
    assert find_studies(BALANCER) == [{"modalities": "US", "instances": "9"}]
    wait_until(
        lambda: states(composed, "node-2") == ["committed"] * 9,
        lambda: f"all is committed: {states(composed, 'node-2')}",
        timeout_s=200,
        every_s=3,
    )
