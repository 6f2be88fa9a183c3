"""From the order at a RIS to the archive and back to the RIS: real processes on every side."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from tests.acceptance.clinic import Clinic, read
from tests.acceptance.exam_client import ExamClient
from tests.integration.exam.test_procedure_steps import dataset_of
from tests.peers.node_process import ProbeSimProcess
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.ris import DcmjsStepScp, OdilRis, write_item
from tests.peers.validators import Validation
from tests.support.waiting import wait_until
from tests.unit.exam.procedure_step.test_attributes import IN_THE_STEP
from tests.unit.exam.worklist.answers import full_answer
from tests.unit.objects.test_order_attributes import IN_THE_IMAGE, at

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]

# What the node chooses, or knows only when it happens.
_OWN = (
    "PerformedProcedureStepID",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "PerformedStationAETitle",
    "PerformedStationName",
)


def order_of_today() -> Dataset:
    """The item with every attribute filled, scheduled for this node, today."""
    item = full_answer()
    [step] = item.ScheduledProcedureStepSequence
    step.ScheduledStationAETitle = "ECHONODE"
    step.ScheduledProcedureStepStartDate = time.strftime("%Y%m%d")
    return item


def without_own(places: dict[str, str]) -> dict[str, str]:
    return {path: value for path, value in places.items() if path not in _OWN}


def is_read(worklist: Mapping[str, Any]) -> bool:
    """Whether the RIS has been asked, and has given the one item."""
    return len(worklist["items"]) == 1 and worklist["age_s"] is not None


def test_an_order_reaches_the_archive_and_the_ris_hears_of_it(
    parts: ExitStack, make_part: Callable[[Part], Any], validate: Callable[[Path], Validation]
) -> None:
    """Every attribute of the item is in the still and the clip that Orthanc has, and in the step.

    The RIS has a Japanese name in three groups; the step's server is killed in the exam's middle.
    """
    ris, steps = make_part(OdilRis()), make_part(DcmjsStepScp())
    write_item(ris.items, order_of_today())
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
            "worklist": {"peer": "ris", "station_ae_title": "ECHONODE", "refresh_s": 10},
            "mpps": {"peer": "steps"},
        },
    )
    for name, part, title in (("ris", ris, "RIS"), ("steps", steps, "STEPS")):
        clinic.node.peers[name] = {
            "ae_title": title,
            "host": LOOPBACK,
            "port": part.port,
            "may": ["echo"],
        }
    clinic.start_pacs()
    clinic.start_node()
    wait_until(
        lambda: is_read(client.get("/api/worklist")),
        timeout_s=60,
        what="the item of the RIS on the worklist",
    )
    listed = client.get("/api/worklist")
    assert listed["age_s"] < 120
    [item] = listed["items"]
    exam = client.open(worklist_item=item["id"])
    still = client.first_still(exam)
    steps.wait_for(1)
    steps.kill()
    clip = client.post(f"/api/exams/{exam}/clips", seconds=0.5, **{"from": "now"})
    ended = client.post(f"/api/exams/{exam}/end")
    assert ended["study_instance_uid"] == "1.2.276.99.2.1"
    clinic.wait_committed(at_least=2, timeout_s=90)
    held = clinic.held_by_pacs()
    assert set(held) == {still, clip["sop_instance_uid"]}
    images = [read(raw) for raw in held.values()]
    for image in images:
        wanted = without_own(IN_THE_IMAGE)
        assert {path: at(image, path) for path in wanted} == wanted
    for path in clinic.held_here().values():
        assert validate(path).errors == ()
    steps.start()
    # It forgot the step with its process: what it was told before it was killed comes anew, after
    # 0112 to the N-SET where the first N-CREATE had been answered.
    wait_until(
        lambda: (
            [(one.kind, one.status) for one in steps.requests()][-2:] == [("create", 0), ("set", 0)]
        ),
        timeout_s=120,
        what="N-CREATE and N-SET at the restarted server",
    )
    requests = steps.requests()
    assert len({one.sop_instance_uid for one in requests}) == 1
    begun, over = (dataset_of(one.attributes) for one in requests[-2:])
    wanted = without_own(IN_THE_STEP)
    assert {path: at(begun, path) for path in wanted} == wanted
    assert over.PerformedProcedureStepStatus == "COMPLETED"
    [series] = over.PerformedSeriesSequence
    told = {one.ReferencedSOPInstanceUID for one in series.ReferencedImageSequence}
    assert told == set(held)
    for image in images:
        [reference] = image.ReferencedPerformedProcedureStepSequence
        assert reference.ReferencedSOPInstanceUID == requests[0].sop_instance_uid
        for keyword in _OWN[:3]:
            assert image[keyword].value == begun[keyword].value
