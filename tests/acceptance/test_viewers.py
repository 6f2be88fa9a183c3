"""What the node holds, viewers find and fetch: DCMTK's tools and Orthanc as clients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import dcmread

from echonode.probe.recordings.echopen_text import read_recording
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from tests.acceptance.clinic import Clinic, dataset_sha256, read
from tests.peers.dcmtk import StoreScp, dcmtk
from tests.peers.fixtures import require_program
from tests.peers.ports import LOOPBACK
from tests.support.waiting import wait_until

FILM = "probe/echopen_film_envelope_101frames.tar.xz"
LEVELS = ("PATIENT", "STUDY", "SERIES", "IMAGE")
UNIQUE_KEYS = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]


class Held:
    """A running node that holds a study of several instances, and a viewer that it knows."""

    def __init__(self, parts: ExitStack, shared_data: Path) -> None:
        require_program("findscu")
        require_program("Orthanc")
        self.viewer = parts.enter_context(StoreScp(ae_title="VIEWER"))
        probe = ProbeSimulator(read_recording(shared_data / FILM), fps=60, frames=40)
        capture = {"mode": "auto", "gap_s": 0.3, "max_clip_s": 0.2}
        self.clinic = Clinic(parts, probe_port=probe.address[1], capture=capture)
        self.clinic.node.add_peer(
            "viewer",
            ae_title="VIEWER",
            port=self.viewer.port,
            may=["echo", "find", "move", "get"],
        )
        self.clinic.start_pacs()
        self.clinic.start_node()
        parts.enter_context(probe)
        assert probe.finished.wait(30)
        wait_until(
            lambda: sum(row["frames"] for row in self.clinic.node.ledger()) == 40,
            timeout_s=60,
            what="all frames are stored",
        )
        rows = self.clinic.wait_committed(at_least=2, timeout_s=60)
        self.uids = {row["sop_instance_uid"] for row in rows}
        self.files = self.clinic.held_here()

    def unique_keys(self, level: str, uid: str) -> list[str]:
        """-k arguments that name one instance's entity at `level` and those above it."""
        found = dcmread(self.files[uid], stop_before_pixels=True)
        depth = LEVELS.index(level) + 1
        return [
            argument
            for keyword in UNIQUE_KEYS[:depth]
            for argument in ("-k", f"{keyword}={found[keyword].value}")
        ]

    def call(self, program: str, *arguments: str) -> str:
        """Run a DCMTK client as the viewer; its output."""
        address = ("-aet", "VIEWER", "-aec", "ECHONODE", LOOPBACK, self.clinic.node.port)
        done = dcmtk(program, *address, *arguments)
        assert done.ok, done.output
        return done.output


@pytest.fixture(scope="module")
def held(shared_data: Path) -> Iterator[Held]:
    with ExitStack() as parts:
        yield Held(parts, shared_data)


@pytest.mark.parametrize("level", LEVELS)
def test_findscu_finds_each_instance_at_every_level(held: Held, level: str, tmp_path: Path) -> None:
    """C-FIND by unique keys answers exactly the entity asked for, at each of the four levels."""
    for number, uid in enumerate(sorted(held.uids)):
        folder = tmp_path / str(number)
        folder.mkdir()
        level_key = ("-k", f"QueryRetrieveLevel={level}")
        keys = held.unique_keys(level, uid)
        held.call("findscu", "-P", "-X", "-od", str(folder), *level_key, *keys)
        (answer,) = [dcmread(path, force=True) for path in folder.iterdir()]
        lowest = UNIQUE_KEYS[LEVELS.index(level)]
        assert f"{lowest}={answer[lowest].value}" in keys
        assert answer.QueryRetrieveLevel == level


@pytest.mark.parametrize("level", LEVELS)
def test_movescu_brings_each_instance_at_every_level(held: Held, level: str) -> None:
    """C-MOVE to a known AE sends the very bytes that are stored."""
    for path in held.viewer.received():
        path.unlink()
    for uid in sorted(held.uids):
        level_key = ("-k", f"QueryRetrieveLevel={level}")
        move = ("-P", "-aem", "VIEWER", *level_key, *held.unique_keys(level, uid))
        held.call("movescu", *move)
    received = {
        str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): dataset_sha256(path)
        for path in held.viewer.received()
    }
    assert received == {uid: dataset_sha256(path) for uid, path in held.files.items()}


@pytest.mark.parametrize("level", LEVELS)
def test_getscu_brings_each_instance_at_every_level(held: Held, level: str, tmp_path: Path) -> None:
    """C-GET brings the stored bytes on the same association."""
    for uid in sorted(held.uids):
        level_key = ("-k", f"QueryRetrieveLevel={level}")
        keys = held.unique_keys(level, uid)
        held.call("getscu", "-P", "+B", "-od", str(tmp_path), *level_key, *keys)
    received = {
        str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): dataset_sha256(path)
        for path in tmp_path.iterdir()
    }
    assert received == {uid: dataset_sha256(path) for uid, path in held.files.items()}


def test_orthanc_queries_and_retrieves_from_the_node(held: Held) -> None:
    """Orthanc as the client: C-ECHO, C-FIND and C-MOVE back into itself give the same bytes."""
    rest = held.clinic.orthanc.rest
    assert rest.echo("echonode")
    study_uid = dcmread(next(iter(held.files.values())), stop_before_pixels=True).StudyInstanceUID
    rest.delete_everything()
    query_id, answers = rest.query("echonode", "Study", {"StudyInstanceUID": str(study_uid)})
    assert [answer["StudyInstanceUID"] for answer in answers] == [study_uid]
    rest.retrieve(query_id, "ORTHANC")
    fetched = {uid: dataset_sha256(raw) for uid, raw in held.clinic.held_by_pacs().items()}
    assert fetched == {uid: dataset_sha256(path) for uid, path in held.files.items()}


def test_an_unknown_caller_and_a_wrong_called_title_are_rejected(held: Held) -> None:
    """Only configured peers are served, and only under our own AE title."""
    port = held.clinic.node.port
    stranger = dcmtk("echoscu", "-aet", "STRANGER", "-aec", "ECHONODE", LOOPBACK, port)
    misdialled = dcmtk("echoscu", "-aet", "VIEWER", "-aec", "OTHER", LOOPBACK, port)
    assert "Calling AE Title Not Recognized" in stranger.output
    assert "Called AE Title Not Recognized" in misdialled.output
    assert dcmtk("echoscu", "-aet", "VIEWER", "-aec", "ECHONODE", LOOPBACK, port).ok


def test_a_peer_gets_only_what_it_may(held: Held, tmp_path: Path) -> None:
    """A viewer that may not store is not stored from, and the store stays as it was."""
    done = dcmtk(
        "storescu",
        *("-aet", "VIEWER", "-aec", "ECHONODE", LOOPBACK, held.clinic.node.port),
        next(iter(held.files.values())),
    )
    assert not done.ok
    assert len(held.clinic.node.stored_files()) == len(held.uids)


def test_what_orthanc_sends_us_is_kept_byte_for_byte_and_promised(held: Held) -> None:
    """The node as the archive of another: C-STORE from Orthanc, then its commitment request."""
    rest = held.clinic.orthanc.rest
    raw = held.files[next(iter(held.uids))].read_bytes()
    dataset = read(raw)
    assert held.clinic.orthanc.rest.upload(raw)
    rest.store("echonode", rest.lookup(str(dataset.SOPInstanceUID)))
    transaction = rest.request_commitment(
        "echonode", [(str(dataset.SOPClassUID), str(dataset.SOPInstanceUID))]
    )
    wait_until(
        lambda: rest.commitment_report(transaction)["Status"] != "Pending",
        timeout_s=15,
        what="the report reaches Orthanc",
    )
    assert rest.commitment_report(transaction)["Status"] == "Success"
