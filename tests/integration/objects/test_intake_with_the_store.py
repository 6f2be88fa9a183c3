"""From a finished acquisition to a durable file, through the real store."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import structlog
from pydicom import dcmread

from echonode.errors import OutOfSpace
from echonode.exam.unattended import UnattendedExams
from echonode.frames.frame import Acquisition
from echonode.intake.captures import Intake
from echonode.store.store import Incoming, Store
from tests.peers import Validation
from tests.unit.objects.acquisitions import EQUIPMENT, LOCAL, acquisition, frames, sector
from tests.unit.objects.test_tracking import by_name, tracked

STILLS = 20
DURABLE_WITHIN_MS = 50.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var") as opened:
        yield opened


@pytest.fixture
def intake(store: Store) -> Intake[Incoming]:
    exams = UnattendedExams(
        node_id=store.node_id, next_counter=lambda: store.counter("unidentified")
    )
    return Intake(
        store.files,
        node_id=store.node_id,
        destinations=["pacs"],
        exam_for=lambda taken, at: exams.exam_for(taken.connection_id, taken.probe.name, at),
        equipment=EQUIPMENT,
        local=LOCAL,
        now=lambda: datetime.now(UTC),
    )


def still(number: int, *, side: int = 512, connection_id: str = "c1") -> Acquisition:
    taken = frames([1.0], rows=side, columns=side, calibration=sector(side, side))
    return acquisition(taken, number=number, connection_id=connection_id)


def test_a_still_is_durable_within_50_ms(intake: Intake[Incoming]) -> None:
    """Built, written, synced and committed: the median of twenty stills of 512x512."""
    with structlog.testing.capture_logs() as logged:
        for number in range(1, STILLS + 1):
            intake.store(still(number))
    times = [e["milliseconds"] for e in logged if e["event"] == "instance_stored"]
    assert len(times) == STILLS
    print(f"still durable: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")
    assert statistics.median(times) < DURABLE_WITHIN_MS


def test_the_stored_file_is_valid_and_holds_the_probes_pixels(
    intake: Intake[Incoming], validate: Callable[[Path], Validation]
) -> None:
    """The store's own file: zero preamble, no error from dciodvfy, pixels bit for bit."""
    taken = frames([1.0, 1.05, 1.12, 1.15], rows=63, columns=65, calibration=sector(63, 65))
    stored = intake.store(acquisition(taken))
    assert stored.path.read_bytes()[:132] == bytes(128) + b"DICM"
    said = validate(stored.path)
    assert (said.iod, said.errors) == ("USMultiFrameImage", ())
    expected = np.stack([frame.pixels for frame in taken])
    assert np.array_equal(dcmread(stored.path).pixel_array, expected)


def test_the_capture_waits_for_its_destination(store: Store, intake: Intake[Incoming]) -> None:
    """The delivery is queued in the same step, and the ledger shows it."""
    stored = intake.store(still(1, side=16))
    (row,) = list(store.ledger.rows())
    assert row.sop_instance_uid == stored.sop_instance_uid
    assert (row.destination, row.state, row.frames) == ("pacs", "queued", 1)


def test_a_try_that_succeeded_unseen_leaves_one_instance(
    store: Store, intake: Intake[Incoming], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored, but the answer was an error: the next try is a duplicate, not a conflict."""
    commit = store.files.commit

    def commit_and_fail(*arguments: Any, **named: Any) -> NoReturn:
        commit(*arguments, **named)
        raise OutOfSpace("seen after the commit")

    monkeypatch.setattr(store.files, "commit", commit_and_fail)
    assert intake.take(still(1, side=16)) is None
    monkeypatch.undo()
    assert intake.retry_held() == 1
    assert len(list(store.ledger.rows())) == 1
    assert (intake.counters.stored, intake.counters.conflicts) == (1, 0)


def test_each_connection_has_its_own_unidentified_patient(intake: Intake[Incoming]) -> None:
    """Two connections, two studies, two patients; one connection keeps its own."""
    files = [
        dcmread(intake.store(still(number, side=16, connection_id=connection)).path)
        for connection, number in (("c1", 1), ("c1", 2), ("c2", 1))
    ]
    patients = [str(file.PatientID) for file in files]
    assert patients[0] == patients[1] != patients[2]
    assert all(patient.startswith("UNIDENTIFIED-") for patient in patients)
    assert files[0].StudyInstanceUID == files[1].StudyInstanceUID != files[2].StudyInstanceUID


def test_tracking_survives_the_loss_of_the_index(tmp_path: Path) -> None:
    """600 tracked frames, stored; the index lost and rebuilt: every matrix is in the file."""
    data_dir = tmp_path / "var"
    given = [
        {"ProbeToTracker": (*map(float, range(n, n + 12)), 0.0, 0.0, 0.0, 1.0)} for n in range(600)
    ]
    with Store.open(data_dir) as store:
        exams = UnattendedExams(node_id=store.node_id, next_counter=lambda: 1)
        intake = Intake(
            store.files,
            node_id=store.node_id,
            destinations=["pacs"],
            exam_for=lambda taken, at: exams.exam_for(taken.connection_id, taken.probe.name, at),
            equipment=EQUIPMENT,
            local=LOCAL,
            now=lambda: datetime.now(UTC),
        )
        uid = intake.store(acquisition(tracked(*given))).sop_instance_uid
    for part in data_dir.glob("index.sqlite*"):
        part.unlink()
    with Store.open(data_dir) as store:
        (row,) = list(store.ledger.rows())
        assert row.sop_instance_uid == uid
        kept = store.index.instance(uid)
    assert kept is not None
    matrices, status = by_name(dcmread(kept.path))["ProbeToTracker"]
    assert matrices.tolist() == [list(frame["ProbeToTracker"]) for frame in given]
    assert status == [1] * 600
