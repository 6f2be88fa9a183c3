"""`echonode preflight` of a clinic's RIS: its worklist, its procedure steps, and the HL7 port."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.peers.node_process import EchoNodeProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.ris import DcmjsStepScp, Wlmscpfs, write_item
from tests.unit.exam.worklist.answers import answer, step

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]


def proved(node: EchoNodeProcess, *, exit_code: int) -> dict[str, dict[str, Any]]:
    """Peer -> step -> how it went."""
    done = node.command("preflight", "--json")
    assert done.returncode == exit_code, done.stdout + done.stderr
    peers = json.loads(done.stdout)["peers"]
    return {peer["peer"]: {step["name"]: step for step in peer["steps"]} for peer in peers}


@pytest.mark.parametrize("running", [False, True], ids=["no node runs", "a node runs"])
def test_worklist_steps_and_hl7_are_proved(
    parts: ExitStack, make_part: Callable[[Part], Any], tmp_path: Path, running: bool
) -> None:
    """The entries of today are counted, and no step is made at the RIS."""
    ris, steps = make_part(Wlmscpfs(options=("-csk", "-dfr"))), make_part(DcmjsStepScp())
    today = step(
        ScheduledStationAETitle="ECHONODE", ScheduledProcedureStepStartDate=time.strftime("%Y%m%d")
    )
    for number in range(3):
        item = answer(AccessionNumber=f"A{number}", ScheduledProcedureStepSequence=[today])
        write_item(ris.items, item)
    node = EchoNodeProcess(
        folder=tmp_path,
        extra={
            "web": {"port": free_port()},
            "worklist": {"peer": "ris", "station_ae_title": ["ECHONODE", "ROOM2"]},
            "mpps": {"peer": "steps"},
            "hl7": {"listen": {"host": LOOPBACK, "port": free_port()}},
        },
    )
    node.add_peer("ris", ae_title="RIS", port=ris.port, may=["echo"])
    node.add_peer("steps", ae_title="STEPS", port=steps.port, may=["echo"])
    if running:
        parts.enter_context(node)
    else:
        node.config_file.write_text(json.dumps(node.settings()))  # JSON is YAML
    found = proved(node, exit_code=0)
    assert found["ris"]["worklist"]["detail"] == (
        "3 entries today for ECHONODE, US; 0 entries today for ROOM2, US"
    )
    assert "procedure steps in" in found["steps"]["contexts"]["detail"]
    heard = "the port is listened at" if running else "the port is free"
    assert heard in found["hl7"]["listen"]["detail"]
    assert steps.requests() == []

    ris.kill()  # what is away has its remedy, and what is there is proved all the same
    found = proved(node, exit_code=1)
    assert found["ris"]["tcp"]["ok"] is False
    assert "peers.ris.host" in found["ris"]["tcp"]["remedy"]
    assert found["ris"]["worklist"]["ok"] is None
    assert all(each["ok"] for each in found["steps"].values())


def test_a_server_that_takes_no_steps_is_named(
    make_orthanc: Callable[..., OrthancServer], tmp_path: Path
) -> None:
    """Orthanc is no MPPS server: what to do is said."""
    orthanc = make_orthanc()
    node = EchoNodeProcess(
        folder=tmp_path, extra={"web": {"port": free_port()}, "mpps": {"peer": "ris"}}
    )
    node.add_peer("ris", ae_title="ORTHANC", port=orthanc.dicom_port, may=["echo"])
    node.config_file.write_text(json.dumps(node.settings()))
    contexts = proved(node, exit_code=1)["ris"]["contexts"]
    assert contexts["detail"] == "refused: procedure steps"
    assert "ORTHANC offers no procedure steps to us" in contexts["remedy"]
