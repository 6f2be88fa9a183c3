"""A connection that breaks at any byte of a C-STORE session, in both roles (scenario 19)."""

from __future__ import annotations

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.wire import (
    EXPLICIT_LITTLE,
)
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Part10File
from echonode.errors import NetworkError
from echonode.model.identity import Peer
from tests.faults.archives.breaking_archive import Cut, Ending, ScriptedArchive, Side, end
from tests.faults.callers.client import RELEASE, Client, request, store_message
from tests.faults.callers.instances import (
    ULTRASOUND,
    Instance,
    small_instance,
)
from tests.faults.judging.oracle import SUCCESS, Oracle
from tests.faults.programme import LARGE_RESETS
from tests.peers.node_process import EchoNodeProcess
from tests.support.waiting import wait_until

AT_ONCE = 4


def cut_session(
    port: int, cut: int, ending: Ending, instance: Instance, *, caller: str
) -> int | None:
    """A C-STORE session of which the node gets `cut` bytes; the status, None without one."""
    associate, store = request(caller), store_message(instance)
    status = None
    client = Client(port)
    client.send(associate[:cut])
    left = cut - len(associate)
    if left >= 0:
        client.read_accept()
        client.send(store[:left])
        left -= len(store)
    if left >= 0:
        status = client.read_status()
        client.send(RELEASE[:left])
    end(client.socket, ending)
    return status


def session_bytes() -> int:
    """How long the session is, to its last byte: 818."""
    return len(request("SCU0")) + len(store_message(small_instance(pixels=128))) + len(RELEASE)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_sender_that_breaks_off_at_any_byte_leaves_nothing(node: EchoNodeProcess) -> None:
    """A sender cut off at every byte of a C-STORE, by RST and by FIN: no thread, no descriptor, no
    half file; what was acknowledged is there, and what was not is there whole or not at all."""
    cuts = range(session_bytes() + 1)

    def cut_one(number: int, cut: int, ending: Ending) -> None:
        instance = small_instance(pixels=128)
        caller = f"SCU{number % AT_ONCE}"
        oracle.told.note(instance, cut_session(node.port, cut, ending, instance, caller=caller))

    with Oracle(node) as oracle, ThreadPoolExecutor(AT_ONCE) as pool:
        numbered = enumerate(itertools.product(cuts, Ending))
        for done in [pool.submit(cut_one, number, *which) for number, which in numbered]:
            done.result()
    whole = [status for status in oracle.told.statuses() if status is not None]
    assert whole
    assert set(whole) == {SUCCESS}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_large_store_broken_off_at_a_pdu_border_leaves_no_half_file(
    node: EchoNodeProcess,
) -> None:
    """A store of 1 MB cut at the borders of its PDUs and next to them leaves no temporary file."""
    draw = random.Random(19)
    example = small_instance(pixels=1_000_000)
    borders = [16_390 * number for number in range(1, len(example.dataset) // 16_390)]
    with Oracle(node) as oracle:
        for _ in range(LARGE_RESETS.count):
            cut = draw.choice(borders) + draw.choice([-1, 0, 1, 6, 12])
            instance = small_instance(pixels=1_000_000)
            ending = draw.choice(list(Ending))
            status = cut_session(node.port, cut, ending, instance, caller="SCU0")
            oracle.told.note(instance, status)
    assert set(oracle.told.statuses()) == {None}


# --- we are the sender ---


@pytest.fixture(scope="module")
def file_to_send(tmp_path_factory: pytest.TempPathFactory) -> Part10File:
    """A small instance, in a file; only its dataset is ever read."""
    instance = small_instance(pixels=128)
    path = tmp_path_factory.mktemp("resets") / "instance"
    path.write_bytes(instance.dataset)
    return Part10File(
        path=path,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        dataset_offset=0,
        size=len(instance.dataset),
    )


def send_once(port: int, file: Part10File) -> int | None:
    """Send `file`; the status, None when the association was lost before there was one."""
    peer = Peer(name="pacs", ae_title="PACS", host="127.0.0.1", port=port, may=frozenset())
    requestor = Requestor(ae_title="ECHONODE", limits=Limits(acse_s=10, dimse_s=10, linger_s=1))
    context = ProposedContext(abstract_syntax=ULTRASOUND, transfer_syntaxes=(EXPLICIT_LITTLE,))
    try:
        with requestor.associate(peer, [context]) as assoc:
            return assoc.c_store(file).status
    except NetworkError:
        return None


def resources() -> tuple[int, int]:
    """(threads of ours, descriptors) in this process."""
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("dimse")]
    return len(ours), len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("side", Side)
def test_an_archive_that_breaks_off_at_any_byte_is_a_loss_and_no_success(
    file_to_send: Part10File, side: Side
) -> None:
    """An archive that ends the connection after any byte it read, or after any byte it wrote: we
    say "stored" only if its whole answer went out, we never hang, and nothing of ours is left."""
    with ScriptedArchive() as archive:
        assert send_once(archive.port, file_to_send) == SUCCESS
        whole = archive.conversation()
        before = resources()
        for at in range(getattr(whole, side.value)):
            for ending in Ending:
                archive.cut = Cut(side=side, at=at, ending=ending)
                status = send_once(archive.port, file_to_send)
                answered = archive.conversation().answered
                assert status in ((SUCCESS, None) if answered else (None,)), archive.cut
        wait_until(lambda: resources() <= before, lambda: f"back: {before} -> {resources()}")
