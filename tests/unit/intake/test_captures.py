"""What was captured is durable, or waits and is counted, or is refused aloud."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from echonode.errors import InstanceConflict, InvalidObject, OutOfSpace
from echonode.frames.frame import Acquisition
from echonode.intake.captures import Intake
from echonode.model.exam import ExamFacts
from echonode.model.instance import InstanceRecord, Origin, StoredInstance
from echonode.model.patient import Patient
from tests.unit.objects.acquisitions import (
    CONNECTED_AT,
    EQUIPMENT,
    LOCAL,
    NAMED,
    NOW,
    acquisition,
    exam,
    frames,
    sector,
)


class FakeFile:
    """A temporary file in memory."""

    def __init__(self, store: FakeStore, names: Mapping[str, str]) -> None:
        self.store, self.names = store, names
        self.content = bytearray()
        self.discarded = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.store.refuse_if("write")
        self.content += data

    def discard(self) -> None:
        self.discarded = True


@dataclass(frozen=True)
class FakeOutcome:
    instance: StoredInstance


class FakeStore:
    """The store's part of the port; `refusing` names the calls that fail, and with what."""

    def __init__(self) -> None:
        self.refusing: dict[str, Exception] = {}
        self.files: list[FakeFile] = []
        self.committed: list[tuple[FakeFile, dict[str, Any]]] = []
        self.counter_calls = 0

    def refuse_if(self, call: str) -> None:
        if call in self.refusing:
            raise self.refusing[call]

    def open_incoming(self, **names: str) -> FakeFile:
        self.refuse_if("open")
        self.files.append(FakeFile(self, names))
        return self.files[-1]

    def read_record(self, incoming: FakeFile, /) -> InstanceRecord:
        self.refuse_if("read")
        return InstanceRecord(
            study_instance_uid="1.2",
            series_instance_uid="1.2.3",
            frames=1,
            patient={},
            study={},
            series={},
            image={},
            **incoming.names,
        )

    def commit(
        self,
        incoming: FakeFile,
        record: InstanceRecord,
        /,
        *,
        origin: Origin,
        destinations: Sequence[str],
        acquired_at: datetime | None,
        evidence: Mapping[str, int | str],
        exam_id: str,
    ) -> FakeOutcome:
        self.refuse_if("commit")
        facts: dict[str, Any] = {
            "origin": origin,
            "destinations": destinations,
            "acquired_at": acquired_at,
            "evidence": evidence,
        }
        self.committed.append((incoming, facts))
        return FakeOutcome(
            StoredInstance(
                study_instance_uid="1.2",
                series_instance_uid="1.2.3",
                path=Path("/x"),
                size=len(incoming.content),
                dataset_offset=0,
                dataset_sha256="",
                remote=None,
                cipher=None,
                **incoming.names,
            )
        )


class Scene:
    """An intake over a fake store, with a clock that ticks a millisecond each time it is read."""

    def __init__(self, *, held_bytes: int = 10_000_000, patient: Patient = NAMED) -> None:
        self.store = FakeStore()
        self.ticks = 0
        self.asked: list[tuple[str, str, datetime]] = []
        self.patient = patient
        self.exam_error: Exception | None = None
        self.intake = Intake(
            self.store,
            node_id="node-1",
            destinations=["pacs"],
            exam_for=self.exam_for,
            equipment=EQUIPMENT,
            local=LOCAL,
            now=self.now,
            monotonic=self.monotonic,
            held_bytes=held_bytes,
            retry_every_s=0.001,
        )

    def exam_for(self, acquisition: Acquisition, started_at: datetime) -> ExamFacts:
        self.asked.append((acquisition.connection_id, acquisition.probe.name, started_at))
        if self.exam_error:
            raise self.exam_error
        return exam(self.patient)

    def now(self) -> datetime:
        self.ticks += 1
        return NOW + timedelta(seconds=self.ticks)

    def monotonic(self) -> float:
        self.ticks += 1
        return self.ticks / 1000


def take(scene: Scene, taken: Acquisition | None = None) -> list[EventDict]:
    """Take one acquisition and return what was logged."""
    with structlog.testing.capture_logs() as logged:
        scene.intake.take(taken or acquisition())
    return list(logged)


def test_a_capture_is_written_and_committed_with_its_destinations() -> None:
    """File, row and jobs in the store's one step, with the moment of its first frame."""
    scene = Scene()
    stored = scene.intake.take(acquisition())
    ((file, facts),) = scene.store.committed
    assert stored is not None
    assert stored.sop_instance_uid == file.names["sop_instance_uid"]
    assert file.names["transfer_syntax_uid"] == "1.2.840.10008.1.2.1"
    assert facts["origin"] is Origin.CAPTURED
    assert facts["destinations"] == ("pacs",)
    assert facts["acquired_at"] == CONNECTED_AT + timedelta(seconds=1)
    assert facts["evidence"]["probe"] == "handheld"
    assert acquisition().frames[0].pixels.tobytes() in bytes(file.content)
    assert not file.discarded


def test_the_log_says_when_a_capture_is_durable_and_nothing_of_the_patient() -> None:
    """`instance_stored`: UID, frames, milliseconds from close to durable, destinations."""
    scene = Scene()
    logged = take(scene)
    stored = next(event for event in logged if event["event"] == "instance_stored")
    assert stored["frames"] == 1
    assert stored["milliseconds"] > 0
    assert stored["destinations"] == ["pacs"]
    assert stored["sop_instance_uid"] == scene.store.committed[0][0].names["sop_instance_uid"]
    assert NAMED.id not in str(logged)
    assert "Müller" not in str(logged)


def test_the_exam_is_asked_for_the_connection_and_when_it_began() -> None:
    """The time the connection opened, the same for each of its captures."""
    scene = Scene()
    scene.intake.take(acquisition(number=1))
    scene.intake.take(acquisition(frames([9.5], calibration=sector(24, 32)), number=2))
    assert scene.asked == [("connection-1", "handheld", CONNECTED_AT)] * 2


@pytest.mark.parametrize("call", ["open", "write", "read", "commit"])
def test_a_full_disk_loses_no_capture(call: str) -> None:
    """It is kept in memory, counted and logged as an error; with room again it is stored."""
    scene = Scene()
    scene.store.refusing[call] = OutOfSpace("disk full")
    logged = take(scene)
    assert [(e["event"], e["log_level"]) for e in logged] == [("store_refused", "error")]
    assert scene.intake.counters.held == 1
    assert scene.intake.counters.held_bytes == 24 * 32
    scene.store.refusing.clear()
    assert scene.intake.retry_held() == 1
    counters = scene.intake.counters
    assert (counters.stored, counters.held, counters.held_bytes, counters.lost) == (1, 0, 0, 0)


@pytest.mark.parametrize("call", ["open", "write", "read", "commit"])
def test_a_shortage_of_memory_loses_no_capture(call: str) -> None:
    """It waits as it does for a full disk, and is counted."""
    scene = Scene()
    scene.store.refusing[call] = MemoryError()
    take(scene)
    assert (scene.intake.counters.held, scene.intake.counters.invalid) == (1, 0)
    scene.store.refusing.clear()
    assert scene.intake.retry_held() == 1


@pytest.mark.parametrize("call", ["write", "read"])
def test_a_file_that_was_not_finished_is_discarded(call: str) -> None:
    """No temporary file stays behind on a disk that is full already."""
    scene = Scene()
    scene.store.refusing[call] = OutOfSpace("disk full")
    scene.intake.take(acquisition())
    assert [file.discarded for file in scene.store.files] == [True]


def test_a_later_try_writes_the_same_bytes() -> None:
    """The first try may have been stored after all: the second must be its duplicate."""
    scene = Scene()
    scene.store.refusing["commit"] = OutOfSpace("disk full")
    scene.intake.take(acquisition())
    scene.store.refusing.clear()
    scene.intake.retry_held()
    first, second = scene.store.files
    assert first.names == second.names
    assert first.content == second.content


def test_a_capture_waits_when_even_its_exam_cannot_be_made() -> None:
    """The counter of unidentified patients is durable too, and a full disk refuses it."""
    scene = Scene()
    scene.exam_error = OutOfSpace("disk full")
    scene.intake.take(acquisition())
    assert scene.intake.counters.held == 1
    scene.exam_error = None
    assert scene.intake.retry_held() == 1


def test_held_captures_are_stored_in_the_order_they_were_taken() -> None:
    """And one refusal stops the round: the disk is still full."""
    scene = Scene()
    scene.store.refusing["commit"] = OutOfSpace("disk full")
    for number in (1, 2, 3):
        scene.intake.take(acquisition(number=number))
    assert scene.intake.retry_held() == 0
    assert len(scene.store.files) == 4
    scene.store.refusing.clear()
    assert scene.intake.retry_held() == 3
    numbers = [facts["evidence"]["acquisition_number"] for _, facts in scene.store.committed]
    assert numbers == [1, 2, 3]


def test_memory_is_bounded_and_a_loss_is_said_aloud() -> None:
    """What no longer fits is lost, counted, and an error in the log; what is held stays."""
    scene = Scene(held_bytes=24 * 32)
    scene.store.refusing["commit"] = OutOfSpace("disk full")
    scene.intake.take(acquisition(number=1))
    (event,) = take(scene, acquisition(number=2))
    assert event["event"] == "store_refused"
    assert "capture lost" in event["reason"]
    counters = scene.intake.counters
    assert (counters.held, counters.lost, counters.held_bytes) == (1, 1, 24 * 32)


def test_an_invalid_object_is_refused_and_not_tried_again() -> None:
    """Logged with attribute and rule, counted, and without the patient's data."""
    scene = Scene(patient=replace(NAMED, sex="unheard of"))
    (event,) = take(scene)
    assert "PatientSex (0010,0040)" in event["reason"]
    assert "unheard of" not in str(event)
    assert (scene.intake.counters.invalid, scene.intake.counters.held) == (1, 0)
    assert scene.store.files == []


def test_a_caller_who_wants_to_know_gets_the_error() -> None:
    """`store` raises what `take` swallows, and it is counted once all the same."""
    scene = Scene()
    scene.store.refusing["commit"] = OutOfSpace("disk full")
    with pytest.raises(OutOfSpace):
        scene.intake.store(acquisition())
    assert scene.intake.counters.held == 1
    with pytest.raises(InvalidObject):
        Scene(patient=replace(NAMED, sex="x")).intake.store(acquisition())


def test_a_conflict_is_not_tried_for_ever() -> None:
    """Another instance has the UID: the store kept both; trying again would end the same."""
    scene = Scene()
    scene.store.refusing["commit"] = InstanceConflict("other bytes")
    (event,) = take(scene)
    assert event["event"] == "store_refused"
    assert (scene.intake.counters.conflicts, scene.intake.counters.held) == (1, 0)


def test_the_retry_thread_stores_what_waits_and_stops() -> None:
    """Started, it needs no caller; stopped, it is gone and nothing is reported as lost."""
    scene = Scene()
    scene.store.refusing["commit"] = OutOfSpace("disk full")
    scene.intake.take(acquisition())
    scene.intake.start()
    scene.store.refusing.clear()
    scene.intake.stop(5.0)
    assert not any(thread.name == "intake-retry" for thread in threading.enumerate())
    assert (scene.intake.counters.stored, scene.intake.counters.lost) == (1, 0)


def test_what_is_still_held_when_the_node_stops_is_named_as_lost() -> None:
    """Memory ends with the process: the operator reads which capture it was."""
    scene = Scene()
    scene.store.refusing["commit"] = OutOfSpace("disk full")
    scene.intake.take(acquisition(number=7))
    scene.intake.start()
    with structlog.testing.capture_logs() as logged:
        scene.intake.stop(5.0)
    lost = [event for event in logged if "capture lost" in str(event["reason"])]
    assert [event["acquisition_number"] for event in lost] == [7]
    assert scene.intake.counters.lost == 1


@pytest.mark.slow
def test_probes_may_hand_over_captures_at_the_same_time() -> None:
    """Eight threads, forty captures: each is stored once and counted once."""
    scene = Scene()

    def probe(name: str) -> None:
        for number in range(1, 6):
            scene.intake.take(acquisition(number=number, connection_id=name))

    threads = [threading.Thread(target=probe, args=(f"c{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    uids = {file.names["sop_instance_uid"] for file, _ in scene.store.committed}
    assert len(uids) == scene.intake.counters.stored == 40


def test_a_fault_of_ours_does_not_end_the_retry_thread_or_quote_a_patient() -> None:
    """The capture stays held; the log names the kind of fault and where, not its message."""
    scene = Scene()
    scene.store.refusing["commit"] = OutOfSpace("disk full")
    scene.intake.take(acquisition())
    scene.store.refusing["commit"] = RuntimeError("bad value Müller^Jörg")
    with structlog.testing.capture_logs() as logged:
        scene.intake.start()
        scene.intake.stop(5.0)
    assert any("RuntimeError in refuse_if" in str(event["reason"]) for event in logged)
    assert "Müller" not in str(logged)
