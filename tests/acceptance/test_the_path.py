"""The main job: the recorded echOpen film, over TCP, into a real Orthanc that promises it."""

from __future__ import annotations

import random
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from echonode.probe.recordings.echopen_text import KitRecording, read_recording
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from tests.acceptance.clinic import Clinic, dataset_sha256, read
from tests.peers.ports import free_port
from tests.peers.validators import DecodedPixels, Validation
from tests.support.waiting import wait_until

FILM = "probe/echopen_film_envelope_101frames.tar.xz"
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]


@pytest.fixture(scope="session")
def film(shared_data: Path) -> KitRecording:
    return read_recording(shared_data / FILM)


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def test_the_film_becomes_committed_instances_in_orthanc(
    parts: ExitStack,
    film: KitRecording,
    validate: Callable[[Path], Validation],
    pixels_by_gdcm: Callable[[Path], DecodedPixels],
    pixels_by_dcmtk: Callable[[Path], DecodedPixels],
) -> None:
    """Streamed at 20 frames/s, every frame arrives in Orthanc, bit for bit, valid and promised."""
    probe = ProbeSimulator(film, fps=20)
    clinic = Clinic(parts, probe_port=probe.address[1])
    clinic.start_pacs()
    clinic.start_node()
    parts.enter_context(probe)
    assert probe.finished.wait(30)
    rows = clinic.wait_committed(at_least=5, timeout_s=60)

    assert sum(row["frames"] for row in rows) == len(film.frames)
    assert {row["sop_class_uid"] for row in rows if row["frames"] > 1} == {US_MULTI_FRAME}
    held, here = clinic.held_by_pacs(), clinic.held_here()
    assert set(held) == set(here) == {row["sop_instance_uid"] for row in rows}
    for uid, path in here.items():
        assert np.array_equal(read(held[uid]).pixel_array, dcmread(path).pixel_array)
        assert validate(path).errors == ()
        ours = dcmread(path)
        pixels = ours.pixel_array.reshape(-1, ours.Rows, ours.Columns, 1)
        assert np.array_equal(pixels_by_gdcm(path).pixels, pixels)
        assert np.array_equal(pixels_by_dcmtk(path).pixels, pixels)


@pytest.mark.long
def test_killed_ten_times_during_the_film_nothing_reported_as_stored_is_lost(
    parts: ExitStack, film: KitRecording
) -> None:
    """kill -9 at random moments: all that was reported as stored is in Orthanc, whole and once."""
    probe = ProbeSimulator(film, fps=60, loop=True)
    capture = {"mode": "auto", "gap_s": 0.3, "max_clip_s": 0.2}
    clinic = Clinic(parts, probe_port=probe.address[1], capture=capture)
    clinic.start_pacs()
    clinic.start_node()
    parts.enter_context(probe)
    moments = random.Random(20261120)
    for _ in range(10):
        time.sleep(moments.uniform(0.2, 1.2))  # the moments of the kills are the test's input
        clinic.node.kill()
        clinic.node.start()
    before = len(clinic.stored())
    wait_until(lambda: len(clinic.stored()) > before + 2, timeout_s=30, what="captures go on")
    probe.stop()
    clinic.node.wait_for("probe_lost")
    stored = clinic.stored()
    clinic.wait_committed(at_least=len(stored), timeout_s=90)

    held, here = clinic.held_by_pacs(), clinic.held_here()
    assert stored <= set(held)
    assert {uid: dataset_sha256(raw) for uid, raw in held.items()} == {
        uid: dataset_sha256(path) for uid, path in here.items()
    }
    assert len(here) == len(clinic.node.stored_files()), "one file for each UID"
    assert not list((clinic.node.data_dir / "incoming").iterdir())


@pytest.mark.long
def test_a_pacs_that_appears_later_gets_everything_without_help(
    parts: ExitStack, film: KitRecording
) -> None:
    """The PACS is absent at the start and appears 30 s later: all is delivered and promised."""
    probe = ProbeSimulator(film, fps=50, frames=60)
    clinic = Clinic(parts, probe_port=probe.address[1])
    clinic.start_node()
    parts.enter_context(probe)
    began = time.monotonic()
    assert probe.finished.wait(30)
    wait_until(lambda: len(clinic.stored()) >= 2, what="stored without a PACS")
    assert {row["state"] for row in clinic.node.ledger()} <= {"queued", "sending"}
    time.sleep(max(0.0, 30 - (time.monotonic() - began)))  # the absence itself is the input
    clinic.start_pacs()
    rows = clinic.wait_committed(at_least=2, timeout_s=75)
    assert {row["sop_instance_uid"] for row in rows} == set(clinic.held_by_pacs())


def take_still(clinic: Clinic, film: KitRecording, port: int) -> None:
    """A connection of one frame, until it is stored."""
    seen = len(clinic.stored())
    with ProbeSimulator(film, port=port, fps=0, frames=1) as probe:
        assert probe.finished.wait(30)
        wait_until(lambda: len(clinic.stored()) > seen, timeout_s=30, what="a still")


@pytest.mark.timing
def test_stills_are_durable_at_once_and_committed_soon(
    parts: ExitStack, film: KitRecording, record_property: Callable[[str, object], None]
) -> None:
    """A still is durable within 50 ms and committed by Orthanc within 2 s (medians of one run)."""
    port = free_port()
    clinic = Clinic(parts, probe_port=port, capture={"mode": "auto", "gap_s": 0.1})
    clinic.start_pacs()
    clinic.start_node()
    for _ in range(5):  # each connection of one frame becomes a still when the probe leaves
        take_still(clinic, film, port)
    rows = clinic.wait_committed(at_least=5, timeout_s=30)
    durable_ms = [e["milliseconds"] for e in clinic.node.events if e["event"] == "instance_stored"]
    committed_s = [
        (moment(row["committed_at"]) - moment(row["stored_at"])).total_seconds() for row in rows
    ]
    record_property("durable_ms", statistics.median(durable_ms))
    record_property("committed_s", statistics.median(committed_s))
    assert {row["frames"] for row in rows} == {1}
    assert statistics.median(durable_ms) < 50
    assert statistics.median(committed_s) < 2


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_sigterm_drains_and_exits_zero(parts: ExitStack, film: KitRecording) -> None:
    """SIGTERM in the middle of a clip: the clip is closed and stored, the exit code is 0."""
    probe = ProbeSimulator(film, fps=20, loop=True)
    capture = {"mode": "auto", "gap_s": 1.0, "max_clip_s": 30}
    clinic = Clinic(parts, probe_port=probe.address[1], capture=capture)
    clinic.start_node()
    parts.enter_context(probe)
    clinic.node.wait_for("probe_connected")
    wait_until(lambda: len(probe.sent) > 20, what="frames are on their way")
    assert clinic.node.stop() == 0
    assert [e["event"] for e in clinic.node.events][-1] == "node_stopped"
    assert len(clinic.stored()) == 1
    assert clinic.node.ledger()[0]["frames"] > 10


def test_a_second_node_on_the_same_folder_refuses_to_start(
    parts: ExitStack,
) -> None:
    """Two nodes would each think the other's files were theirs."""
    clinic = Clinic(parts)
    clinic.start_node()
    done = clinic.node.command("run")
    assert done.returncode == 1
    assert str(clinic.node.data_dir) in done.stderr


def test_no_patient_data_in_the_log(parts: ExitStack, film: KitRecording) -> None:
    """A configured patient's name and ID appear in the objects and nowhere in the log."""
    probe = ProbeSimulator(film, fps=50, frames=12)
    patient = {"id": "CANARY-4711", "name": "Kanari^Vogel", "birth_date": "19700102", "sex": "F"}
    capture = {"mode": "auto", "gap_s": 1.0, "patient": patient}
    clinic = Clinic(parts, probe_port=probe.address[1], capture=capture)
    clinic.start_pacs()
    clinic.start_node()
    parts.enter_context(probe)
    clinic.wait_committed(at_least=1, timeout_s=30)
    (raw,) = clinic.held_by_pacs().values()
    assert (read(raw).PatientID, str(read(raw).PatientName)) == ("CANARY-4711", "Kanari^Vogel")
    clinic.node.stop()
    said = repr(clinic.node.events) + repr(clinic.node.log.other_lines) + clinic.node.stderr()
    assert "CANARY" not in said
    assert "Kanari" not in said


def test_the_node_outlives_a_probe_that_sends_nonsense(
    parts: ExitStack, film: KitRecording
) -> None:
    """Garbage, wrong counts and cut headers: the node goes on, and no half object is made."""
    port = free_port()
    clinic = Clinic(parts, probe_port=port, capture={"mode": "auto", "gap_s": 1.0})
    clinic.start_node()
    noise = random.Random(7)
    header = bytes([80, 160, 8, 64, 57, 0])
    attacks = [header[:5], bytes(6), header + noise.randbytes(300_000), noise.randbytes(50_000)]
    for attack in attacks:
        _one_connection(port, attack)
    with ProbeSimulator(film, port=port, fps=50, frames=10) as probe:
        assert probe.finished.wait(30)
        wait_until(lambda: bool(clinic.stored()), timeout_s=30, what="the real probe is heard")
    clinic.node.stop()
    frames = [e["frames"] for e in clinic.node.events if e["event"] == "instance_stored"]
    assert frames == [10]
    assert "Traceback" not in clinic.node.stderr() + repr(clinic.node.events)


def _one_connection(port: int, data: bytes) -> None:
    """Be a probe for one connection: send these bytes and hang up."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(40)
        connection, _ = listener.accept()
        with connection:
            connection.sendall(data)
            threading.Event().wait(0.05)
