"""The preflight of a DICOMweb server says which step fails, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from echonode.delivery.stow.web_requestor import WebRequestor
from echonode.model.identity import CommitmentPolicy, Peer, WebAccess
from echonode.monitoring.preflight.outcome import PeerOutcome, Step
from echonode.monitoring.preflight.requirements import Requirements
from echonode.monitoring.preflight.test_image import preflight_image
from echonode.monitoring.preflight.web_check import WebCheck
from tests.peers.orthanc import DICOMWEB_PLUGIN, OrthancServer
from tests.peers.ports import free_port

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def orthanc() -> Iterator[OrthancServer]:
    options = {"AuthenticationEnabled": True, "RegisteredUsers": {"echonode": "right"}}
    with OrthancServer(plugins=(DICOMWEB_PLUGIN,), options=options) as server:
        yield server


def check(port: int, password: Path, *, path: str = "/dicom-web") -> PeerOutcome:
    access = WebAccess(is_encrypted=False, path=path, user="echonode", password_file=password)
    peer = Peer(
        name="cloud", ae_title="cloud", host="127.0.0.1", port=port, may=frozenset(), web=access
    )
    needs = Requirements(peer=peer, policy=CommitmentPolicy.VERIFY)
    image = preflight_image("ECHONODE")
    return WebCheck(image=image, associate=WebRequestor().associate).run(needs)


def passed(steps: Sequence[Step]) -> dict[str, bool | None]:
    return {step.name: step.ok for step in steps}


def test_a_server_that_takes_the_test_image_and_finds_it_passes(
    orthanc: OrthancServer, tmp_path: Path
) -> None:
    """Connection, access, STOW-RS and QIDO-RS; a second time as well."""
    password = tmp_path / "password"
    password.write_text("right")
    for _ in range(2):
        outcome = check(orthanc.http_port, password)
        assert outcome.ok, outcome
        assert [step.name for step in outcome.steps] == [
            "tcp",
            "authorised",
            "store",
            "verification",
        ]


def test_a_refused_password_a_wrong_path_and_a_server_that_is_down_have_each_their_remedy(
    orthanc: OrthancServer, tmp_path: Path
) -> None:
    """The later steps are not tried."""
    password = tmp_path / "password"
    password.write_text("wrong")
    refused = check(orthanc.http_port, password)
    skipped = {"store": None, "verification": None}
    assert passed(refused.steps) == {"tcp": True, "authorised": False, **skipped}
    assert "HTTP 401" in refused.steps[1].detail
    assert "password_file" in refused.steps[1].remedy
    password.write_text("right")
    lost = check(orthanc.http_port, password, path="/nothing")
    assert passed(lost.steps) == {"tcp": True, "authorised": False, **skipped}
    assert "no QIDO-RS at this address" in lost.steps[1].detail
    down = check(free_port(), password)
    assert passed(down.steps) == {"tcp": False, "authorised": None, **skipped}
    assert "Start cloud" in down.steps[0].remedy
