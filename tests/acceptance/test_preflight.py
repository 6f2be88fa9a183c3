"""`echonode preflight` against real archives: what works is proved, each fault has its remedy."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.peers.dcmtk import StoreScp
from tests.peers.node_process import EchoNodeProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]

MAY = ["echo", "store", "find", "move", "get", "commit"]


def node_for(
    archive: OrthancServer | StoreScp,
    parts: ExitStack,
    *,
    port: int,
    called: str = "",
    commitment: str = "required",
    running: bool = False,
    **peer: Any,
) -> EchoNodeProcess:
    """A node with that archive as its only destination; its configuration is written."""
    web = {"host": LOOPBACK, "port": free_port(), "viewer_port": free_port()}
    folder = Path(parts.enter_context(TemporaryDirectory(prefix="echonode-")))
    node = EchoNodeProcess(
        folder=folder,
        port=port,
        peers={
            "pacs": {
                "ae_title": called or archive.ae_title,
                "host": LOOPBACK,
                "port": archive.dicom_port if isinstance(archive, OrthancServer) else archive.port,
                "may": MAY,
                **peer,
            }
        },
        destinations=[{"peer": "pacs", "commitment": commitment}],
        extra={"web": web},
    )
    if running:
        return parts.enter_context(node)
    node.config_file.write_text(json.dumps(node.settings()))  # JSON is YAML
    return node


def preflight(node: EchoNodeProcess, *, exit_code: int) -> dict[str, dict[str, Any]]:
    """Step name -> step, of the archive."""
    done = node.command("preflight", "--json")
    assert done.returncode == exit_code, done.stdout + done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["ok"] is (exit_code == 0)
    [peer] = outcome["peers"]
    return {step["name"]: step for step in peer["steps"]}


@pytest.mark.parametrize("running", [False, True], ids=["no node runs", "a node runs"])
def test_all_is_proved_to_the_promise(
    make_orthanc: Callable[..., OrthancServer], parts: ExitStack, running: bool
) -> None:
    """TCP, echo, contexts, the test image stored, and Orthanc's report taken where it calls."""
    port = free_port()
    orthanc = make_orthanc(modalities={"echonode": ("ECHONODE", LOOPBACK, port)})
    node = node_for(orthanc, parts, port=port, running=running)
    for _ in range(2):  # again and again, as a daily run does it
        steps = preflight(node, exit_code=0)
        assert list(steps) == ["tcp", "echo", "contexts", "store", "commitment"]
        assert all(step["ok"] and not step["remedy"] for step in steps.values())
        # Two classes in the five syntaxes of delivery, and commitment in its two.
        assert len(steps["contexts"]["contexts"]) == 12
        assert "reached us" in steps["commitment"]["detail"]
    assert orthanc.rest.instance_count() == 1, "one test image for ever"
    [patient] = orthanc.rest.find("Patient", {"PatientID": "*"})
    assert patient["MainDicomTags"]["PatientID"] == "ECHONODE-PREFLIGHT"
    if running:
        assert node.ledger() == [], "the test image is nobody's examination"


@pytest.mark.long
@pytest.mark.parametrize("known", [None, "elsewhere"])
def test_an_archive_that_cannot_call_back_is_told_whom_to_add(
    make_orthanc: Callable[..., OrthancServer], parts: ExitStack, known: str | None
) -> None:
    """The usual fault: it stores all, and its promise never reaches us."""
    port = free_port()
    modalities = {"echonode": ("ECHONODE", LOOPBACK, free_port())} if known else {}
    node = node_for(make_orthanc(modalities=modalities), parts, port=port)
    steps = preflight(node, exit_code=1)
    assert steps["store"]["ok"]
    assert steps["commitment"]["ok"] is False
    remedy = steps["commitment"]["remedy"]
    assert f"ORTHANC does not know AE ECHONODE at {LOOPBACK}:{port}: add it" in remedy
    assert "DicomModalities" in remedy


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(True, id="known"),
        # The archive's report is waited for until its time is over: half a minute.
        pytest.param(False, id="not known", marks=pytest.mark.long),
    ],
)
def test_an_archive_that_reports_under_another_title_is_one_peer(
    make_orthanc: Callable[..., OrthancServer], parts: ExitStack, known: bool
) -> None:
    """Its storage has one AE title, its calls have another: `calling_ae_titles` has the second."""
    port = free_port()
    called_back = {"AET": "ECHONODE", "Host": LOOPBACK, "Port": port, "LocalAet": "PACS_SCU"}
    orthanc = make_orthanc(options={"DicomModalities": {"echonode": called_back}})
    titles = ["PACS_SCU"] if known else []
    node = node_for(orthanc, parts, port=port, calling_ae_titles=titles)
    steps = preflight(node, exit_code=0 if known else 1)
    assert steps["store"]["ok"]
    assert steps["commitment"]["ok"] is known


def test_a_wrong_ae_title_is_named(
    make_orthanc: Callable[..., OrthancServer], parts: ExitStack
) -> None:
    """Which value of our configuration to correct; nothing behind it is tried."""
    orthanc = make_orthanc(options={"DicomCheckCalledAet": True})
    steps = preflight(node_for(orthanc, parts, port=free_port(), called="WRONG"), exit_code=1)
    assert steps["tcp"]["ok"]
    assert steps["echo"]["ok"] is False
    assert "peers.pacs.ae_title" in steps["echo"]["remedy"]
    assert [steps[name]["ok"] for name in ("contexts", "store", "commitment")] == [None] * 3


def test_a_closed_port_is_named(
    make_orthanc: Callable[..., OrthancServer], parts: ExitStack
) -> None:
    """Nothing listens: the address to correct, and the firewall."""
    node = node_for(make_orthanc(), parts, port=free_port())
    node.peers["pacs"]["port"] = free_port()
    node.config_file.write_text(json.dumps(node.settings()))
    steps = preflight(node, exit_code=1)
    assert steps["tcp"]["ok"] is False
    assert "peers.pacs.host and .port" in steps["tcp"]["remedy"]


def test_an_archive_without_commitment_is_named_and_can_be_taken_as_it_is(
    storescp: StoreScp, parts: ExitStack
) -> None:
    """DCMTK's storescp: the policy to set; with policy none it is proved as far as it goes."""
    steps = preflight(node_for(storescp, parts, port=free_port()), exit_code=1)
    assert steps["contexts"]["ok"] is False
    assert "commitment: verify" in steps["contexts"]["remedy"]
    steps = preflight(node_for(storescp, parts, port=free_port(), commitment="none"), exit_code=0)
    assert list(steps) == ["tcp", "echo", "contexts", "store"]


def test_verification_finds_the_test_image(
    make_orthanc: Callable[..., OrthancServer], parts: ExitStack
) -> None:
    """Policy verify: found again by C-FIND at IMAGE level."""
    node = node_for(make_orthanc(), parts, port=free_port(), commitment="verify")
    assert preflight(node, exit_code=0)["verification"]["ok"]


def test_people_get_words(make_orthanc: Callable[..., OrthancServer], parts: ExitStack) -> None:
    """Without --json: a line a step; an unknown peer is bad usage."""
    port = free_port()
    orthanc = make_orthanc(modalities={"echonode": ("ECHONODE", LOOPBACK, port)})
    node = node_for(orthanc, parts, port=port)
    done = node.command("preflight", "--peer", "pacs")
    assert done.returncode == 0
    assert "All checks passed." in done.stdout
    done = node.command("preflight", "--peer", "nobody")
    assert done.returncode == 2
    assert "configured are: pacs" in done.stderr
