"""Several nodes behind one AE title, as real processes: what they share, and a death of one."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from echonode.store.nodes.membership import LEASE_S
from tests.integration.cluster.two_nodes import TwoNodes
from tests.peers.dcmtk import StoreScp, dcmtk
from tests.peers.fixtures import require_program
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.slow]
MODALITIES = ("OT", "SR", "US")


@pytest.fixture
def orthanc_and_nodes(parts: ExitStack, tmp_path: Path) -> tuple[OrthancServer, TwoNodes]:
    """The archive reports commitment to node `two`, whichever node asks for it."""
    require_program("initdb")
    require_program("Orthanc")
    dicom = free_port()
    archive = {
        "ae_title": "ORTHANC",
        "host": LOOPBACK,
        "port": dicom,
        "may": ["echo", "commit"],
    }
    nodes = TwoNodes(parts, tmp_path, archive, commitment="required")
    orthanc = OrthancServer(
        dicom_port=dicom, modalities={"echonode": ("ECHONODE", LOOPBACK, nodes.ports[1])}
    )
    parts.enter_context(orthanc)
    nodes.start()
    return orthanc, nodes


@pytest.mark.long
def test_two_nodes_are_one_archive_to_their_peers(
    orthanc_and_nodes: tuple[OrthancServer, TwoNodes],
) -> None:
    """OT, SR and US of one study arrive at both nodes at once: either node finds them all, each
    reaches the PACS once, and a commitment report that comes to the node that did not ask counts.
    """
    orthanc, nodes = orthanc_and_nodes
    by_modality = [
        nodes.files(
            range(100 * part, 100 * part + 6),
            Modality=modality,
            SeriesInstanceUID=f"1.2.3.1.{part}",
        )
        for part, modality in enumerate(MODALITIES, 1)
    ]
    with ThreadPoolExecutor(6) as pool:
        sent = [
            pool.submit(
                nodes.send, nodes.ports[(number + half) % 2], files[3 * half : 3 * half + 3]
            )
            for number, files in enumerate(by_modality)
            for half in (0, 1)
        ]
        assert [status for each in sent for status in each.result()] == [0x0000] * 18
    for port in nodes.ports:
        assert nodes.find_studies(port, ModalitiesInStudy="US") == [
            {"modalities": "OT\\SR\\US", "instances": "18"}
        ]
    wait_until(lambda: nodes.states() == ["committed"] * 18, timeout_s=60, what="all is committed")
    assert orthanc.rest.instance_count() == 18
    assert nodes.one.wait_for("commitment_requested")
    assert "commitment_requested" not in {event["event"] for event in nodes.two.events}


@pytest.mark.long
def test_a_balancer_in_front_passes_senders_to_the_node_that_is_ready(
    orthanc_and_nodes: tuple[OrthancServer, TwoNodes],
) -> None:
    """A sender that is bound to its address is served through HAProxy; when one node stops, HAProxy
    sees it at /health/ready, and what is sent next goes to the other, which takes the duties over.
    """
    require_program("haproxy")
    _, nodes = orthanc_and_nodes
    balancer = nodes.balancer()
    assert nodes.send(balancer.port, nodes.files(range(1, 4))) == [0x0000] * 3
    assert nodes.one.stop() == 0
    nodes.two.wait_for("duties_taken")

    echo = ("-aet", "SCANNER", "-aec", "ECHONODE", LOOPBACK, balancer.port)
    wait_until(
        lambda: dcmtk("echoscu", *echo).ok and dcmtk("echoscu", *echo).ok,
        what="HAProxy knows that a node has stopped",
    )
    assert nodes.send(balancer.port, nodes.files(range(4, 7))) == [0x0000] * 3
    wait_until(lambda: nodes.states() == ["committed"] * 6, timeout_s=60, what="all is committed")


@pytest.mark.full
@pytest.mark.timeout(300)
def test_what_a_killed_node_was_sending_is_sent_by_the_other(
    parts: ExitStack, tmp_path: Path
) -> None:
    """SIGKILL in the middle of a delivery: within the lease and ten seconds all has arrived."""
    require_program("initdb")
    archive = StoreScp(fork=False)
    parts.enter_context(archive)
    peer = {
        "ae_title": archive.ae_title,
        "host": LOOPBACK,
        "port": archive.port,
        "may": ["echo"],
    }
    nodes = TwoNodes(parts, tmp_path, peer, commitment="none")
    nodes.start()
    os.kill(archive.pid, signal.SIGSTOP)
    assert nodes.send(nodes.ports[0], nodes.files(range(1, 13))) == [0x0000] * 12
    wait_until(lambda: "sending" in nodes.states(), what="node one is sending")
    nodes.one.kill()
    killed_at = time.monotonic()
    os.kill(archive.pid, signal.SIGCONT)
    wait_until(
        lambda: nodes.states() == ["sent"] * 12,
        timeout_s=LEASE_S + 30,
        what="node two has sent everything",
        every_s=0.5,
    )
    assert time.monotonic() - killed_at < LEASE_S + 10
    assert len(archive.received()) == 12
    assert nodes.two.wait_for("deliveries_taken_over")
