"""Delivery that may be trusted with the only copy: archives that stop, die, and never promise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from echonode.probe.recordings.echopen_text import KitRecording, read_recording
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from tests.acceptance.clinic import Clinic, dataset_sha256
from tests.peers.orthanc import OrthancServer
from tests.support.waiting import wait_until

FILM = "probe/echopen_film_envelope_101frames.tar.xz"
FULL = os.environ.get("ECHONODE_FAULTS") == "full"
EXAM = 200 if FULL else 40  # instances
CAPTURE = {"mode": "auto", "gap_s": 0.3, "max_clip_s": 0.1}

pytestmark = [pytest.mark.peers, pytest.mark.timeout(600 if FULL else 300)]


@pytest.fixture(scope="session")
def film(shared_data: Path) -> KitRecording:
    return read_recording(shared_data / FILM)


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def take_exam(clinic: Clinic, probe: ProbeSimulator, instances: int) -> set[str]:
    """Scan until so many instances are durable; their UIDs, once the probe is gone."""
    with probe:
        wait_until(
            lambda: len(clinic.stored()) >= instances, timeout_s=300, what="the exam is taken"
        )
    clinic.node.wait_for("probe_lost", timeout_s=120)
    # Frames that came last still become clips of a tenth of a second each: until none follows.
    seen: list[int] = []

    def none_follows() -> bool:
        seen.append(len(clinic.stored()))
        return len(seen) > 4 and seen[-1] == seen[-5]

    wait_until(none_follows, timeout_s=120, what="the last clip", every_s=0.5)
    return clinic.stored()


def test_an_archive_that_was_down_and_dies_in_the_middle_has_it_all_in_the_end(
    parts: ExitStack, film: KitRecording
) -> None:
    """Orthanc is stopped for the whole exam, started, killed in the middle of the backlog and
    started again: every instance ends committed, and Orthanc's own list agrees, byte for byte.
    """
    probe = ProbeSimulator(film, fps=60, loop=True)
    clinic = Clinic(parts, probe_port=probe.address[1], capture=CAPTURE)
    clinic.start_pacs().stop()
    clinic.start_node()
    exam = take_exam(clinic, probe, EXAM)
    assert {row["state"] for row in clinic.node.ledger()} <= {"queued", "sending"}

    orthanc = clinic.orthanc.start()
    wait_until(
        lambda: orthanc.rest.instance_count() >= EXAM // 4,
        timeout_s=120,
        what="a quarter has arrived",
        every_s=0.01,
    )
    orthanc.kill()
    assert any(row["state"] != "committed" for row in clinic.node.ledger())
    orthanc.start()
    rows = clinic.wait_committed(at_least=len(exam), timeout_s=90 if not FULL else 300)

    assert {row["sop_instance_uid"] for row in rows} == exam
    there = {uid: dataset_sha256(raw) for uid, raw in clinic.held_by_pacs().items()}
    assert there == {uid: dataset_sha256(path) for uid, path in clinic.held_here().items()}
    assert set(there) == exam


@pytest.mark.long
def test_while_one_of_two_archives_never_promises_nothing_is_safe(
    parts: ExitStack, film: KitRecording
) -> None:
    """The first commits at once, the second takes all and never reports, for it cannot call back:
    with no grace period at all, not one instance is deleted here.
    """
    probe = ProbeSimulator(film, fps=60, loop=True)
    clinic = Clinic(
        parts,
        probe_port=probe.address[1],
        capture=CAPTURE,
        extra={"retention": {"keep_days_after_commit": 0}},
    )
    mute = parts.enter_context(OrthancServer(ae_title="MUTE", options={"CheckedAet": False}))
    clinic.node.add_peer("mute", ae_title="MUTE", port=mute.dicom_port, may=["echo", "commit"])
    clinic.node.destinations.append({"peer": "mute", "commitment": "required"})
    clinic.start_pacs()
    clinic.start_node()
    exam = take_exam(clinic, probe, 12)

    def states(name: str) -> list[str]:
        return [row["state"] for row in clinic.node.ledger() if row["destination"] == name]

    wait_until(
        lambda: states("pacs").count("committed") == len(exam),
        timeout_s=120,
        what="the first archive commits",
        every_s=0.5,
    )
    wait_until(
        lambda: set(mute.rest.sop_instance_uids()) == exam, timeout_s=120, what="the second has all"
    )
    assert not {"committed", "verified"} & set(states("mute"))
    clinic.node.restart()  # what is safe would be cleared away at the start, too
    assert set(clinic.held_here()) == exam
