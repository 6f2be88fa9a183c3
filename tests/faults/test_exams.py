"""Exams while the node is killed, and while probes change between them (scenarios 51 and 52).

Whatever was answered is so after every restart; nothing leaves the node under UNIDENTIFIED, nothing
under another patient than the exam's.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from tests.acceptance.exam_client import ExamClient, Refused
from tests.faults.nodes.forked import ForkedNode
from tests.faults.programme import EXAM_KILLS, EXAM_SWITCHES, FULL
from tests.integration.exam.test_procedure_steps import dataset_of
from tests.peers.dcmtk import StoreScp
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.part import Part
from tests.peers.process import LOOPBACK, free_port
from tests.peers.ris import DcmjsStepScp
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.peers, pytest.mark.timeout(900 if not FULL else 0)]

SEED = 11
LONGEST_LIFE_S = 3.0
PROBE = {"capture": {"mode": "manual", "max_clip_s": 2}, "image": {"rows": 64, "columns": 64}}


def simulated(parts: ExitStack, name: str) -> dict[str, Any]:
    """A probe that runs, as the configuration has it."""
    sim = parts.enter_context(
        ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "20")
    )
    return {
        "name": name,
        "protocol": "echopen",
        "dialect": "kit",
        "connect": sim.address,
        **PROBE,
    }


@dataclass
class Book:
    """What the node answered; `asked`: what it was asked, whatever came of it."""

    exams: dict[str, str] = field(default_factory=dict)  # exam -> patient, '' not named
    stills: dict[str, str] = field(default_factory=dict)  # UID -> exam
    ended: set[str] = field(default_factory=set)
    asked: dict[str, str] = field(default_factory=dict)  # exam -> patient it may have by now


class Operator:
    """Opens, captures, ends and names exams without pause until the node is gone."""

    def __init__(self, client: ExamClient, book: Book, seed: int) -> None:
        self._client, self._book, self._random = client, book, random.Random(seed)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._number = 0
        self._name = f"{seed}"
        self.defects: list[str] = []

    def start(self) -> None:
        self._thread.start()

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                self._examine()
        except (OSError, ValueError):  # the node is gone, perhaps within an answer
            return
        except Refused as refused:
            self.defects.append(f"{refused.status}: {refused.body}")

    def _examine(self) -> None:
        client, book = self._client, self._book
        self._number += 1
        patient = {"id": f"P-{self._name}-{self._number}", "name": "Doe^Jane"}
        exam = self._open(patient if self._random.random() < 0.5 else None)
        for _ in range(self._random.randint(1, 2)):
            book.stills[client.first_still(exam)] = exam
        if exam not in book.ended:
            client.post(f"/api/exams/{exam}/end")
            book.ended.add(exam)
        if not book.exams[exam]:
            book.asked[exam] = patient["id"]
            client.post(f"/api/exams/{exam}/identify", patient=patient)
            book.exams[exam] = patient["id"]

    def _open(self, patient: dict[str, str] | None) -> str:
        """Go on with what a kill left open, or open another."""
        book = self._book
        whose = {} if patient is None else {"patient": patient}
        for left in self._client.get("/api/exams?open=true"):
            exam = str(left["id"])
            book.exams.setdefault(exam, left["patient"]["id"] if left["patient"] else "")
            if book.exams[exam] == "" and left["patient"]:
                book.exams[exam] = left["patient"]["id"]
            return exam
        exam = self._client.open("hand", **whose)
        book.exams[exam] = patient["id"] if patient else ""
        return exam


def faults_of(client: ExamClient, node: EchoNodeProcess, book: Book) -> Iterator[str]:
    """What of the answers is not so."""
    stored = {row["sop_instance_uid"] for row in node.ledger()}
    for exam, patient in book.exams.items():
        now = client.get(f"/api/exams/{exam}")
        has = now["patient"]["id"] if now["patient"] else ""
        if patient and has != patient:
            yield f"{exam} is of {has}, answered {patient}"
        if not patient and has not in ("", book.asked.get(exam, "")):
            yield f"{exam} is of {has}, whom nobody named"
        if exam in book.ended and now["progress"] != "ended":
            yield f"{exam} is {now['progress']}, answered ended"
        captured = {each["sop_instance_uid"] for each in now["instances"]}
        for uid in (uid for uid, of in book.stills.items() if of == exam):
            if uid not in captured or uid not in stored:
                yield f"{uid} of {exam} is not there"


def test_exams_outlive_kills(tmp_path: Path, make_part: Callable[[Part], Any]) -> None:
    """kill -9 at random moments from opening to naming: what was answered is so, and goes out as
    its patient's and no other's; the RIS hears of each exam once, to its end."""
    moments = random.Random(SEED)
    with ExitStack() as parts:
        archive, ris = parts.enter_context(StoreScp()), make_part(DcmjsStepScp())
        client, book = ExamClient(free_port()), Book()
        peer = {"ae_title": "STORESCP", "host": LOOPBACK, "port": archive.port, "may": ["echo"]}
        steps = {"ae_title": "STEPS", "host": LOOPBACK, "port": ris.port, "may": ["echo"]}
        node = ForkedNode(
            folder=tmp_path,
            peers={"pacs": peer, "steps": steps},
            destinations=[{"peer": "pacs", "commitment": "none"}],
            probes=[simulated(parts, "hand")],
            extra={
                "web": {"port": client.port},
                "exam": {"deliver_unidentified": False},
                "mpps": {"peer": "steps"},
            },
        )
        parts.callback(node.put_away)
        for number in range(EXAM_KILLS.count):
            node.start()
            assert list(faults_of(client, node, book)) == [], f"after {number} kills"
            operator = Operator(client, book, seed=number)
            operator.start()
            threading.Event().wait(moments.uniform(0.05, LONGEST_LIFE_S))
            node.kill()
            operator.join()
            assert operator.defects == []
            node.forget_events()
        node.start()
        assert list(faults_of(client, node, book)) == []
        name_the_rest(client)
        wait_until(
            lambda: {row["state"] for row in node.ledger()} <= {"sent"},
            timeout_s=120,
            what="all sent",
            every_s=0.5,
        )
        exams = [client.get(f"/api/exams/{exam['id']}") for exam in client.get("/api/exams")]
        whose = {exam["id"]: exam["patient"]["id"] for exam in exams}
        imaged = {exam["id"] for exam in exams if exam["instances"]}
        wait_until(
            lambda: {step.exam for step in heard(ris) if step.final} >= imaged,
            timeout_s=180,
            what="each exam completed at the RIS",
            every_s=1.0,
        )
        told = heard(ris)
        assert sorted(step.exam for step in told) == sorted(imaged)
        assert [step.exam for step in told if step.patient != whose[step.exam]] == []
        assert {step.final for step in told} == {"COMPLETED"}
        images = {uid for step in told for uid in step.images}
        assert images >= set(book.stills)
        sent = [dcmread(path, stop_before_pixels=True) for path in archive.received()]
        assert {ds.SOPInstanceUID for ds in sent} >= set(book.stills)
        assert [ds.StudyID for ds in sent if ds.PatientID != whose[ds.StudyID]] == []
        assert [ds.PatientID for ds in sent if ds.PatientID.startswith("UNIDENTIFIED")] == []
        assert len(sent) == len({ds.SOPInstanceUID for ds in sent})
        assert not any(node.data_dir.glob("quarantine/*"))
        print(
            f"{EXAM_KILLS.count} kills: {len(book.exams)} exams, {len(sent)} images, "
            f"{len(told)} procedure steps"
        )


@dataclass
class Heard:
    """What the RIS accepted of one step."""

    exam: str
    patient: str
    final: str = ""
    images: list[str] = field(default_factory=list)


def heard(ris: DcmjsStepScp) -> list[Heard]:
    """By SOP Instance UID; a creation or an end that it accepted twice is a defect."""
    found: dict[str, Heard] = {}
    for request in ris.requests():
        if request.status != 0:
            continue
        ds = dataset_of(request.attributes)
        if request.kind == "create":
            assert request.sop_instance_uid not in found
            found[request.sop_instance_uid] = Heard(
                exam=str(ds.PerformedProcedureStepID), patient=str(ds.PatientID)
            )
            continue
        step = found[request.sop_instance_uid]
        assert step.final == ""
        step.final = str(ds.PerformedProcedureStepStatus)
        for series in ds.PerformedSeriesSequence:
            step.images += [
                str(each.ReferencedSOPInstanceUID) for each in series.ReferencedImageSequence
            ]
    return list(found.values())


def name_the_rest(client: ExamClient) -> None:
    """End what is open and name what is not: then nothing waits for a person."""
    for exam in client.get("/api/exams"):
        if exam["progress"] != "ended":
            client.post(f"/api/exams/{exam['id']}/end")
        if exam["identity"] == "unidentified":
            patient = {"id": f"LATE-{exam['id']}", "name": "Roe^John"}
            client.post(f"/api/exams/{exam['id']}/identify", patient=patient)


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
