"""Exams while the node is killed, and while probes change between them (scenarios 51 and 52).

Whatever was answered is so after every restart; nothing leaves the node under UNIDENTIFIED, nothing
under another patient than the exam's.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.acceptance.exam_client import ExamClient
from tests.faults.callers.operator import Book, Operator, Whose
from tests.faults.judging.exams import faults_of_exams, faults_of_steps, heard, index_of
from tests.faults.nodes.forked import ForkedNode
from tests.faults.programme import EXAM_KILLS, EXAM_SWITCHES
from tests.peers.dcmtk import StoreScp
from tests.peers.node_process import ProbeSimProcess
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.ris import DcmjsStepScp, Wlmscpfs, write_item
from tests.support.waiting import wait_until
from tests.unit.exam.worklist.answers import answer, step

pytestmark = [pytest.mark.slow, pytest.mark.peers, pytest.mark.timeout(900)]

SEED = 11
# A life ends after so many answers to the operator, and up to so long after the last.
MOST_ANSWERS = 9
LONGEST_PAUSE_S = 0.5
# The RIS has acted, and not answered: a kill in between must not make it hear of a step twice.
ANSWER_DELAY_MS = 200
DUPLICATE, OVER = 0x0111, 0x0110
PROBE = {"capture": {"mode": "manual", "max_clip_s": 2}, "image": {"rows": 64, "columns": 64}}


def simulated(parts: ExitStack, name: str) -> dict[str, Any]:
    """A probe that runs, as the configuration has it."""
    sim = parts.enter_context(
        ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "10")
    )
    return {
        "name": name,
        "protocol": "echopen",
        "dialect": "kit",
        "connect": sim.address,
        **PROBE,
    }


def ordered(number: int) -> Dataset:
    """An item of today's list, of a patient, an order and a study of its own."""
    return answer(
        PatientName=f"Order^N{number}",
        PatientID=f"W-{number}",
        AccessionNumber=f"ACC-{number}",
        RequestedProcedureID=f"RP-{number}",
        StudyInstanceUID=f"1.2.276.99.51.{number}",
        ScheduledProcedureStepSequence=[
            step(
                ScheduledStationAETitle="ECHONODE",
                ScheduledProcedureStepStartDate=time.strftime("%Y%m%d"),
                ScheduledProcedureStepID=f"SPS-{number}",
            )
        ],
    )


def listed(client: ExamClient, count: int) -> dict[str, dict[str, str]]:
    """The items of the worklist by their ids, once so many are there."""
    wait_until(
        lambda: len(client.get("/api/worklist")["items"]) == count,
        timeout_s=120,
        what="the RIS's items on the worklist",
        every_s=0.5,
    )
    return {item["id"]: item for item in client.get("/api/worklist")["items"]}


@pytest.mark.long
def test_exams_outlive_kills(tmp_path: Path, make_part: Callable[[Part], Any]) -> None:
    """kill -9 at random moments from opening to completed: what was answered is so; the exam, its
    captures, its order and its procedure step agree with each other and with the RIS after each
    start; everything goes out as its patient's and no other's; the RIS hears of each exam once."""
    moments = random.Random(SEED)
    with ExitStack() as parts:
        archive, ris = parts.enter_context(StoreScp()), make_part(DcmjsStepScp())
        ris.delay(ANSWER_DELAY_MS)
        orders = make_part(Wlmscpfs(options=("-csk", "-dfr")))
        for number in range(2 * EXAM_KILLS.count):
            write_item(orders.items, ordered(number))
        client = ExamClient(free_port())
        addresses = (
            ("pacs", "STORESCP", archive.port),
            ("steps", "STEPS", ris.port),
            ("orders", "RIS", orders.port),
        )
        node = ForkedNode(
            folder=tmp_path,
            peers={
                name: {"ae_title": title, "host": LOOPBACK, "port": port, "may": ["echo"]}
                for name, title, port in addresses
            },
            destinations=[{"peer": "pacs", "commitment": "none"}],
            probes=[simulated(parts, "hand")],
            extra={
                "web": {"port": client.port},
                "exam": {"deliver_unidentified": False},
                "worklist": {"peer": "orders", "station_ae_title": "ECHONODE"},
                "mpps": {"peer": "steps"},
            },
        )
        parts.callback(node.put_away)
        node.start()
        items = listed(client, 2 * EXAM_KILLS.count)
        orders.kill()  # the list is the node's own from here on
        accessions = {item: str(values["accession_number"]) for item, values in items.items()}
        book = Book(orders={item: str(values["patient_id"]) for item, values in items.items()})

        def faults() -> list[str]:
            told = heard(ris)
            index = index_of(node.data_dir)
            return [
                *faults_of_exams(index, book, accessions),
                *faults_of_steps(told, index, ris),
            ]

        for number in range(EXAM_KILLS.count):
            if number:
                node.start()
            assert faults() == [], f"after {number} kills"
            operator = Operator(client, book, seed=number)
            operator.start()
            answers = moments.randrange(MOST_ANSWERS)
            wait_until(
                lambda: operator.answers >= answers or not operator.working,  # noqa: B023  # now
                timeout_s=120,
                what="answers of the node",
                every_s=0.005,
            )
            threading.Event().wait(moments.uniform(0.0, LONGEST_PAUSE_S))
            node.kill()
            operator.join()
            assert operator.defects == []
            node.forget_events()
            if number % 10 == 9:
                print(f"{number + 1} kills: {len(book.exams)} exams", flush=True)
        node.start()
        assert faults() == []
        name_the_rest(client, book)
        wait_until(
            lambda: {row["state"] for row in node.ledger()} <= {"sent"},
            timeout_s=240,
            what="all sent",
            every_s=2.0,
        )
        exams = index_of(node.data_dir).exams
        imaged = {exam for exam, row in exams.items() if row.captures}
        wait_until(
            lambda: {step.exam for step in heard(ris).values() if step.final} >= imaged,
            timeout_s=300,
            what="each exam completed at the RIS",
            every_s=1.0,
        )
        assert faults() == []
        told = heard(ris).values()
        assert sorted(step.exam for step in told) == sorted(imaged)
        assert {step.final for step in told} == {"COMPLETED"}
        for step_told in told:
            assert set(step_told.images) == exams[step_told.exam].captures
        sent = [dcmread(path, stop_before_pixels=True) for path in archive.received()]
        assert {ds.SOPInstanceUID for ds in sent} >= set(book.stills)
        captured = {uid: exam for exam, row in exams.items() for uid in row.captures}
        for ds in sent:
            row = exams[captured[ds.SOPInstanceUID]]
            assert (ds.PatientID, ds.AccessionNumber) == (
                row.whose.patient_id,
                row.accession_number,
            )
        assert [ds.PatientID for ds in sent if ds.PatientID.startswith("UNIDENTIFIED")] == []
        assert len(sent) == len({ds.SOPInstanceUID for ds in sent})
        assert not any(node.data_dir.glob("quarantine/*"))
        again = Counter(one.status for one in ris.requests() if one.status)
        print(
            f"{EXAM_KILLS.count} kills: {len(exams)} exams, {len(book.used)} of them ordered, "
            f"{len(sent)} images, {len(told)} procedure steps; of killed exchanges came again "
            f"{again[DUPLICATE]} N-CREATE and {again[OVER]} N-SET"
        )


def name_the_rest(client: ExamClient, book: Book) -> None:
    """End what is open and name what is not: then nothing waits for a person."""
    for exam in client.get("/api/exams"):
        if exam["progress"] != "ended":
            client.post(f"/api/exams/{exam['id']}/end")
        if exam["identity"] == "unidentified":
            late = Whose(f"LATE-{exam['id']}")
            patient = {"id": late.patient_id, "name": "Roe^John"}
            client.post(f"/api/exams/{exam['id']}/identify", patient=patient)
            book.exams[exam["id"]] = late


@pytest.mark.long
def test_two_probes_two_exams_and_never_a_frame_in_the_other(tmp_path: Path) -> None:
    """Switches at two probes that run: each still is of the exam that was asked, and was seen after
    that exam was opened."""
    with ExitStack() as parts:
        client = ExamClient(free_port())
        node = ForkedNode(
            folder=tmp_path,
            probes=[simulated(parts, name) for name in ("left", "right")],
            extra={"web": {"port": client.port}, "exam": {"deliver_unidentified": False}},
        )
        parts.callback(node.put_away)
        node.start()
        expected: dict[str, tuple[str, str, str]] = {}
        before = ""
        for number in range(EXAM_SWITCHES.count):
            probe = ("left", "right")[number % 2]
            exam = client.post(
                "/api/exams", probe=probe, patient={"id": f"P-{number}", "name": "Doe"}
            )
            uid = client.first_still(exam["id"])
            expected[uid] = (f"P-{number}", exam["id"], dicom_time(exam["opened_at"]))
            if before:  # that of the other probe; this one goes on meanwhile
                client.post(f"/api/exams/{before}/end")
            before = exam["id"]
        found = [dcmread(path, stop_before_pixels=True) for path in node.stored_files()]
        assert {ds.SOPInstanceUID for ds in found} == set(expected)
        for ds in found:
            patient, exam_id, opened = expected[ds.SOPInstanceUID]
            assert (ds.PatientID, ds.StudyID) == (patient, exam_id)
            assert str(ds.AcquisitionDateTime)[:21] >= opened


def dicom_time(iso: str) -> str:
    """ISO 8601 as DICOM's DT without its offset, which is the same everywhere here."""
    return iso.replace("-", "").replace(":", "").replace("T", "")[:21]
