"""Patients' names from the RIS to Orthanc and back to the RIS, whatever character set it speaks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from tests.acceptance.clinic import Clinic, read
from tests.acceptance.exam_client import ExamClient
from tests.integration.exam.test_procedure_steps import dataset_of
from tests.peers.hl7_sender import Hl7Sender, code_of
from tests.peers.node_process import ProbeSimProcess
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.ris import DcmjsStepScp, Wlmscpfs, write_item
from tests.support.waiting import wait_until
from tests.unit.exam.hl7.messages import A04_ISO_IR_87, msh
from tests.unit.exam.worklist.answers import answer, step

pytestmark = [pytest.mark.slow, pytest.mark.peers, pytest.mark.timeout(280)]

# Specific Character Set (0008,0005) of the RIS's answer -> the name in it.
BY_WORKLIST: list[tuple[str | list[str], str]] = [
    ("ISO_IR 100", "Äneas^Rüdiger^Ödön"),
    ("ISO_IR 126", "Παπαδόπουλος^Γιώργος"),
    ("ISO_IR 127", "قباني^لنزار"),
    ("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    ("ISO_IR 192", "Hong^Gildong=洪^吉洞=홍^길동"),
    ("GB18030", "Wang^XiaoDong=王^小东"),
]
# MSH-18 of the message, the codec of its bytes -> the name in it.
BY_HL7 = [
    (b"8859/1", "latin-1", "Müller^Jörg"),
    (b"8859/7", "iso8859_7", "Παπαδόπουλος^Γιώργος"),
    (b"8859/6", "iso8859_6", "قباني^لنزار"),
    (b"KS X 1001", "euc_kr", "김^희중"),
    (b"UNICODE UTF-8", "utf-8", "山田^太郎"),
]


def order_of(number: int, name: bytes, characters: bytes) -> bytes:
    """An ORM^O01 of now, of a patient and an accession number of its own."""
    return (
        msh(b"ORM^O01^ORM_O01", b"N%d" % number, characters=characters)
        + b"PID|1||H%d^^^CLINIC^MR||%s\r" % (number, name)
        + b"ORC|NW|H%d\r" % number
        + b"OBR|1|H%d||US01^Abdomen^99CLINIC||||||||||||||H%d\r" % (number, number)
    )


@pytest.mark.long
def test_a_name_is_the_same_from_the_ris_to_the_archive(
    parts: ExitStack, make_part: Callable[[Part], Any]
) -> None:
    """Japanese, Korean, Chinese, Arabic, Greek and German; by worklist and by HL7; in Orthanc's
    image and in the procedure step that comes back to the RIS."""
    ris, steps = make_part(Wlmscpfs(options=("-csk", "-dfr"))), make_part(DcmjsStepScp())
    names = {}
    for number, (character_set, name) in enumerate(BY_WORKLIST):
        names[f"W{number}"] = name
        scheduled = step(
            ScheduledStationAETitle="ECHONODE",
            ScheduledProcedureStepStartDate=time.strftime("%Y%m%d"),
            ScheduledProcedureStepID=f"S{number}",
        )
        item = answer(
            SpecificCharacterSet=character_set,
            PatientName=name,
            PatientID=f"W{number}",
            AccessionNumber=f"W{number}",
            StudyInstanceUID=f"1.2.276.99.77.{number}",
            ScheduledProcedureStepSequence=[scheduled],
        )
        write_item(ris.items, item)
    probe = parts.enter_context(
        ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "20")
    )
    client, hl7_port = ExamClient(free_port()), free_port()
    clinic = Clinic(
        parts,
        probe_port=probe.port,
        capture={"mode": "manual"},
        extra={
            "web": {"port": client.port},
            "exam": {"deliver_unidentified": False},
            "worklist": {"peer": "ris", "station_ae_title": "ECHONODE", "refresh_s": 3600},
            "mpps": {"peer": "steps"},
            "hl7": {"listen": {"host": LOOPBACK, "port": hl7_port}},
        },
    )
    clinic.node.add_peer("ris", ae_title="RIS", port=ris.port, may=["echo"])
    clinic.node.add_peer("steps", ae_title="STEPS", port=steps.port, may=["echo"])
    clinic.start_pacs()
    clinic.start_node()
    with Hl7Sender(hl7_port) as sender:
        for number, (characters, codec, name) in enumerate(BY_HL7):
            names[f"H{number}"] = name
            message = order_of(number, name.encode(codec), characters)
            assert code_of(sender.send(message)) == "AA"
        # In the ways of Japan: the patient's message has the name, the order his number alone.
        names["4711"] = "YAMADA^TAROU=山田^太郎=やまだ^たろう"
        assert code_of(sender.send(A04_ISO_IR_87)) == "AA"
        nameless = order_of(99, b"", b"").replace(b"PID|1||H99", b"PID|1||4711")
        assert code_of(sender.send(nameless)) == "AA"

    wait_until(
        lambda: len(client.get("/api/worklist")["items"]) == len(names),
        timeout_s=60,
        what="the items of both ways",
    )
    items = client.get("/api/worklist")["items"]
    assert {item["patient_id"]: item["patient_name"] for item in items} == names
    for item in items:
        exam = client.open(worklist_item=item["id"])
        client.first_still(exam)
        client.post(f"/api/exams/{exam}/end")
    clinic.wait_committed(at_least=len(names), timeout_s=120)
    images = [read(raw) for raw in clinic.held_by_pacs().values()]
    assert {image.PatientID: str(image.PatientName) for image in images} == names
    patients = clinic.orthanc.rest.find("Patient", {"PatientID": "*"})
    tags = [patient["MainDicomTags"] for patient in patients]
    assert {tag["PatientID"]: tag["PatientName"] for tag in tags} == names
    begun = steps.wait_for(len(names), deadline_s=60, kind=lambda kind: kind == "create")
    told = [dataset_of(request.attributes) for request in begun]
    assert {each.PatientID: str(each.PatientName) for each in told} == names
