"""Keys that the index does not hold, asked of a whole node by another system's client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE

from tests.benchmarks.work import Address
from tests.integration.store.real_files import files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess
from tests.peers.process import LOOPBACK, free_port

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
]
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"


@pytest.fixture(scope="module")
def port(shared_data: object) -> Iterator[int]:
    node = EchoNodeProcess(port=free_port())
    node.add_peer("viewer", ae_title="VIEWER", port=free_port(), may=["store", "find"])
    node.peers["viewer"]["relational"] = True
    with node:
        address = Address(host=LOOPBACK, port=node.port, called="ECHONODE", calling="VIEWER")
        for path in files_of("us"):
            send_real(address, read_real_file(path))
        yield node.port


def find(port: int, asked: Dataset) -> list[tuple[int, Dataset]]:
    ae = AE(ae_title="VIEWER")
    ae.add_requested_context(STUDY_ROOT)
    association = ae.associate(LOOPBACK, port, ae_title="ECHONODE")
    try:
        found = list(association.send_c_find(asked, STUDY_ROOT))
    finally:
        association.release()
    return [(status.Status, answer) for status, answer in found if answer is not None]


def test_frame_time_and_regions_come_from_the_files_of_real_devices(port: int) -> None:
    """Orthanc answers these from disk too: Frame Time by its value, and the ultrasound regions."""
    asked = Dataset()
    asked.QueryRetrieveLevel = "IMAGE"
    asked.SOPInstanceUID = ""
    asked.FrameTime = ""
    region = Dataset()
    region.PhysicalUnitsXDirection = None
    region.PhysicalDeltaX = None
    asked.SequenceOfUltrasoundRegions = Sequence([region])
    everything = find(port, asked)
    assert everything
    assert {status for status, _ in everything} == {0xFF00}
    regions = [answer for _, answer in everything if answer.SequenceOfUltrasoundRegions]
    assert all("PhysicalDeltaX" in answer.SequenceOfUltrasoundRegions[0] for answer in regions)
    assert regions
    timed = [answer for _, answer in everything if answer.get("FrameTime")]
    assert timed
    asked.FrameTime = timed[0].FrameTime
    again = {answer.SOPInstanceUID for _, answer in find(port, asked)}
    expected = {a.SOPInstanceUID for a in timed if a.FrameTime == timed[0].FrameTime}
    assert again == expected
