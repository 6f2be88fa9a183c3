"""A patient is erased whole: rows, files, and what is left of them in the database's files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from echonode.errors import InstanceConflict, OperatorRefused, UsageError
from echonode.model.identity import CommitmentPolicy
from echonode.store.database import schema
from echonode.store.patients.erasure import Erasure
from echonode.store.patients.holdings import OF_A_PATIENT
from echonode.store.store import Store
from tests.support.memory_folders import memory_folder
from tests.support.store_engine import ON_POSTGRES
from tests.unit.store.retention.test_deletion import commit_all
from tests.unit.store.samples import Clock, dataset, put

ID, NAME = "PATIENT-4711", "Erasable^Person"
POLICIES = {"pacs": CommitmentPolicy.REQUIRED}
CANARIES = (ID.encode(), b"Erasable")
EXAM = "E00000007"

# Of every table: with a patient's rows, gone with the instance, or without a patient.
WITH_AN_INSTANCE = {
    "patient",
    "study",
    "series",
    "instance",
    "instance_description",
    "delivery",
    "derived_copy",
    "pixel_look",
    "commitment_item",
}
WITHOUT_A_PATIENT = {
    "api_token",
    "cluster_node",
    "commitment_transaction",
    "counter",
    "deleted_instance",
    "flight_event",
    "hl7_message",  # the acknowledgement names none
    "identity_conflict",
    "inbound_commitment",
    "inbound_commitment_item",
    "journal_change",  # numbers and keys
    "journal_staged",  # empty but within a start that makes a lost database again
    "lease",
    "meta",
    "quarantine",
    "refused_report",
    "schema_migration",
    "tombstone",
    "tombstone_delivery",
    "user_account",
    "user_session",
    "watch_link",
}


def test_every_table_has_its_place() -> None:
    """A new table with a patient's data must be known to the erasure and the export."""
    of_a_patient = {held.table.name for held in OF_A_PATIENT}
    placed = of_a_patient | WITH_AN_INSTANCE | WITHOUT_A_PATIENT
    assert set(schema.METADATA.tables) - placed == set()


def rows_of(store: Store, clock: Clock) -> None:
    """A row of the patient in each table, as if an exam of theirs had been reported."""
    person = json.dumps({"id": ID, "name": NAME})
    now = clock()
    step = json.dumps({"00100020": {"vr": "LO", "Value": [ID]}})
    values: list[tuple[sa.Table, dict[str, Any]]] = [
        (
            schema.exam,
            {
                "id": EXAM,
                "study_instance_uid": "1.2.3.1",
                "probe": "a",
                "connection_id": "",
                "progress": "ended",
                "identity": "identified",
                "held": False,
                "opened_at": now,
                "utc_offset_minutes": 0,
                "ended_at": now,
                "patient": person,
                "patient_id": ID,
                "worklist_item": json.dumps({"patient": {"name": NAME}}),
                "worklist_item_id": "",
            },
        ),
        (
            schema.exam_event,
            {
                "exam_id": EXAM,
                "at": now,
                "event": "opened",
                "progress": "open",
                "identity": "identified",
                "detail": "",
            },
        ),
        (
            schema.exam_capture,
            {
                "exam_id": EXAM,
                "sop_instance_uid": "1.2.3.4.1",
                "series_instance_uid": "1.2.3.1.1",
                "probe": "a",
                "connection_id": "c",
                "acquisition_number": 1,
                "series_number": 1,
                "instance_number": 1,
                "kind": "capture",
                "captured_at": now,
                "has_patient": True,
                "new_file_id": "",
                "old_file_id": "",
                "replaces": "",
                "replaced_by": "",
                "rejected_by": "",
            },
        ),
        (
            schema.exam_document,
            {
                "id": "D1",
                "exam_id": EXAM,
                "kind": "report",
                "content": person,
                "refers_to": "[]",
                "made_at": now,
                "made_by": "ada",
                "result_for": "ris",
                "problem": "",
            },
        ),
        (
            schema.hl7_result,
            {
                "exam_document_id": "D1",
                "control_id": "C1",
                "message": f"PID|||{ID}||{NAME}".encode(),
                "state": "accepted",
                "made_at": now,
                "attempts": 1,
                "answer": "AA",
                "last_error": "",
            },
        ),
        (
            schema.print_job,
            {
                "printer": "laser",
                "study_instance_uid": "1.2.3.1",
                "pictures": "[]",
                "layout": "1x1",
                "copies": 1,
                "films": 1,
                "films_done": 1,
                "films_sent": 1,
                "state": "printed",
                "attempts": 1,
                "next_attempt_at": None,
                "last_error": "",
                "made_at": now,
                "made_by": "ada",
                "ended_at": now,
            },
        ),
        (
            schema.measurement,
            {
                "exam_id": EXAM,
                "sop_instance_uid": "1.2.3.4.1",
                "frame": 1,
                "kind": "distance",
                "points": "[]",
                "results": "[]",
                "label": NAME,
                "delta_x_mm": 1.0,
                "delta_y_mm": 1.0,
                "made_at": now,
                "made_by": "ada",
                "deleted_by": "",
            },
        ),
        (
            schema.procedure_step,
            {
                "sop_instance_uid": "1.9.1",
                "peer": "cart",
                "state": "completed",
                "acknowledged": "completed",
                "attributes": step,
                "created_at": now,
                "changed_at": now,
                "attempts": 0,
                "last_error": "",
            },
        ),
        (
            schema.worklist_item,
            {
                "id": "W1",
                "source": "ris",
                "source_name": "ris",
                "patient_id": ID,
                "patient_name": NAME,
                "accession_number": "",
                "study_instance_uid": "",
                "modality": "US",
                "start_date": "20260301",
                "start_time": "",
                "fetched_at": now,
                "item": person,
            },
        ),
        (
            schema.known_patient,
            {
                "patient_id": ID,
                "issuer": "",
                "source_name": "adt",
                "changed_at": now,
                "patient": person,
            },
        ),
        (
            schema.patient_merge,
            {
                "at": now,
                "patient_id": "OTHER",
                "issuer": "",
                "prior_patient_id": ID,
                "prior_issuer": "",
            },
        ),
    ]

    def work(connection: sa.Connection) -> None:
        for table, row in values:
            connection.execute(sa.insert(table), row)

    store._writer.run(work)


def fill(data_dir: Path) -> None:
    """A store with a patient of many rows and a patient who stays."""
    clock = Clock()
    with Store.open(data_dir, now=clock) as store:
        for number in (1, 2, 3):
            theirs = dataset(number, PatientID=ID, PatientName=NAME)
            put(store, theirs, destinations=["pacs"])
        other = dataset(9, StudyInstanceUID="1.2.3.2", SeriesInstanceUID="1.2.3.2.1")
        put(store, other, destinations=["pacs"])
        commit_all(store, clock)
        with suppress(InstanceConflict):  # goes to quarantine
            put(store, dataset(1, PatientID=ID, PatientName=NAME, StudyID="other"))
        rows_of(store, clock)


@pytest.fixture(scope="module")
def filled() -> Iterator[Path]:
    """The store of `fill`, made once."""
    with memory_folder("echonode-erasure-") as folder:
        fill(folder / "var")
        yield folder / "var"


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    return copied(filled, tmp_path / "var")


def copied(filled: Path, data_dir: Path) -> Path:
    """A store as `filled`: copied where its database is among its files, else filled alike."""
    if ON_POSTGRES:
        fill(data_dir)
    else:
        shutil.copytree(filled, data_dir)
    return data_dir


def forget_nothing(patient_id: str, names: tuple[str, ...]) -> int:
    assert (patient_id, names) == (ID, (NAME,))
    return 0


def leave_residue(store: Store) -> None:
    """As SQLite does by itself where it was not built otherwise, as Debian's is."""
    store._writer.alone(
        lambda connection: connection.exec_driver_sql("PRAGMA secure_delete = OFF").close()
    )


def traces(folder: Path) -> list[str]:
    """The files that hold the number or the name, byte for byte."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and any(canary in path.read_bytes() for canary in CANARIES)
    ]


def erased(store: Store, clock: Clock) -> Erasure:
    done = store.erasure.go_on(forget_nothing, now=clock)
    assert done is not None
    return store.erasure.finish(done)


@pytest.mark.slow
def test_nothing_of_the_patient_is_left_in_any_file(folder: Path) -> None:
    """Instances, quarantine, and every page and log of the database; the other patient stays.

    The pages of a PostgreSQL server are its administrator's (docs/patients.md); of its rows none is
    left.
    """
    assert len(traces(folder)) >= (4 if ON_POSTGRES else 5)  # the last is the database's file
    clock = Clock()
    with Store.open(folder, now=clock) as store:
        if not ON_POSTGRES:
            leave_residue(store)
        begun = store.erasure.begin(ID, POLICIES, by="ada")
        assert begun.counts["instances"] == 3
        assert begun.counts["quarantined"] == 1
        assert {held.name for held in OF_A_PATIENT} <= set(begun.counts)
        assert erased(store, clock).done
        assert traces(folder) == []
        assert store.erasure.under_way() is None
        [kept] = store.holdings.instances("P1")
        assert kept.path.exists()
        assert not any(store.holdings.rows(ID).values())
        assert store.holdings.instances(ID) == []
    assert traces(folder) == []


class Killed(Exception):
    pass


def killer(after: int) -> Callable[[], None]:
    """Ends the process, as it were, after so many steps."""
    left = iter(range(after))

    def between() -> None:
        if next(left, None) is None:
            raise Killed

    return between


@pytest.mark.slow
def test_a_kill_between_any_two_steps_is_gone_on_from(filled: Path, tmp_path: Path) -> None:
    """After the next start it is as if there had been none."""
    steps = 0
    for kill_at in range(100):
        folder = copied(filled, tmp_path / str(kill_at))
        clock = Clock()
        store = Store.open(folder, now=clock)
        store.erasure.begin(ID, POLICIES, by="ada")
        store.erasure.between = killer(kill_at)
        try:
            erased(store, clock)
            steps = kill_at
        except Killed:
            pass
        store.close()
        with Store.open(folder, now=clock) as again:
            if (under_way := again.erasure.under_way()) is not None:
                assert under_way.by == "ada"
                gone_on = again.erasure.go_on(lambda *_: 0, now=clock)
                assert gone_on is not None
                again.erasure.finish(gone_on)
            assert traces(folder) == [], kill_at
            assert len(again.holdings.instances("P1")) == 1
        shutil.rmtree(folder)
        if steps:
            break
    assert steps >= 6


def test_what_is_under_way_is_not_erased(folder: Path) -> None:
    """Every reason at once: a delivery without its proof, an exam that is open."""
    clock = Clock()
    with Store.open(folder, now=clock) as store:
        put(store, dataset(5, PatientID=ID, PatientName=NAME), destinations=["pacs"])
        reopened = sa.update(schema.exam).values(progress="open", ended_at=None)
        store._writer.execute(reopened)
        with pytest.raises(OperatorRefused) as refused:
            store.erasure.begin(ID, POLICIES, by="ada")
        assert "1 delivery to pacs is queued" in str(refused.value)
        assert f"the exam {EXAM} is open" in str(refused.value)
        assert store.erasure.under_way() is None
        assert len(store.holdings.instances(ID)) == 4


def test_a_number_that_nothing_is_held_of_is_said(folder: Path) -> None:
    """And the number is not repeated: it may be a patient's."""
    with Store.open(folder, now=Clock()) as store, pytest.raises(UsageError) as refused:
        store.erasure.begin("NO-SUCH", POLICIES, by="ada")
    assert "NO-SUCH" not in str(refused.value)
