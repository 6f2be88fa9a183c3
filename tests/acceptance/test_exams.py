"""From an opened exam to the archive, with the patient, whenever the patient becomes known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.clinic import Clinic, read
from tests.acceptance.exam_client import ExamClient, Refused
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.ports import free_port
from tests.peers.validators import Validation
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

JANE = {"id": "P-1", "name": "Doe^Jane", "birth_date": "19800102", "sex": "F"}
TAROU = {
    "id": "P-2",
    "name": {"alphabetic": "Yamada^Tarou", "ideographic": "山田^太郎", "phonetic": "やまだ^たろう"},
}


class Practice:
    """A clinic whose probe captures on request, and a client of the node's API."""

    def __init__(self, parts: ExitStack, *, module: str = EchoNodeProcess.module) -> None:
        """module: the node's, where it is not the one that is shipped."""
        probe = parts.enter_context(
            ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "20")
        )
        self.client = ExamClient(free_port())
        self.clinic = Clinic(
            parts,
            probe_port=probe.port,
            capture={"mode": "manual"},
            extra={
                "web": {"port": self.client.port},
                "exam": {"deliver_unidentified": False},
            },
        )
        self.clinic.node.module = module
        self.clinic.start_pacs()
        self.node = self.clinic.start_node()


@pytest.fixture
def practice() -> Iterator[Practice]:
    with ExitStack() as parts:
        yield Practice(parts)


def test_an_exam_with_its_patient_is_committed(
    practice: Practice, validate: Callable[[Path], Validation]
) -> None:
    """Open, still, clip, end: both are in Orthanc under the patient's name, valid and promised."""
    client = practice.client
    exam = client.open(patient=TAROU)
    still = practice.client.first_still(exam)
    clip = client.post(f"/api/exams/{exam}/clips", seconds=0.5, **{"from": "now"})
    ended = client.post(f"/api/exams/{exam}/end")
    assert (ended["progress"], ended["identity"], ended["captures"]) == (
        "ended",
        "identified",
        2,
    )
    practice.clinic.wait_committed(at_least=2, timeout_s=60)
    held = practice.clinic.held_by_pacs()
    assert set(held) == {still, clip["sop_instance_uid"]}
    for raw in held.values():
        ds = read(raw)
        assert str(ds.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
        assert ds.StudyInstanceUID == ended["study_instance_uid"]
    for path in practice.clinic.held_here().values():
        assert validate(path).errors == ()


def test_an_exam_without_a_patient_waits_and_then_goes_with_it(practice: Practice) -> None:
    """Nothing is sent before; named on the command line, all of it is sent under the name."""
    client, node = practice.client, practice.node
    exam = client.open()
    uids = {practice.client.first_still(exam) for _ in range(3)}
    assert node.command("exam", "end", exam, "--discontinue", "1105").returncode == 2
    assert node.command("exam", "end", exam, "--discontinue", "110505").returncode == 0
    assert client.get(f"/api/exams/{exam}")["discontinued"]["code"] == "110505"
    assert {row["state"] for row in node.ledger()} == {"held"}
    for uid in uids:
        assert node.command("release", uid).returncode == 1
    assert practice.clinic.orthanc.rest.instance_count() == 0
    [listed] = json.loads(node.command("exam", "list", "--json").stdout)
    assert (listed["id"], listed["identity"], listed["held"]) == (exam, "unidentified", True)
    named = node.command("exam", "identify", exam, "--patient-id", "P-1", "--name", "Doe^Jane")
    assert named.returncode == 0, named.stderr
    practice.clinic.wait_committed(at_least=3, timeout_s=60)
    held = practice.clinic.held_by_pacs()
    assert set(held) == uids
    assert {str(read(raw).PatientName) for raw in held.values()} == {"Doe^Jane"}
    assert len(practice.clinic.orthanc.rest.get("/patients")) == 1
    assert {path.name for path in node.data_dir.rglob("*.dcm") if "quarantine" in path.parts} == (
        set()
    )


def test_a_wrong_patient_is_corrected_at_the_archive(
    practice: Practice, validate: Callable[[Path], Validation]
) -> None:
    """The note and the right images are committed; the ledger says what replaced what."""
    client = practice.client
    exam = client.open(patient=JANE)
    uid = practice.client.first_still(exam)
    client.post(f"/api/exams/{exam}/end")
    practice.clinic.wait_committed(at_least=1, timeout_s=60)
    corrected = client.post(f"/api/exams/{exam}/correct", reason="wrong_patient", patient=TAROU)
    assert corrected["identity"] == "corrected"
    rows = practice.clinic.wait_committed(at_least=3, timeout_s=60)
    row = next(row for row in rows if row["sop_instance_uid"] == uid)
    held = practice.clinic.held_by_pacs()
    assert set(held) == {uid, row["replaced_by"], row["rejected_by"]}
    assert read(held[row["replaced_by"]]).PatientID == "P-2"
    note = read(held[row["rejected_by"]])
    assert (note.PatientID, note.Modality) == ("P-1", "KO")
    assert note.ConceptNameCodeSequence[0].CodeValue == "113038"
    for path in practice.clinic.held_here().values():
        assert validate(path).errors == ()


@pytest.mark.parametrize(
    ("reason", "fields", "title"),
    [
        ("wrong_side", {"laterality": "R"}, "113037"),
        pytest.param("quality", {}, "113001", marks=pytest.mark.long),
        pytest.param("withdrawn", {}, "113037", marks=pytest.mark.long),
    ],
)
def test_each_reason_has_its_note_at_the_archive(
    practice: Practice,
    validate: Callable[[Path], Validation],
    reason: str,
    fields: dict[str, str],
    title: str,
) -> None:
    """Valid, of the same study, and naming the image; a wrong side is sent again, and no other."""
    client = practice.client
    exam = client.open(patient=JANE)
    uid = client.first_still(exam)
    client.post(f"/api/exams/{exam}/end")
    practice.clinic.wait_committed(at_least=1, timeout_s=60)
    client.post(f"/api/exams/{exam}/correct", reason=reason, **fields)
    again = reason == "wrong_side"
    rows = practice.clinic.wait_committed(at_least=3 if again else 2, timeout_s=60)
    row = next(row for row in rows if row["sop_instance_uid"] == uid)
    held = {sop: read(raw) for sop, raw in practice.clinic.held_by_pacs().items()}
    note = held[row["rejected_by"]]
    assert note.ConceptNameCodeSequence[0].CodeValue == title
    assert note.StudyInstanceUID == held[uid].StudyInstanceUID
    [study] = note.CurrentRequestedProcedureEvidenceSequence
    [series] = study.ReferencedSeriesSequence
    assert [one.ReferencedSOPInstanceUID for one in series.ReferencedSOPSequence] == [uid]
    if again:
        right = held[row["replaced_by"]]
        assert (right.StudyInstanceUID, right.Laterality) == (note.StudyInstanceUID, "R")
    assert len(held) == (3 if again else 2)
    for path in practice.clinic.held_here().values():
        assert validate(path).errors == ()


@pytest.mark.long
def test_an_archive_that_keeps_both_is_said_to_have_ignored_the_note(parts: ExitStack) -> None:
    """Orthanc stores the note and goes on showing what it rejects: the note is `ignored` there, the
    exam's history and the log say so once, and what it has are both, with the note."""
    practice = Practice(parts, module="tests.faults.nodes.asking_often")
    client = practice.client
    exam = client.open(patient=JANE)
    uid = client.first_still(exam)
    client.post(f"/api/exams/{exam}/end")
    practice.clinic.wait_committed(at_least=1, timeout_s=60)
    client.post(f"/api/exams/{exam}/correct", reason="withdrawn")

    def note() -> Any:
        instances = client.get(f"/api/exams/{exam}")["instances"]
        return next(each for each in instances if each["kind"] == "rejection_note")

    wait_until(
        lambda: note()["archives"] == {"pacs": "ignored"},
        timeout_s=60,
        what="the verdict on the note",
        every_s=0.2,
    )
    rejected = next(row for row in practice.node.ledger() if row["sop_instance_uid"] == uid)
    assert rejected["rejected_by"] == note()["sop_instance_uid"]
    assert set(practice.clinic.held_by_pacs()) == {uid, note()["sop_instance_uid"]}
    events = [each["event"] for each in client.get(f"/api/exams/{exam}")["events"]]
    assert events.count("rejection_ignored") == 1
    [warned] = [each for each in practice.node.events if each["event"] == "rejection_ignored"]
    assert (warned["exam"], warned["destination"]) == (exam, "pacs")
    assert warned["remedy"] == "delete the rejected instances at the archive"


@pytest.mark.long
def test_an_archive_that_lost_what_was_rejected_is_said_to_have_acted(parts: ExitStack) -> None:
    """A person deleted it at Orthanc before the last look: nothing is left to do there."""
    practice = Practice(parts, module="tests.faults.nodes.asking_often")
    client = practice.client
    exam = client.open(patient=JANE)
    client.first_still(exam)
    client.post(f"/api/exams/{exam}/end")
    practice.clinic.wait_committed(at_least=1, timeout_s=60)
    [orthanc_id] = practice.clinic.orthanc.rest.instances()
    practice.clinic.orthanc.rest.delete_instance(orthanc_id)
    client.post(f"/api/exams/{exam}/correct", reason="withdrawn")
    wait_until(
        lambda: any(
            each["archives"] == {"pacs": "acted"}
            for each in client.get(f"/api/exams/{exam}")["instances"]
        ),
        timeout_s=60,
        what="the verdict on the note",
        every_s=0.2,
    )


def test_what_cannot_be_is_refused_in_words(practice: Practice) -> None:
    """Each with its status, the field at fault and what to do."""
    client = practice.client
    with pytest.raises(Refused) as refused:
        client.open(patient={"id": "P-1", "name": "Doe", "birth_date": "20260230"})
    assert refused.value.status == 400
    assert refused.value.body["field"] == "patient.birth_date"
    with pytest.raises(Refused) as refused:
        client.open("cellar")
    assert refused.value.status == 404
    exam = client.open(patient=JANE)
    with pytest.raises(Refused) as refused:
        client.open(patient=TAROU)
    assert refused.value.status == 409
    assert exam in refused.value.body["error"]
    practice.client.first_still(exam)
    with pytest.raises(Refused) as refused:
        client.still(exam, sequence=10**9)
    assert refused.value.status == 409
    done = practice.node.command("exam", "open", "handheld", "--name", "Doe")
    assert done.returncode == 2
    assert "patient.id" in done.stderr
