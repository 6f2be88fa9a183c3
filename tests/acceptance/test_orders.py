"""Orders from a RIS by HL7, our worklist to a modality, its procedure step: all real processes."""

from __future__ import annotations

import random
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE

from tests.faults.programme import FULL
from tests.fuzz.mutation import mutated
from tests.peers.authority import Authority
from tests.peers.dcmtk import DcmtkResult, dcmtk
from tests.peers.hl7_sender import Hl7Sender, code_of, mllp_send
from tests.peers.node_process import EchoNodeProcess
from tests.peers.odil_modality import works_by_the_list_of
from tests.peers.ports import LOOPBACK, free_port
from tests.unit.exam.hl7.messages import (
    A04_ISO_IR_87,
    A08_UTF_8,
    A28,
    A31,
    A40,
    ALL,
    OMI_O23,
    ORM_CANCEL,
    ORM_O01,
    msh,
)

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

MPPS = "1.2.840.10008.3.1.2.3.3"
ANSWERED = ("AA", "AE", "AR")


def node(**hl7: Any) -> tuple[EchoNodeProcess, int]:
    """A node that takes orders, and serves them to the modality MODALITY."""
    port = free_port()
    made = EchoNodeProcess(
        peers={
            "modality": {
                "ae_title": "MODALITY",
                "host": LOOPBACK,
                "port": 104,
                "may": ["echo", "worklist"],
            }
        },
        extra={"hl7": {"listen": {"host": LOOPBACK, "port": port}, **hl7}},
    )
    return made, port


def worklist(
    at: EchoNodeProcess, folder: Path, *keys: str, ae_title: str = "MODALITY"
) -> tuple[DcmtkResult, list[Dataset]]:
    """DCMTK's findscu -W: what it printed, and the answers as it wrote them."""
    target = folder / f"answers-{time.monotonic_ns()}"
    target.mkdir()
    asked = [
        *("PatientName", "PatientID", "AccessionNumber", "StudyInstanceUID"),
        "RequestedProcedureID",
        "ScheduledProcedureStepSequence[0].ScheduledProcedureStepID",
        "ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate",
        "ScheduledProcedureStepSequence[0].Modality",
        *keys,
    ]
    done = dcmtk(
        "findscu",
        *("-W", "-aet", ae_title, "-aec", at.ae_title, "-X", "-od", target),
        *(word for key in asked for word in ("-k", key)),
        LOOPBACK,
        at.port,
    )
    return done, [dcmread(file, force=True) for file in sorted(target.iterdir())]


def step_ids(answers: list[Dataset]) -> list[str]:
    return sorted(
        item.ScheduledProcedureStepID
        for answer in answers
        for item in answer.ScheduledProcedureStepSequence
    )


def test_orders_sent_by_python_hl7_are_found_by_findscu(parts: ExitStack, tmp_path: Path) -> None:
    """mllp_send sends; DCMTK's findscu finds by station, date, modality, patient and wild card."""
    at, port = node(station_ae_titles=["MODALITY"])
    parts.enter_context(at)
    file = tmp_path / "orders.hl7"
    file.write_bytes(b"".join(b"\x0b" + each + b"\x1c\r" for each in (ORM_O01, OMI_O23)))
    sent = mllp_send(port, file)
    assert sent.returncode == 0, sent.stderr
    assert sent.stdout.count("MSA|AA|") == 2

    done, answers = worklist(at, tmp_path)
    assert done.ok, done.output
    assert step_ids(answers) == ["SPS1", "SPS31", "SPS32"]
    step = "ScheduledProcedureStepSequence[0]."
    for keys, found in (
        ([f"{step}ScheduledStationAETitle=MODALITY"], ["SPS1"]),
        ([f"{step}ScheduledStationAETitle=CART2"], ["SPS32"]),
        ([f"{step}ScheduledProcedureStepStartDate=20261129-20261130"], ["SPS1", "SPS31", "SPS32"]),
        ([f"{step}ScheduledProcedureStepStartDate=20261130"], []),
        ([f"{step}Modality=CT"], []),
        (["PatientName=mil*"], ["SPS1", "SPS31", "SPS32"]),
        (["AccessionNumber=A3"], ["SPS31", "SPS32"]),
        (["PatientID=4712"], []),
    ):
        done, answers = worklist(at, tmp_path, *keys)
        assert step_ids(answers) == found, (keys, done.output)
    assert not any("Miller" in str(event) or "4711" in str(event) for event in at.events)


def test_a_japanese_patient_reaches_the_modality_unchanged(
    parts: ExitStack, tmp_path: Path
) -> None:
    """Whatever set the RIS speaks, the answer declares one that carries the name."""
    at, port = node()
    parts.enter_context(at)
    order = ORM_O01.replace(b"||Miller^Joe||", b"||||")
    with Hl7Sender(port) as sender:
        assert code_of(sender.send(A04_ISO_IR_87)) == "AA"
        assert code_of(sender.send(order)) == "AA"
    _, (answer,) = worklist(at, tmp_path)
    assert answer.SpecificCharacterSet == "ISO_IR 192"
    assert str(answer.PatientName) == "YAMADA^TAROU=山田^太郎=やまだ^たろう"


def test_a_change_a_cancellation_and_a_merge_reach_the_worklist(
    parts: ExitStack, tmp_path: Path
) -> None:
    """A08 corrects the name, A40 the number, CA takes the item away."""
    at, port = node()
    parts.enter_context(at)
    other = ORM_O01.replace(b"4711", b"0815").replace(b"|M4|", b"|M8|").replace(b"P1^KIS", b"P8")
    other = other.replace(b"F1^RIS", b"F8").replace(b"|SPS1|", b"|SPS8|")
    with Hl7Sender(port) as sender:
        for message in (ORM_O01, other, A08_UTF_8, A40):
            assert code_of(sender.send(message)) == "AA"
        _, answers = worklist(at, tmp_path)
        whose = {(each.PatientID, str(each.PatientName)) for each in answers}
        assert whose == {("4711", "Miller^Joe")}  # as the merge says
        assert step_ids(answers) == ["SPS1", "SPS8"]
        assert code_of(sender.send(ORM_CANCEL)) == "AA"
        _, answers = worklist(at, tmp_path)
        assert step_ids(answers) == ["SPS8"]


def test_a_person_of_the_register_reaches_the_worklist(parts: ExitStack, tmp_path: Path) -> None:
    """A28 before any order gives the order its name; A31 corrects it in the item that is there."""
    at, port = node()
    parts.enter_context(at)
    with Hl7Sender(port) as sender:
        assert code_of(sender.send(A28)) == "AA"
        assert code_of(sender.send(ORM_O01.replace(b"||Miller^Joe||", b"||||"))) == "AA"
        _, (answer,) = worklist(at, tmp_path)
        assert str(answer.PatientName) == "Müller^Jörg"
        assert code_of(sender.send(A31)) == "AA"
        _, (answer,) = worklist(at, tmp_path)
        assert str(answer.PatientName) == "Müller-Lüdenscheidt^Jörg"


def test_the_same_message_is_answered_by_the_same_bytes_after_a_restart(
    parts: ExitStack, tmp_path: Path
) -> None:
    """A sender that did not see its acknowledgement asks again, and nothing happens twice."""
    at, port = node()
    parts.enter_context(at)
    with Hl7Sender(port) as sender:
        first = sender.send(ORM_O01)
        assert code_of(sender.send(ORM_CANCEL)) == "AA"
    at.kill()
    at.start()
    with Hl7Sender(port) as sender:
        assert sender.send(ORM_O01) == first
        reused = sender.send(OMI_O23.replace(b"|M6|", b"|M4|"))
    assert worklist(at, tmp_path)[1] == []
    assert code_of(reused) == "AE"
    assert b"205^Duplicate key identifier" in reused


def test_a_procedure_step_moves_its_item(parts: ExitStack, tmp_path: Path) -> None:
    """N-CREATE starts the item, N-SET closes it; each wrong message has its status of F.7.2."""
    at, port = node()
    parts.enter_context(at)
    with Hl7Sender(port) as sender:
        sender.send(ORM_O01)
    _, (item,) = worklist(at, tmp_path)
    ae = AE("MODALITY")
    ae.add_requested_context(MPPS)
    assoc = ae.associate(LOOPBACK, at.port, ae_title=at.ae_title)
    assert assoc.is_established

    def create(uid: str | None, status: str = "IN PROGRESS", *, scheduled: bool = True) -> int:
        step = Dataset()
        step.PerformedProcedureStepStatus = status
        if scheduled:
            attributes = Dataset()
            attributes.StudyInstanceUID = item.StudyInstanceUID
            attributes.AccessionNumber = item.AccessionNumber
            attributes.ScheduledProcedureStepID = "SPS1"
            step.ScheduledStepAttributesSequence = [attributes]
        return int(assoc.send_n_create(step, MPPS, uid)[0].Status)

    def change(uid: str, status: str) -> Dataset:
        modifications = Dataset()
        modifications.PerformedProcedureStepStatus = status
        answer: Dataset = assoc.send_n_set(modifications, MPPS, uid)[0]
        return answer

    step_status = "ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus"
    assert create("1.2.3.1", "COMPLETED") == 0x0106
    assert create("1.2.3.1", scheduled=False) == 0x0120
    assert create("1.2.3.1") == 0x0000
    assert create("1.2.3.1") == 0x0111
    _, (started,) = worklist(at, tmp_path, step_status)
    assert started.ScheduledProcedureStepSequence[0].ScheduledProcedureStepStatus == "STARTED"
    assert change("1.2.3.2", "COMPLETED").Status == 0x0112
    assert change("1.2.3.1", "DONE").Status == 0x0106
    assert change("1.2.3.1", "IN PROGRESS").Status == 0x0000
    assert change("1.2.3.1", "COMPLETED").Status == 0x0000
    late = change("1.2.3.1", "DISCONTINUED")
    assert (late.Status, late.ErrorID) == (0x0110, 0xA710)
    assoc.release()
    assert worklist(at, tmp_path)[1] == []


def test_a_modality_on_odil_works_by_our_list(parts: ExitStack, tmp_path: Path) -> None:
    """Another implementation finds its item by station, reports the step, and the item is over."""
    at, port = node(station_ae_titles=["CART1"])
    parts.enter_context(at)
    with Hl7Sender(port) as sender:
        sender.send(A04_ISO_IR_87)
        sender.send(ORM_O01.replace(b"||Miller^Joe||", b"||||"))
        sender.send(OMI_O23)
    told = works_by_the_list_of(at, "CART1")
    (item,) = told["items"]
    assert item["00100010"]["Value"] == [
        {"Alphabetic": "YAMADA^TAROU", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"}
    ]
    assert told["statuses"] == [0x0000, 0x0111, 0x0000, 0x0000, 0x0110]
    assert step_ids(worklist(at, tmp_path)[1]) == ["SPS31", "SPS32"]


def test_a_peer_without_the_right_gets_no_worklist(parts: ExitStack, tmp_path: Path) -> None:
    """`may: [find]` is the archive; the worklist is patients of tomorrow."""
    at, _ = node()
    at.add_peer("viewer", ae_title="VIEWER", may=["echo", "find"])
    parts.enter_context(at)
    done, answers = worklist(at, tmp_path, ae_title="VIEWER")
    assert answers == []
    assert not done.ok


def test_a_sender_speaks_tls_with_its_certificate(parts: ExitStack, tmp_path: Path) -> None:
    """By the settings of the DICOM listeners: without a certificate nothing is read."""
    authority = Authority(tmp_path / "ca")
    ours, theirs = authority.issue("node"), authority.issue("ris")
    tls = {"cert": str(ours.cert), "key": str(ours.key), "ca": str(authority.certificate)}
    port = free_port()
    at, _ = node(listen={"host": LOOPBACK, "port": port, "tls": tls})
    parts.enter_context(at)
    context = ssl.create_default_context(cafile=tls["ca"])
    with pytest.raises((OSError, EOFError)), Hl7Sender(port, tls=context) as sender:
        sender.send(ORM_O01)
    context.load_cert_chain(theirs.cert, theirs.key)
    with Hl7Sender(port, tls=context) as sender:
        assert code_of(sender.send(ORM_O01)) == "AA"


def numbered(number: int) -> bytes:
    """An order of its own: control ID, order number, step and patient."""
    return (
        msh(b"ORM^O01^ORM_O01", b"C%d" % number)
        + b"PID|1||PAT%d^^^CLINIC^MR||Miller^Joe\r" % number
        + b"ORC|NW|ORD%d\r" % number
        + b"OBR|1|ORD%d||US01^Abdomen^99CLINIC\r" % number
    )


class Senders:
    """Four senders that send each numbered order until it is acknowledged, over any connection."""

    def __init__(self, port: int, messages: int) -> None:
        self._port = port
        self._waiting = list(range(messages))[::-1]
        self._lock = threading.Lock()
        self.acknowledged: set[int] = set()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, count: int) -> None:
        while len(self.acknowledged) < count:
            time.sleep(0.005)
            assert any(thread.is_alive() for thread in self._threads)

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _next(self) -> int | None:
        with self._lock:
            return self._waiting.pop() if self._waiting else None

    def _run(self) -> None:
        number = self._next()
        while number is not None:
            with suppress(OSError, EOFError), Hl7Sender(self._port) as sender:
                while number is not None:
                    assert code_of(sender.send(numbered(number))) == "AA"
                    self.acknowledged.add(number)
                    number = self._next()
            time.sleep(0.02)  # the node was killed, and is being started


@pytest.mark.long
def test_every_acknowledged_order_is_there_once_after_kills(parts: ExitStack) -> None:
    """kill -9 while senders send: what was acknowledged is there, what came twice is there once."""
    messages, kills = (10_000, 100) if FULL else (500, 5)
    at, port = node()
    parts.enter_context(at)
    senders = Senders(port, messages)
    for kill in range(kills):
        senders.wait_for(messages * (kill + 1) // (kills + 1))
        at.kill()
        at.start()
    senders.join()
    assert len(senders.acknowledged) == messages
    with Hl7Sender(port) as again:
        for number in random.Random(7).sample(range(messages), 50):
            assert code_of(again.send(numbered(number))) == "AA"
    at.kill()
    with closing(sqlite3.connect(at.data_dir / "index.sqlite")) as database:
        rows = database.execute("SELECT patient_id FROM worklist_item").fetchall()
        known = database.execute("SELECT count(DISTINCT control_id) FROM hl7_message").fetchone()
    assert sorted(row[0] for row in rows) == sorted(f"PAT{number}" for number in range(messages))
    assert known == (messages,)


def test_mutated_messages_are_answered_by_the_standard(
    parts: ExitStack, mutate: Callable[[random.Random], bytes]
) -> None:
    """Whatever comes in a block has an answer AA, AE or AR, and the node serves on."""
    at, port = node()
    parts.enter_context(at)
    draw = random.Random(11)
    codes: dict[str, int] = {}
    with Hl7Sender(port) as sender:
        for _ in range(5_000 if FULL else 500):
            message = mutate(draw).replace(b"\x0b", b"").replace(b"\x1c", b"")
            # What asks for another acknowledgement, or for none, is another test's.
            head, _, rest = message.partition(b"\r")
            fields = head.split(b"|")
            if len(fields) > 14 and any(fields[14:16]):
                fields[14:16] = [b""] * len(fields[14:16])
            code = code_of(sender.send(b"|".join(fields) + b"\r" + rest))
            codes[code] = codes.get(code, 0) + 1
        assert code_of(sender.send(numbered(1))) == "AA"
    assert set(codes) <= set(ANSWERED)
    assert set(codes) >= {"AA", "AE", "AR"}
    assert not [each for each in at.events if each["event"] == "hl7_failed"]


@pytest.fixture
def mutate() -> Callable[[random.Random], bytes]:
    """One of the good messages, changed at random."""
    return lambda draw: mutated(draw, ALL, lambda data: data.splitlines(keepends=True))
