"""Orthanc as the client: it queries the node, has it move instances, and asks for its commitment.

Debian's Orthanc has no C-GET of its own to call; DCMTK's getscu stands for it in
tests/acceptance/test_viewers.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from pydicom import dcmread

from tests.acceptance.clinic import read
from tests.benchmarks.work import Address
from tests.integration.store.real_files import RealFile, files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess, OrthancServer
from tests.peers.fixtures import require_program
from tests.peers.orthanc_rest import RestError
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.peers,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
]

MAY = ["echo", "store", "find", "move", "get", "commit"]
NAMES = (
    *("hp_pediatric_I01.dcm", "acuson_rgb_implicit_8f.dcm", "ge_logiq700_us1_j2kr.dcm"),
    *("philips_cx50_pal_rle_2f.dcm", "sr_test.dcm", "ct_small.dcm"),
    *(
        "charset_chrGreek.dcm",
        "charset_chrFrenMulti.dcm",
        "charset_chrH31.dcm",
        "charset_chrX1.dcm",
    ),
)


class Held:
    """A node that holds real files of many kinds, and an Orthanc that knows it."""

    def __init__(self, parts: ExitStack) -> None:
        require_program("Orthanc")
        port = free_port()
        self.orthanc = parts.enter_context(
            OrthancServer(
                modalities={"echonode": ("ECHONODE", LOOPBACK, port)},
                options={"StorageCompression": False, "DefaultEncoding": "Utf8"},
            )
        )
        self.node = EchoNodeProcess(port=port)
        self.node.add_peer("orthanc", ae_title="ORTHANC", port=self.orthanc.dicom_port, may=MAY)
        parts.enter_context(self.node)
        found = [read_real_file(p) for p in files_of("us", "other") if p.name in NAMES]
        self.files = {file.path.name: file for file in found}
        address = Address(host=LOOPBACK, port=port, called="ECHONODE", calling="ORTHANC")
        assert [send_real(address, file) for file in found] == [0] * len(NAMES)

    def file(self, name: str) -> RealFile:
        return self.files[name]


@pytest.fixture(scope="module")
def held(shared_data: object) -> Iterator[Held]:
    with ExitStack() as parts:
        yield Held(parts)


@pytest.fixture(autouse=True)
def empty_orthanc(held: Held) -> None:
    held.orthanc.rest.delete_everything()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", ["Study", "Series", "Instance"])
def test_orthanc_finds_each_instance_at_every_level(held: Held, level: str, name: str) -> None:
    """By the UIDs of the level and those above, exactly one answer with the UID asked for."""
    file = held.file(name)
    keys = {"StudyInstanceUID": file.study_instance_uid}
    lowest = "StudyInstanceUID"
    if level in ("Series", "Instance"):
        keys["SeriesInstanceUID"] = file.series_instance_uid
        lowest = "SeriesInstanceUID"
    if level == "Instance":
        keys["SOPInstanceUID"] = file.sop_instance_uid
        lowest = "SOPInstanceUID"
    _, answers = held.orthanc.rest.query("echonode", level, keys)
    assert [answer[lowest] for answer in answers] == [keys[lowest]]


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("charset")])
def test_names_of_all_scripts_are_found_and_shown(held: Held, name: str) -> None:
    """Orthanc asks in UTF-8, whatever the file is in, and shows the name that the file has."""
    file = held.file(name)
    person = str(dcmread(file.path, stop_before_pixels=True).PatientName)
    first = person.split("=")[0].split("^")[0]
    query = {"PatientName": f"{first}*", "StudyInstanceUID": file.study_instance_uid}
    _, answers = held.orthanc.rest.query("echonode", "Study", query)
    assert [answer["PatientName"].rstrip("=") for answer in answers] == [person.rstrip("=")]


def test_counts_and_sets_come_with_the_study(held: Held) -> None:
    """Modalities in Study and the numbers of series and instances, computed by the node."""
    file = held.file("sr_test.dcm")
    wanted = {
        "StudyInstanceUID": file.study_instance_uid,
        "ModalitiesInStudy": "",
        "SOPClassesInStudy": "",
        "NumberOfStudyRelatedSeries": "",
        "NumberOfStudyRelatedInstances": "",
        "NumberOfPatientRelatedStudies": "",
    }
    _, [answer] = held.orthanc.rest.query("echonode", "Study", wanted)
    assert answer["ModalitiesInStudy"] == "SR"
    assert answer["SOPClassesInStudy"] == file.sop_class_uid
    numbers = ("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
    assert [answer[number] for number in numbers] == ["1", "1"]


@pytest.mark.parametrize("level", ["Study", "Instance"])
def test_orthanc_has_everything_moved_to_itself(held: Held, level: str) -> None:
    """C-MOVE of what was found: each instance in its own transfer syntax, its pixels untouched.

    Orthanc writes the other elements in its own way, so bytes are compared in test_real_files.py.
    """
    rest = held.orthanc.rest
    for file in held.files.values():
        keys = {"StudyInstanceUID": file.study_instance_uid}
        if level == "Instance":
            keys |= {
                "SeriesInstanceUID": file.series_instance_uid,
                "SOPInstanceUID": file.sop_instance_uid,
            }
        query_id, answers = rest.query("echonode", level, keys)
        assert len(answers) == 1
        rest.retrieve(query_id, "ORTHANC")
    moved = {str(ds.SOPInstanceUID): ds for ds in map(read, map(rest.file, rest.instances()))}
    assert moved.keys() == {file.sop_instance_uid for file in held.files.values()}
    for file in held.files.values():
        here, there = dcmread(file.path), moved[file.sop_instance_uid]
        assert there.file_meta.TransferSyntaxUID == file.transfer_syntax_uid
        assert there.get("PixelData") == here.get("PixelData")


def test_orthanc_retrieves_a_patient(held: Held) -> None:
    """Its patient-level C-MOVE, level PATIENT in the Study Root with a Patient ID, is served."""
    file = held.file("ct_small.dcm")
    patient_id = str(dcmread(file.path, stop_before_pixels=True).PatientID)
    body = {"Level": "Patient", "Resources": [{"PatientID": patient_id}], "TargetAet": "ORTHANC"}
    held.orthanc.rest.post("/modalities/echonode/move", body | {"Synchronous": True})
    assert file.sop_instance_uid in held.orthanc.rest.sop_instance_uids()


def test_a_series_query_without_a_study_is_the_configurations_to_allow(held: Held) -> None:
    """PS3.4 C.4.1.2.1: the identifier "shall contain a single value in the Unique Key Attribute
    for each level above the Query/Retrieve level". Orthanc's REST lets it be left out and does not
    negotiate relational queries: refused, until the peer is configured `relational: true`."""
    with pytest.raises(RestError):
        held.orthanc.rest.query("echonode", "Series", {"Modality": "SR"})
    with ExitStack() as parts:
        node = EchoNodeProcess(port=free_port())
        node.add_peer("orthanc", ae_title="ORTHANC", port=held.orthanc.dicom_port, may=MAY)
        node.peers["orthanc"]["relational"] = True
        parts.enter_context(node)
        address = Address(host=LOOPBACK, port=node.port, called="ECHONODE", calling="ORTHANC")
        assert send_real(address, held.file("sr_test.dcm")) == 0
        held.orthanc.rest.set_modality("relational", "ECHONODE", LOOPBACK, node.port)
        _, [answer] = held.orthanc.rest.query("relational", "Series", {"Modality": "SR"})
        assert answer["SeriesInstanceUID"] == held.file("sr_test.dcm").series_instance_uid


def is_reported(held: Held, transaction: str) -> bool:
    return bool(held.orthanc.rest.commitment_report(transaction)["Status"] != "Pending")


def test_orthanc_asks_for_commitment_and_hears_of_it(held: Held) -> None:
    """Yes for what the node holds, no for what it does not, reported on associations of its own."""
    rest = held.orthanc.rest
    known = [(file.sop_class_uid, file.sop_instance_uid) for file in held.files.values()]
    for asked, expected in ((known, "Success"), ([*known, (known[0][0], "1.2.3")], "Failure")):
        transaction = rest.request_commitment("echonode", asked)
        wait_until(
            partial(is_reported, held, transaction),
            timeout_s=15,
            what="the report reaches Orthanc",
        )
        report = rest.commitment_report(transaction)
        assert report["Status"] == expected
        assert len(report["Success"]) == len(known)
