"""The volume of a tracked sweep is kept in its study: delivered and proved like an image."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.acceptance.clinic import Clinic
from tests.integration.copies.test_plus_round_trip import taken
from tests.peers import Validation
from tests.peers.dcmtk import dcmtk
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until
from tests.unit.objects.acquisitions import built, write

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(240)]
# Pixels of 0.1 mm, in the plane of the sensor: the recording does not say it.
CALIBRATION = "0.1 0 0 0  0 0.1 0 0  0 0 1 0  0 0 0 1"
VOLUME = "1.2.840.10008.5.1.4.1.1.6.2"  # Enhanced US Volume Storage


def test_a_volume_is_stored_delivered_and_committed(
    shared_data: Path,
    tmp_path: Path,
    parts: ExitStack,
    validate: Callable[[Path], Validation],
) -> None:
    """By the command: the archive has committed to keep it. The same again is the same instance; an
    image without transforms is refused in words, as one whose pixels no person has looked at.
    """
    port = free_port()
    clinic = Clinic(parts, extra={"web": {"port": port}})
    node = clinic.node
    node.add_peer("scu", ae_title="SCU", may=["echo", "store"])
    clinic.start_pacs()
    clinic.start_node()
    recording = shared_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"
    cine = write(built(taken(recording)), tmp_path, "cine")
    sent = dcmtk("storescu", "-aet", "SCU", "-aec", node.ae_title, LOOPBACK, node.port, cine)
    assert sent.ok, sent.output
    uid = str(dcmread(cine).SOPInstanceUID)

    words = ("keep-volume", uid, "--image-to-probe", CALIBRATION, "--voxel")
    unseen = node.command(*words, "1")
    assert (unseen.returncode, "may carry text" in unseen.stderr) == (1, True)
    assert node.command("accept-look", uid).returncode == 0
    done = node.command(*words, "1")
    assert done.returncode == 0, done.stderr
    made, said = done.stdout.split("\t")
    assert said.strip() == "stored"
    assert node.command(*words, "1").stdout == f"{made}\there already\n"
    other = node.command(*words, "2").stdout.split("\t")[0]
    assert other != made

    def committed() -> set[str]:
        return {each["sop_instance_uid"] for each in node.ledger() if each["state"] == "committed"}

    wait_until(lambda: {made, other} <= committed(), lambda: str(committed()), timeout_s=90)
    with urllib.request.urlopen(
        f"http://{LOOPBACK}:{port}/api/instances/{made}/file", timeout=60
    ) as answer:
        (tmp_path / "volume.dcm").write_bytes(answer.read())
    read = dcmread(tmp_path / "volume.dcm")
    assert (read.SOPClassUID, read.StudyInstanceUID) == (VOLUME, dcmread(cine).StudyInstanceUID)
    assert validate(tmp_path / "volume.dcm").errors == ()
    refused = node.command("keep-volume", made)
    assert refused.returncode == 1
    assert "no volume can be made of it" in refused.stderr
    for body in (b'{"voxel_mm": 0}', b'{"image_to_probe": [1]}', b'{"other": 1}'):
        asked = urllib.request.Request(
            f"http://{LOOPBACK}:{port}/api/instances/{uid}/volume", data=body, method="POST"
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(asked, timeout=60)
        with caught.value as answered:
            assert answered.code == 400
