"""The operator's side of a node with a real Orthanc: commands, retention, record, alarms."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from tests.acceptance.clinic import Clinic
from tests.peers.node_process import ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]

SIM = ("--protocol", "echopen", "--dialect", "kit", "--frames", "15", "--fps", "30")


def web_section() -> dict[str, Any]:
    return {"host": LOOPBACK, "port": free_port(), "viewer_port": free_port()}


def ask(clinic: Clinic, path: str) -> Any:
    """GET from the node's web port; an HTTP error's body as well."""
    try:
        url = f"http://{LOOPBACK}:{clinic.node.extra['web']['port']}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        content = error.read()
    return json.loads(content) if path != "/metrics" else content.decode()


def captured(clinic: Clinic, parts: ExitStack, port: int) -> str:
    """One clip of the simulated probe is stored; its SOP Instance UID."""
    before = clinic.stored()
    with ProbeSimProcess(*SIM, port=port):
        wait_until(lambda: bool(clinic.stored() - before), timeout_s=60, what="a clip is stored")
    [uid] = clinic.stored() - before
    return uid


@pytest.fixture
def clinic_at(parts: ExitStack) -> Callable[..., tuple[Clinic, int]]:
    """A clinic whose probe's port is given with it; further sections as keywords."""

    def make(**extra: Any) -> tuple[Clinic, int]:
        port = free_port()
        # A gap that the simulator does not make by itself, however busy the machine is.
        capture = {"mode": "auto", "gap_s": 2.0}
        clinic = Clinic(
            parts, probe_port=port, capture=capture, extra={"web": web_section(), **extra}
        )
        return clinic, port

    return make


def test_an_operators_hand_holds_and_releases(
    clinic_at: Callable[..., tuple[Clinic, int]], parts: ExitStack
) -> None:
    """Through the running node, and on the store of one that is stopped; errors are in words."""
    clinic, port = clinic_at()
    node = clinic.start_node()
    uid = captured(clinic, parts, port)
    done = node.command("hold", uid)
    assert (done.returncode, done.stdout) == (0, "pacs: held (held by the operator)\n")
    again = node.command("hold", uid)
    assert again.returncode == 1
    assert "nothing to hold: pacs is held" in again.stderr
    assert node.command("hold", "1.2.3.4").returncode == 1
    assert node.command("hold", "not-a-uid").returncode == 2
    assert "held:pacs" in [alarm["name"] for alarm in ask(clinic, "/health/ready")["alarms"]]
    node.stop()
    assert node.ledger()[0]["state"] == "held"
    done = node.command("release", "--destination", "pacs", "--all")
    assert (done.returncode, done.stdout) == (0, "release: 1 instance done, 0 failed.\n")
    clinic.start_pacs()
    node.start()
    assert clinic.wait_committed(at_least=1, timeout_s=60)[0]["sop_instance_uid"] == uid


def test_a_node_without_a_web_port_says_what_is_missing(parts: ExitStack) -> None:
    """It has the lock, and cannot be asked: the section to add is named."""
    clinic = Clinic(parts)
    clinic.start_node()
    done = clinic.node.command("retry", "1.2.3")
    assert done.returncode == 1
    assert "no `web` section" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_promised_instance_goes_and_the_ledger_remembers(
    clinic_at: Callable[..., tuple[Clinic, int]], parts: ExitStack
) -> None:
    """No grace period: it is deleted here, Orthanc has it, and its row still says committed."""
    clinic, port = clinic_at(retention={"keep_days_after_commit": 0, "minimum_free_percent": 0})
    clinic.start_pacs()
    node = clinic.start_node()
    uid = captured(clinic, parts, port)
    clinic.wait_committed(at_least=1, timeout_s=60)
    node.stop()
    assert len(node.stored_files()) == 1
    node.start()  # it looks at once, and then every minute
    gone = node.wait_for("instance_deleted", timeout_s=90)
    assert gone["sop_instance_uid"] == uid
    assert node.stored_files() == []
    [row] = node.ledger()
    assert (row["sop_instance_uid"], row["state"]) == (uid, "committed")
    assert uid in clinic.held_by_pacs()
    node.stop()
    node.start()
    assert [event for event in node.events if event["event"] == "store_recovered"] == []


def test_the_record_of_an_exam_is_one_bundle(
    clinic_at: Callable[..., tuple[Clinic, int]], parts: ExitStack, tmp_path: Path
) -> None:
    """From the association to Orthanc's commitment; taken while the node runs."""
    clinic, port = clinic_at()
    clinic.start_pacs()
    node = clinic.start_node()
    captured(clinic, parts, port)
    [row] = clinic.wait_committed(at_least=1, timeout_s=60)
    out = tmp_path / "exam.zip"
    done = node.command("report", row["study_instance_uid"], "--out", str(out))
    assert done.returncode == 0, done.stderr
    with ZipFile(out) as bundle:
        timeline = [json.loads(line) for line in bundle.read("timeline.jsonl").splitlines()]
    kinds = [event["kind"] for event in timeline]
    for kind in ("association", "stored", "ask", "report", "committed"):
        assert kind in kinds
    assert "contexts accepted" in timeline[0]["detail"]
    assert node.command("report", "1.2.3", "--out", str(out)).returncode == 2


def test_below_the_reserve_no_exam_begins_and_all_say_so(
    clinic_at: Callable[..., tuple[Clinic, int]], parts: ExitStack
) -> None:
    """The probe is shown and not captured; log, status and readiness tell why."""
    clinic, port = clinic_at(retention={"minimum_free_percent": 100})
    node = clinic.start_node()
    ready = ask(clinic, "/health/ready")
    assert not ready["ready"]
    assert "new exams are refused" in json.dumps(ready["checks"])
    with ProbeSimProcess(*SIM, port=port) as probe:
        refused = node.wait_for("store_refused", timeout_s=30)
        assert "no capture begins" in refused["reason"]
        probe.wait(30)
    status = ask(clinic, "/api/status")
    assert status["minutes_of_cine"] == 0
    assert "new exams are refused" in status["probes"][0]["refusal"]
    assert status["probes"][0]["frames_received"] > 0
    assert clinic.stored() == set()
    assert "echonode_disk_recording_seconds 0.0" in ask(clinic, "/metrics")


def test_what_a_start_finds_is_an_alarm_and_no_reason_to_be_unready(
    clinic_at: Callable[..., tuple[Clinic, int]], parts: ExitStack
) -> None:
    """A file that is gone, an archive that is down: told; the node goes on taking exams."""
    clinic, port = clinic_at()
    node = clinic.start_node()
    captured(clinic, parts, port)
    node.stop()
    [file] = node.stored_files()
    file.unlink()
    node.start()
    node.wait_for("alarm_raised", lambda entry: entry["name"] == "missing_files", timeout_s=30)
    ready = ask(clinic, "/health/ready")
    assert ready["ready"]
    assert "missing_files" in [alarm["name"] for alarm in ready["alarms"]]
    assert ask(clinic, "/api/status")["alarms"]
    metrics = ask(clinic, "/metrics")
    assert 'echonode_backlog{destination="pacs"}' in metrics
    assert 'echonode_oldest_uncommitted_seconds{destination="pacs"}' in metrics


def test_an_archive_that_does_not_know_us_is_told_and_asked_again_on_demand(
    clinic_at: Callable[..., tuple[Clinic, int]], parts: ExitStack
) -> None:
    """The commonest set-up fault: Orthanc stores all and takes no commitment request of an AE that
    is not in its DicomModalities. Ledger, log, status and alarm say so in preflight's words, and
    once it is entered there `retry` asks for the promise at once, without sending again."""
    clinic, port = clinic_at()
    clinic.orthanc.modalities.clear()
    orthanc = clinic.start_pacs()
    node = clinic.start_node()
    uid = captured(clinic, parts, port)
    failed = node.wait_for("commitment_failed", timeout_s=60)
    us = f"AE ECHONODE at {LOOPBACK}:{node.port}"
    told = f"ORTHANC does not know {us}: add it there (Orthanc: DicomModalities, "
    assert told in failed["remedy"]
    assert failed["ae_title"] == "ORTHANC"
    assert (failed["host"], failed["port"]) == (LOOPBACK, orthanc.dicom_port)
    [row] = node.ledger()
    assert row["state"] == "sent"
    assert told in row["last_error"]
    [destination] = ask(clinic, "/api/status")["destinations"]
    assert told in destination["problem"]
    assert "unreachable" not in destination["problem"]
    assert "commitment:pacs" in [alarm["name"] for alarm in ask(clinic, "/health/ready")["alarms"]]
    orthanc.rest.set_modality("echonode", "ECHONODE", LOOPBACK, node.port)
    done = node.command("retry", uid)
    assert done.returncode == 0, done.stderr
    clinic.wait_committed(at_least=1, timeout_s=60)
    assert len([e for e in node.events if e["event"] == "instance_sent"]) == 1
    [destination] = ask(clinic, "/api/status")["destinations"]
    assert destination["problem"] == ""


@pytest.mark.long
def test_a_stop_beside_a_mute_archive_keeps_its_deadline(
    clinic_at: Callable[..., tuple[Clinic, int]], parts: ExitStack
) -> None:
    """The archive's port accepts and never answers: SIGTERM ends the node in order, within the
    thirty seconds that are promised, and what waits is delivered after the next start."""
    clinic, port = clinic_at()
    mute = parts.enter_context(socket.create_server((LOOPBACK, clinic.orthanc.dicom_port)))
    node = clinic.start_node()
    captured(clinic, parts, port)
    caller, _ = mute.accept()  # by the node, which waits for an answer now
    began = time.monotonic()
    assert node.stop() == 0
    assert time.monotonic() - began < 30
    caller.close()
    mute.close()
    clinic.start_pacs()
    node.start()
    clinic.wait_committed(at_least=1, timeout_s=90)
