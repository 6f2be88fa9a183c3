"""A report of an exam, from one request to the commitment: real processes on every side."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import highdicom as hd
import pytest
from pydicom import Dataset

from tests.acceptance.clinic import Clinic, read
from tests.acceptance.exam_client import ExamClient, Refused
from tests.integration.exam.test_procedure_steps import dataset_of
from tests.peers import DcmtkResult
from tests.peers.fixtures import require_fonts, require_program
from tests.peers.node_process import ProbeSimProcess
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.result_receiver import ResultReceiver
from tests.peers.ris import DcmjsStepScp
from tests.peers.validators import Validation
from tests.support.waiting import wait_until
from tests.unit.objects.exam_reports import ARABIC, GREEK, JAPANESE

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]

PATIENT = {"id": "P-77", "name": "Yamada^Tarou=山田^太郎", "birth_date": "19700228", "sex": "M"}
OBJECTS = {
    "1.2.840.10008.5.1.4.1.1.88.33": "ComprehensiveSR",
    "1.2.840.10008.5.1.4.1.1.104.1": "EncapsulatedPDF",
    "1.2.840.10008.5.1.4.1.1.88.59": "KeyObjectSelectionDocument",
    "1.2.840.10008.5.1.4.1.1.11.1": "GrayscaleSoftcopyPresentationState",
}


def test_one_report_is_committed_with_the_images_and_in_the_procedure_step(
    parts: ExitStack,
    make_part: Callable[[Part], Any],
    validate: Callable[[Path], Validation],
    run_dcmtk: Callable[..., DcmtkResult],
    tmp_path: Path,
) -> None:
    """SR, PDF, key objects and a kept view: valid, read by others, kept by Orthanc, in the MPPS.

    The RIS gets the report as an HL7 result.
    """
    require_fonts()
    steps = make_part(DcmjsStepScp())
    ris = parts.enter_context(ResultReceiver())
    probe = parts.enter_context(
        ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "20")
    )
    client = ExamClient(free_port())
    clinic = Clinic(
        parts,
        probe_port=probe.port,
        capture={"mode": "manual"},
        extra={
            "web": {"port": client.port},
            "exam": {"deliver_unidentified": False},
            "mpps": {"peer": "steps"},
            "report": {"results": {"host": LOOPBACK, "port": ris.port, "pdf": True}},
        },
    )
    clinic.node.peers["steps"] = {
        "ae_title": "STEPS",
        "host": LOOPBACK,
        "port": steps.port,
        "may": ["echo"],
    }
    clinic.start_pacs()
    clinic.start_node()
    exam = client.open()
    still = client.first_still(exam)
    clip = client.post(f"/api/exams/{exam}/clips", seconds=0.5, **{"from": "now"})
    with pytest.raises(Refused) as refused:
        client.post(f"/api/exams/{exam}/report", template="fast", conclusion="x")
    assert "say whose it is" in refused.value.body["error"]
    client.post(f"/api/exams/{exam}/identify", patient=PATIENT)

    frames = client.get(f"/api/instances/{clip['sop_instance_uid']}")["frames"]
    [region] = client.get(f"/api/instances/{still}")["regions"][:1]
    x, y = region["x0"] + 20.0, region["y0"] + 30.0
    measured = client.post(
        f"/api/instances/{still}/measurements",
        frame=1,
        kind="distance",
        points=[[x, y], [x + 60, y + 40]],
        label="CBD",
    )
    report = client.post(
        f"/api/exams/{exam}/report",
        template="fast",
        findings={"right_upper": JAPANESE, "pelvis": ARABIC, "left_upper": GREEK},
        conclusion="No free fluid.",
        key_images=[
            {"sop_instance_uid": still},
            {"sop_instance_uid": clip["sop_instance_uid"], "frame": frames},
        ],
    )
    assert [each["part"] for each in report["objects"]] == ["sr", "pdf", "key_objects"]
    area = ",".join(str(each) for each in (x - 10, y - 10, x + 200, y + 150))
    options = ("--window", "100,150", "--area", area, "--note", f"{x + 5},{y + 5},stone?")
    kept_view = clinic.node.command("exam", "view", still, *options, "--json")
    assert kept_view.returncode == 0, kept_view.stderr
    view = json.loads(kept_view.stdout)
    for wrong in (("--window", "100"), ("--note", "1,2"), ("--area", "a,b,c,d")):
        assert clinic.node.command("exam", "view", still, *wrong).returncode == 2
    client.post(f"/api/exams/{exam}/end")
    clinic.wait_committed(at_least=6, timeout_s=90)

    held = clinic.held_by_pacs()
    made = {each["sop_instance_uid"] for one in (report, view) for each in one["objects"]}
    assert set(held) == {still, clip["sop_instance_uid"], *made}
    by_class: dict[str, Dataset] = {}
    for uid, path in clinic.held_here().items():
        said = validate(path)
        assert said.errors == (), said
        by_class[str(read(held[uid]).SOPClassUID)] = read(held[uid])
        if str(read(held[uid]).SOPClassUID) in OBJECTS:
            assert said.iod == OBJECTS[str(read(held[uid]).SOPClassUID)]
    assert by_class.keys() >= OBJECTS.keys()
    assert len({str(each.StudyInstanceUID) for each in by_class.values()}) == 1

    document = by_class["1.2.840.10008.5.1.4.1.1.88.33"]
    [group] = hd.sr.MeasurementReport.from_sequence([document]).get_planar_roi_measurement_groups()
    [value] = group.get_measurements()
    [kept] = measured["results"]
    assert value.value == pytest.approx(kept["value"], rel=1e-12)
    assert (group.tracking_identifier, value.unit.value) == ("CBD", kept["unit"])

    pdf = by_class["1.2.840.10008.5.1.4.1.1.104.1"]
    (tmp_path / "report.pdf").write_bytes(
        pdf.EncapsulatedDocument[: pdf.EncapsulatedDocumentLength]
    )
    words = subprocess.run(
        [require_program("pdftotext"), "-layout", str(tmp_path / "report.pdf"), "-"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    words = re.sub("[\u202a-\u202e]", "", words)
    for text in (JAPANESE, ARABIC, GREEK, "Yamada, Tarou / 山田 太郎", "No free fluid.", "CBD"):
        assert text in words, text
    served = f"http://127.0.0.1:{client.port}/api/exams/{exam}/reports/{report['id']}/pdf"
    with urllib.request.urlopen(served, timeout=30) as answer:
        assert answer.read() == (tmp_path / "report.pdf").read_bytes()

    wait_until(lambda: len(ris.messages) == 1, timeout_s=30, what="the result at the RIS")
    [pages] = [o for o in ris.messages[0].segments("OBX") if str(o[2]) == "ED"]
    assert base64.b64decode(str(pages[5]).split("^")[-1]) == (tmp_path / "report.pdf").read_bytes()

    listed = client.get(f"/api/exams/{exam}/reports")
    wait_until(
        lambda: client.get(f"/api/exams/{exam}/reports")[0]["result"]["state"] == "accepted",
        timeout_s=30,
        what="the result, accepted",
    )
    assert [each["id"] for each in listed] == [report["id"], view["id"]]
    assert {
        row["state"] for each in listed for part in each["objects"] for row in part["deliveries"]
    } == {"committed"}
    kinds = [each["kind"] for each in client.get(f"/api/exams/{exam}")["instances"]]
    assert kinds == ["capture", "capture", "report", "report", "report", "presentation"]

    wait_until(
        lambda: [one.kind for one in steps.requests()] == ["create", "set"],
        timeout_s=90,
        what="the end of the procedure step",
    )
    over = dataset_of(steps.requests()[-1].attributes)
    told = {
        reference.ReferencedSOPInstanceUID
        for series in over.PerformedSeriesSequence
        for keyword in (
            "ReferencedImageSequence",
            "ReferencedNonImageCompositeSOPInstanceSequence",
        )
        for reference in series[keyword].value
    }
    assert told == set(held)
    assert len(over.PerformedSeriesSequence) == 5  # images, SR, PDF, key objects, views
