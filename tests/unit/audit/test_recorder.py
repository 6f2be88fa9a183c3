"""Events of any thread become records; none is lost in silence, and no caller waits."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from echonode.at_rest.reading import PlainFile
from echonode.audit import recorder as module
from echonode.audit.codes import EventType, Kind
from echonode.audit.event import AuditEvent
from echonode.audit.recorder import Recorder
from echonode.audit.trail import inbox
from echonode.audit.trail.checkpoint import read_checkpoint
from echonode.audit.trail.search import Wanted, event_of, search
from echonode.audit.trail.trail import Trail, TrailLimits
from echonode.audit.trail.verification import verify
from echonode.errors import OutOfSpace
from echonode.store.index.whose import Belonging
from tests.support.waiting import wait_until
from tests.unit.audit.events import AT, US, VIEWER, instance

LIMITS = TrailLimits(keep=timedelta(days=30), bytes=64 * 1024 * 1024)
ACCESS = replace(
    instance(), kind=Kind.ACCESS, participants=(VIEWER, US), collect=False, studies=(), patient=None
)


@pytest.fixture
def trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trail]:
    monkeypatch.setattr(module, "PACE_S", 0.01)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    with closing(Trail.open(tmp_path, now=AT)) as opened:
        yield opened


def recording(
    trail: Trail, lookup: Callable[[str], Belonging | None] = lambda uid: None
) -> Recorder:
    return Recorder(
        trail,
        us=US,
        lookups=lambda uids: nullcontext(lookup),
        limits=LIMITS,
        now=lambda: AT,
        monotonic=time.monotonic,
    )


def records(trail: Trail) -> list[AuditEvent]:
    return [event_of(found) for found in search(trail.readers, Wanted())]


def test_a_run_is_recorded_from_its_start_to_its_stop(trail: Trail) -> None:
    """Transfers under way are ended, and the checkpoint is at the end."""
    at_work = recording(trail)
    at_work.start()
    for number in range(3):
        at_work.tell(instance(number))
    assert at_work.stop(30)
    kinds = [event.kind for event in records(trail)]
    assert kinds == [Kind.START, Kind.BEGIN_TRANSFER, Kind.TRANSFER, Kind.STOP]
    assert read_checkpoint(trail.paths.checkpoint) == trail.head
    assert trail.state("running") == ""


def test_a_start_says_that_the_last_run_was_cut_off(trail: Trail) -> None:
    """Its last moments may have no record."""
    trail.set_state("running", "yes")
    at_work = recording(trail)
    at_work.start()
    at_work.stop(30)
    assert "did not end in order" in records(trail)[0].description


@pytest.mark.parametrize(
    ("error", "alarm"),
    [(OutOfSpace("no room"), "audit_not_written"), (RuntimeError("a defect"), "audit_stalled")],
)
def test_what_cannot_be_written_waits_and_is_not_lost(
    error: Exception, alarm: str, trail: Trail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that refuses, or a defect of ours: one alarm that lasts until all is written."""
    real, refusing = trail.append, threading.Event()
    refusing.set()

    def append(events: list[AuditEvent], limits: TrailLimits) -> None:
        if refusing.is_set():
            raise error
        real(events, limits)

    monkeypatch.setattr(trail, "append", append)
    at_work = recording(trail)
    with structlog.testing.capture_logs() as logged:
        at_work.start()
        for _ in range(50):
            at_work.tell(ACCESS)
        wait_until(lambda: bool(at_work.status.problem), what="a problem is seen")
        refusing.clear()
        wait_until(lambda: not at_work.status.problem, what="all is well again")
        at_work.stop(30)
    assert [e.kind for e in records(trail)].count(Kind.ACCESS) == 50
    assert [entry["event"] for entry in logged if entry.get("alarm")] == [alarm]


@pytest.mark.parametrize("refused", ["the checkpoint", "the inbox", "a record in the inbox"])
def test_a_disk_that_refuses_the_rest_stops_no_record(
    refused: str, trail: Trail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One alarm and no defect; own events are written meanwhile, and nothing is set aside."""
    inbox.put(tmp_path, replace(ACCESS, kind=Kind.QUERY))
    refusing = threading.Event()
    refusing.set()
    where, name = {
        "the checkpoint": (Trail, "write_checkpoint"),
        "the inbox": (Path, "iterdir"),
        "a record in the inbox": (PlainFile, "pread"),
    }[refused]
    real = getattr(where, name)

    def refuse(*arguments: object) -> object:
        if refusing.is_set():
            if name == "write_checkpoint":
                raise OutOfSpace("the disk refused the checkpoint")
            raise OSError(errno.EIO, "Input/output error")
        return real(*arguments)

    monkeypatch.setattr(where, name, refuse)

    def kinds() -> list[Kind]:
        return [each.kind for each in records(trail)]

    at_work = recording(trail)
    with structlog.testing.capture_logs() as logged:
        at_work.start()
        wait_until(lambda: bool(at_work.status.problem), what="a problem is seen")
        at_work.tell(ACCESS)
        wait_until(lambda: Kind.ACCESS in kinds(), what="own events are written")
        refusing.clear()
        wait_until(lambda: not at_work.status.problem, what="all is well again")
        at_work.stop(30)
    assert Kind.QUERY in kinds()
    assert [entry["event"] for entry in logged if entry.get("alarm")] == ["audit_not_written"]
    assert "audit_stalled" not in [entry["event"] for entry in logged]


def test_a_flood_is_counted_and_recorded(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the queue events are lost: the status, the log and a record say how many."""
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    at_work = recording(trail)
    for _ in range(25):
        at_work.tell(ACCESS)
    assert at_work.status.lost == 15
    at_work._thread.start()
    at_work.stop(30)
    [alert] = [e for e in records(trail) if e.type is EventType.RECORDING_STOPPED]
    assert "15 events" in alert.description


def test_a_record_names_the_patient_and_study_of_its_uids(trail: Trail) -> None:
    """One record for each patient; a UID that nothing is known of is in words."""

    def lookup(uid: str) -> Belonging | None:
        if uid == "9.9":
            return None
        return Belonging(
            patient_id=f"P-{uid[0]}",
            patient_name="",
            study_instance_uid=f"{uid[0]}.0",
            sop_class_uid="1.2",
            sop_instance_uid=uid,
        )

    at_work = recording(trail, lookup)
    at_work.tell(replace(ACCESS, about=("1.1", "1.2", "2.1", "9.9")))
    at_work._thread.start()
    at_work.stop(30)
    found = [e for e in records(trail) if e.kind is Kind.ACCESS]
    assert [e.patient.id if e.patient else "" for e in found] == ["P-1", "P-2", ""]
    assert found[0].studies[0].instances == {"1.2": ("1.1", "1.2")}
    assert "9.9" in found[2].description


@pytest.mark.parametrize("error", [OutOfSpace("away"), RuntimeError("a defect")])
def test_an_index_that_does_not_answer_keeps_no_event_from_its_record(
    error: Exception, trail: Trail
) -> None:
    """Neither when it is asked, nor for one UID: the record is there, without the patient.

    Whatever the look-up raises: what it is made of changes, the record must not depend on it.
    """

    def refused(uid: str) -> Belonging | None:
        raise error

    @contextmanager
    def gone(uids: Sequence[str]) -> Iterator[Callable[[str], Belonging | None]]:
        raise error
        yield refused

    for lookups in (lambda uids: nullcontext(refused), gone):
        at_work = Recorder(
            trail, us=US, lookups=lookups, limits=LIMITS, now=lambda: AT, monotonic=time.monotonic
        )
        at_work.tell(replace(ACCESS, about=("1.1",)))
        at_work._thread.start()
        at_work.stop(30)
    found = [e for e in records(trail) if e.kind is Kind.ACCESS]
    assert [e.patient for e in found] == [None, None]


def test_events_of_other_processes_are_taken_in(trail: Trail, tmp_path: Path) -> None:
    """Those put there while the node was stopped too; what is no event is set aside."""
    inbox.put(tmp_path, ACCESS)
    (trail.paths.inbox / "0.json").write_text("{}")
    at_work = recording(trail)
    at_work.start()
    wait_until(lambda: any(e.kind is Kind.ACCESS for e in records(trail)), what="taken in")
    wait_until(lambda: not list(trail.paths.inbox.glob("*.json")), what="removed")
    at_work.stop(30)
    assert list(trail.paths.inbox.glob("*.unreadable"))
    assert verify(trail.readers, checkpoint=None).broken is None


def test_telling_never_waits(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not for a disk that hangs: an image is taken meanwhile."""
    hanging = threading.Event()
    monkeypatch.setattr(trail, "append", lambda events, limits: hanging.wait(30))
    at_work = recording(trail)
    at_work.start()
    began = time.monotonic()
    for _ in range(1000):
        at_work.tell(ACCESS)
    assert time.monotonic() - began < 5
    hanging.set()
    at_work.stop(30)
