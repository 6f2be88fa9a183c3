"""An archive that takes only JPEG baseline: from the copy it gets to its promise, and after."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from echonode.monitoring.preflight.test_image import preflight_image
from echonode.store.store import Store
from echonode.transcoding.dataset import derived_uid
from tests.acceptance.clinic import dataset_sha256, read
from tests.integration.delivery.pictures import COLOUR_CINE, STILL, picture
from tests.peers.dcmtk import dcmtk
from tests.peers.node_process import EchoNodeProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(180)]

JPEG = "1.2.840.10008.1.2.4.50"
QUALITY = 90


class LossyClinic:
    """A node that takes images from a scanner and sends them on to an Orthanc of JPEG baseline."""

    def __init__(self, parts: ExitStack, *, commitment: str) -> None:
        port = free_port()
        self.orthanc = parts.enter_context(
            OrthancServer(
                modalities={"echonode": ("ECHONODE", LOOPBACK, port)},
                options={"AcceptedTransferSyntaxes": [JPEG], "StorageCompression": False},
            )
        )
        self.node = EchoNodeProcess(
            port=port,
            peers={
                "pacs": {
                    "ae_title": self.orthanc.ae_title,
                    "host": LOOPBACK,
                    "port": self.orthanc.dicom_port,
                    "may": ["echo", "commit"],
                },
                "scanner": {
                    "ae_title": "SCANNER",
                    "host": LOOPBACK,
                    "port": 104,
                    "may": ["echo", "store"],
                },
            },
            destinations=[
                {"peer": "pacs", "commitment": commitment, "lossy": {"quality": QUALITY}}
            ],
            extra={
                "forwarding": [{"from": "scanner", "to": "pacs"}],
                "retention": {"keep_days_after_commit": 0, "minimum_free_percent": 0},
            },
        )
        parts.enter_context(self.node)

    def store(self, *files: Path) -> None:
        """The scanner stores them in the node."""
        sending: list[str | int] = [
            "-R",
            "-aet",
            "SCANNER",
            "-aec",
            "ECHONODE",
            LOOPBACK,
            self.node.port,
        ]
        done = dcmtk("storescu", *sending, *files)
        assert done.ok, done.output

    def wait_for(self, state: str, count: int) -> list[dict[str, Any]]:
        """The ledger, once so many rows of it are in this state."""
        rows: list[dict[str, Any]] = []

        def reached() -> bool:
            rows[:] = self.node.ledger()
            return [row["state"] for row in rows] == [state] * count

        wait_until(reached, timeout_s=60, what=f"{count} {state}", every_s=0.5)
        return rows

    def held_by_pacs(self) -> dict[str, bytes]:
        """SOP Instance UID -> file of everything Orthanc has."""
        rest = self.orthanc.rest
        files = [rest.file(orthanc_id) for orthanc_id in rest.instances()]
        return {str(read(raw).SOPInstanceUID): raw for raw in files}

    def restart(self) -> None:
        """Housekeeping looks at once after a start; with no grace period, what may go goes."""
        assert self.node.stop() == 0
        self.node.start()


@pytest.fixture
def make_clinic(
    parts: ExitStack, make_orthanc: Callable[..., OrthancServer]
) -> Callable[..., LossyClinic]:
    """Skips where Orthanc is missing."""

    def make(*, commitment: str) -> LossyClinic:
        return LossyClinic(parts, commitment=commitment)

    return make


def test_orthanc_promises_the_copy_and_the_original_stays(
    make_clinic: Callable[..., LossyClinic], tmp_path: Path
) -> None:
    """A still and a cine end `committed`, with the copy's UID in the ledger; Orthanc has exactly
    these copies. The originals stay without any grace period, until the profile says otherwise.
    """
    clinic = make_clinic(commitment="required")
    files = [picture(kind, tmp_path) for kind in (STILL, COLOUR_CINE)]
    originals = {str(read(file.read_bytes()).SOPInstanceUID): file for file in files}
    clinic.store(*files)
    rows = clinic.wait_for("committed", 2)
    copies = {uid: derived_uid(uid, JPEG, QUALITY) for uid in originals}
    assert {row["sop_instance_uid"]: row["last_error"] for row in rows} == {
        uid: f"the archive holds a lossy derived copy, {copy}; the original is kept here"
        for uid, copy in copies.items()
    }
    held = clinic.held_by_pacs()
    assert set(held) == set(copies.values())

    clinic.restart()
    clinic.wait_for("committed", 2)
    assert len(clinic.node.stored_files()) == 2
    clinic.node.stop()
    with Store.open(clinic.node.data_dir) as store:
        for uid, copy in copies.items():
            [job] = store.deliveries.of_instance(uid)
            assert job.derived is not None
            assert job.derived.dataset_sha256 == dataset_sha256(held[copy])

    clinic.node.destinations[0]["lossy"]["keep_original"] = False
    clinic.node.start()
    clinic.node.wait_for("instance_deleted", timeout_s=30)
    wait_until(lambda: not clinic.node.stored_files(), timeout_s=30, what="the originals go")
    assert {row["last_error"] for row in clinic.wait_for("committed", 2)} == {
        f"the archive holds a lossy derived copy, {copy}; the original was deleted here"
        for copy in copies.values()
    }


def test_preflight_proves_such_an_archive_the_way_delivery_uses_it(
    make_clinic: Callable[..., LossyClinic],
) -> None:
    """The test image is stored as a lossy copy, and the commitment of the copy reaches us."""
    clinic = make_clinic(commitment="required")
    clinic.node.stop()  # then the command takes the report itself
    done = clinic.node.command("preflight", "--peer", "pacs", "--json")
    [peer] = json.loads(done.stdout)["peers"]
    names = ["tcp", "echo", "contexts", "store", "commitment"]
    assert [(step["name"], step["ok"]) for step in peer["steps"]] == [(n, True) for n in names]
    image = preflight_image("ECHONODE").sop_instance_uid
    assert set(clinic.held_by_pacs()) == {derived_uid(image, JPEG, QUALITY)}


def test_orthanc_finds_the_copy_where_it_is_only_looked_for(
    make_clinic: Callable[..., LossyClinic], tmp_path: Path
) -> None:
    """Policy verify: the C-FIND asks for the copy's UID, and the delivery ends `verified`."""
    clinic = make_clinic(commitment="verify")
    clinic.store(picture(STILL, tmp_path))
    [row] = clinic.wait_for("verified", 1)
    assert "holds a lossy derived copy" in row["last_error"]
