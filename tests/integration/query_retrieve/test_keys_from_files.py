"""What a whole node answers to another system: keys from files, and negotiated matching."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from tests.benchmarks.work import Address
from tests.integration.store.real_files import files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

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


def find(port: int, asked: Dataset, *, options: bytes = b"") -> list[tuple[int, Dataset]]:
    """options: of extended negotiation (PS3.4 C.5.1.1.1)."""
    ae = AE(ae_title="VIEWER")
    ae.add_requested_context(STUDY_ROOT)
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid = UID(STUDY_ROOT)
    extended.service_class_application_information = options
    association = ae.associate(
        LOOPBACK, port, ae_title="ECHONODE", ext_neg=[extended] if options else []
    )
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


def test_names_and_moments_are_matched_as_negotiated(port: int) -> None:
    """Fuzzy names and combined date-time matching reach the query of the association alone that
    negotiated them."""
    asked = Dataset()
    asked.QueryRetrieveLevel = "STUDY"
    asked.StudyInstanceUID = asked.PatientName = asked.StudyDate = asked.StudyTime = ""
    rows = [answer for _, answer in find(port, asked)]
    named = next(r for r in rows if len(str(r.PatientName).strip("^").split("^")) > 1)
    words = [word for word in str(named.PatientName).lower().split("^") if word]
    asked.PatientName = " ".join(reversed(words))
    assert not find(port, asked)
    uids = [a.StudyInstanceUID for _, a in find(port, asked, options=b"\0\0\1")]
    assert named.StudyInstanceUID in uids
    timed = next(r for r in rows if r.StudyDate and str(r.StudyTime)[:2] not in ("", "00", "23"))
    asked.PatientName = ""
    asked.StudyDate = f"19000101-{timed.StudyDate}"
    asked.StudyTime = "2359-235959"
    assert timed.StudyInstanceUID not in [a.StudyInstanceUID for _, a in find(port, asked)]
    combined = find(port, asked, options=b"\0\1")
    assert timed.StudyInstanceUID in [a.StudyInstanceUID for _, a in combined]
