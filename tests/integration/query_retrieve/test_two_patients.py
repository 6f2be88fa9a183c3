"""Two patients under one Study and Series Instance UID, asked for by DCMTK over the network."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from tests.peers import EchoNodeProcess, StoreScp, dcmtk
from tests.peers.fixtures import require_program
from tests.peers.instances import InstanceKind, make_instances
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

SMALL = InstanceKind(name="small", columns=64, rows=48)
PATIENTS = {"AAA": "Alpha^A", "BBB": "Beta^B"}


class Mixed:
    """A node that DCMTK sent one image of each patient, both under the same study and series."""

    def __init__(self, parts: ExitStack, folder: Path) -> None:
        for program in ("storescu", "findscu", "movescu"):
            require_program(program)
        self.viewer = parts.enter_context(StoreScp(ae_title="VIEWER"))
        self.web = free_port()
        self.node = EchoNodeProcess(
            extra={"web": {"host": LOOPBACK, "port": self.web, "viewer_port": free_port()}}
        )
        self.node.add_peer(
            "viewer", ae_title="VIEWER", port=self.viewer.port, may=["store", "find", "move"]
        )
        parts.enter_context(self.node)
        made = make_instances(folder, SMALL, len(PATIENTS))
        self.study, self.series = generate_uid(), generate_uid()
        self.uids: dict[str, str] = {}
        for path, (patient_id, name) in zip(made.files, PATIENTS.items(), strict=True):
            ds = dcmread(path)
            ds.PatientID, ds.PatientName = patient_id, name
            ds.StudyInstanceUID, ds.SeriesInstanceUID = self.study, self.series
            ds.save_as(path)
            self.uids[patient_id] = str(ds.SOPInstanceUID)
        done = dcmtk("storescu", *self.to_node("VIEWER"), *made.files)
        assert done.ok, done.output

    def to_node(self, calling: str) -> tuple[str | int, ...]:
        return ("-aet", calling, "-aec", "ECHONODE", LOOPBACK, self.node.port)

    def find(self, root: str, level: str, **keys: str) -> list[tuple[str, str, str]]:
        """(Patient ID, name, SOP Instance UID) of each answer, as findscu prints them."""
        asked = {"PatientID": "", "PatientName": "", "SOPInstanceUID": "", **keys}
        asked["QueryRetrieveLevel"] = level
        done = dcmtk("findscu", root, "-v", *self.to_node("VIEWER"), *keys_of(asked))
        assert done.ok, done.output
        answers = done.output.split("Find Response")[1:]
        return sorted(
            (
                value_of(answer, "0010,0020"),
                value_of(answer, "0010,0010"),
                value_of(answer, "0008,0018"),
            )
            for answer in answers
            if "(0010,0020)" in answer
        )

    def move(self, root: str, level: str, **keys: str) -> set[str]:
        """The SOP Instance UIDs that arrive at the viewer."""
        before = {path.name for path in self.viewer.received()}
        keys["QueryRetrieveLevel"] = level
        done = dcmtk("movescu", root, *("-aem", "VIEWER"), *self.to_node("VIEWER"), *keys_of(keys))
        assert done.ok, done.output
        arrived = [path for path in self.viewer.received() if path.name not in before]
        return {str(dcmread(path).SOPInstanceUID) for path in arrived}


def keys_of(asked: dict[str, str]) -> list[str]:
    return [part for keyword, value in asked.items() for part in ("-k", f"{keyword}={value}")]


def value_of(answer: str, tag: str) -> str:
    found = re.search(rf"\({tag}\) [A-Z]{{2}} \[([^\]]*)\]", answer)
    return found[1].strip(" \0") if found else ""


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mixed]:
    with ExitStack() as parts:
        yield Mixed(parts, tmp_path_factory.mktemp("mixed"))


@pytest.mark.parametrize("patient_id", PATIENTS)
def test_a_query_by_patient_finds_that_patients_image(mixed: Mixed, patient_id: str) -> None:
    """At every level, under that patient's own name."""
    path = {"PatientID": patient_id}
    expected = (patient_id, PATIENTS[patient_id])
    for level, keys in (
        ("PATIENT", {}),
        ("STUDY", {"StudyInstanceUID": mixed.study}),
        ("SERIES", {"StudyInstanceUID": mixed.study, "SeriesInstanceUID": mixed.series}),
    ):
        [answer] = mixed.find("-P", level, **path, **keys)
        assert answer[:2] == expected
    found = mixed.find(
        "-P", "IMAGE", **path, StudyInstanceUID=mixed.study, SeriesInstanceUID=mixed.series
    )
    assert found == [(*expected, mixed.uids[patient_id])]


def test_a_query_by_uid_finds_both_under_their_own_names(mixed: Mixed) -> None:
    """In the Study Root, one answer for each patient's study, series and image."""
    both = list(PATIENTS.items())
    assert [each[:2] for each in mixed.find("-S", "STUDY", StudyInstanceUID=mixed.study)] == both
    images = mixed.find("-S", "IMAGE", StudyInstanceUID=mixed.study, SeriesInstanceUID=mixed.series)
    assert images == [(*each, mixed.uids[each[0]]) for each in both]


@pytest.mark.parametrize("patient_id", PATIENTS)
def test_a_move_by_patient_moves_that_patients_image(mixed: Mixed, patient_id: str) -> None:
    """Never the other's, at any level."""
    mine = {mixed.uids[patient_id]}
    assert mixed.move("-P", "PATIENT", PatientID=patient_id) <= mine
    keys = {"PatientID": patient_id, "StudyInstanceUID": mixed.study}
    assert mixed.move("-P", "STUDY", **keys) <= mine
    received = {str(dcmread(path).SOPInstanceUID) for path in mixed.viewer.received()}
    assert mine <= received


def test_the_alarm_ends_when_the_operator_acknowledges_it(mixed: Mixed) -> None:
    """Readiness stays; the alarm names the study to users alone, and nothing of a patient."""

    def alarms(path: str = "health/ready") -> dict[str, str]:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{mixed.web}/{path}") as answer:
            found = json.load(answer)["alarms"]
        return {alarm["name"]: alarm["text"] for alarm in found}

    assert mixed.study not in alarms()["patient_conflict"]
    text = alarms("api/status")["patient_conflict"]
    assert mixed.study in text
    assert not any(word in text for word in (*PATIENTS, "Alpha", "Beta"))
    done = mixed.node.command("acknowledge", mixed.study)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: "patient_conflict" not in alarms(), what="acknowledged")
