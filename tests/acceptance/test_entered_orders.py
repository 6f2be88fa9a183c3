"""A clinic without a RIS: what a person enters is the worklist of the modalities around."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.exam_client import ExamClient, Refused
from tests.acceptance.test_orders import step_ids, worklist
from tests.peers.node_process import EchoNodeProcess
from tests.peers.odil_modality import works_by_the_list_of
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

ENTERED = ("--patient-id", "4711", "--name", "YAMADA^TAROU=山田^太郎=やまだ^たろう")


def clinic() -> tuple[EchoNodeProcess, ExamClient]:
    """A node with a modality at its side, and neither a RIS nor HL7."""
    client = ExamClient(free_port())
    peer = {"ae_title": "MODALITY", "host": LOOPBACK, "port": 104, "may": ["echo", "worklist"]}
    return EchoNodeProcess(peers={"cart": peer}, extra={"web": {"port": client.port}}), client


def test_what_a_person_enters_is_found_by_a_modality(parts: ExitStack, tmp_path: Path) -> None:
    """On the command line; DCMTK's findscu finds it by its station, day and patient, and not any
    more once it is taken back."""
    at, client = clinic()
    parts.enter_context(at)
    done = at.command("worklist", "add", *ENTERED, "--procedure", "Abdomen")
    assert done.returncode == 0, done.stderr
    [item] = client.get("/api/worklist")["items"]
    assert item["source"] == "entered"
    step = "ScheduledProcedureStepSequence[0]."
    for keys in (
        (),
        (f"{step}ScheduledStationAETitle=MODALITY", f"{step}Modality=US"),
        (f"{step}ScheduledProcedureStepStartDate={item['start_date']}",),
        ("PatientID=4711",),
    ):
        found, answers = worklist(at, tmp_path, *keys, "RequestedProcedureDescription")
        assert step_ids(answers) == [item["id"]], (keys, found.output)
        assert str(answers[0].PatientName) == ENTERED[-1]
        assert answers[0].StudyInstanceUID == item["study_instance_uid"]
        assert answers[0].RequestedProcedureDescription == "Abdomen"
        [scheduled] = answers[0].ScheduledProcedureStepSequence
        assert scheduled.ScheduledProcedureStepStartDate
    assert worklist(at, tmp_path, f"{step}ScheduledStationAETitle=CART9")[1] == []
    listed = at.command("worklist").stdout.splitlines()
    assert listed[0].startswith("id\tstart_date")
    assert listed[1].startswith(item["id"])
    assert at.command("worklist", "remove", item["id"]).returncode == 0
    assert worklist(at, tmp_path)[1] == []
    assert at.command("worklist", "remove", item["id"]).returncode == 2
    told = at.command("audit", "search", "--patient", "4711", "--kind", "order", "--json").stdout
    assert [json.loads(line)["action"] for line in told.splitlines()] == ["C", "D"]
    assert not any("4711" in str(event) or "YAMADA" in str(event) for event in at.events)


def test_what_was_entered_outlives_a_kill_and_a_modality_works_by_it(parts: ExitStack) -> None:
    """odil's modality finds it, reports its step, and the item is over."""
    at, client = clinic()
    parts.enter_context(at)
    item = client.post(
        "/api/worklist",
        patient={"id": "4711", "name": "Miller^Joe"},
        requested_procedure="Liver",
        accession_number="A1",
        station_ae_titles=["CART1"],
    )
    at.kill()
    at.start()
    told = works_by_the_list_of(at, "CART1")
    [found] = told["items"]
    assert found["00080050"]["Value"] == ["A1"]
    assert found["00401001"]["Value"] == [item["id"]]  # Requested Procedure ID, of type 1
    assert told["statuses"] == [0x0000, 0x0111, 0x0000, 0x0000, 0x0110]
    assert client.get("/api/worklist")["items"] == []  # nobody's to do any more
    [over] = client.get("/api/worklist?all=true")["items"]
    assert over["status"] == "COMPLETED"


def test_a_wrong_order_is_refused_with_its_field(parts: ExitStack) -> None:
    """Of the patient as of the order; nothing is entered."""
    at, client = clinic()
    parts.enter_context(at)
    joe = {"id": "1", "name": "Miller^Joe"}
    for fields, wrong in (
        ({"patient": joe}, "requested_procedure"),
        ({"requested_procedure": "Liver"}, "patient"),
        ({"patient": {"id": "1"}, "requested_procedure": "Liver"}, "patient.name"),
        (
            {"patient": joe, "requested_procedure": "Liver", "start_date": "2026-02-30"},
            "start_date",
        ),
        ({"patient": joe, "requested_procedure": "Liver", "colour": "red"}, "colour"),
    ):
        with pytest.raises(Refused) as refused:
            client.post("/api/worklist", **fields)
        assert (refused.value.status, refused.value.body["field"]) == (400, wrong)
        assert refused.value.body["remedy"]
    assert client.get("/api/worklist")["items"] == []
