"""The retired Patient/Study Only Root: DCMTK's clients find, move and get with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.work import Address
from tests.integration.store.real_files import RealFile, files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess, StoreScp
from tests.peers.dcmtk import dcmtk
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [
    pytest.mark.peers,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
]
NAME = "hp_pediatric_I01.dcm"


class Scene:
    """A node that holds one file, and a receiver that it may move it to."""

    def __init__(self, file: RealFile, node: EchoNodeProcess, receiver: StoreScp) -> None:
        self.file, self.node, self.receiver = file, node, receiver

    def ask(self, program: str, *options: str | Path, **keys: str) -> str:
        """Run a client with `-O`, the Patient/Study Only Root; what it printed."""
        given = [part for key, value in keys.items() for part in ("-k", f"{key}={value}")]
        caller = ("-v", "-O", "-aet", "VIEWER", "-aec", "ECHONODE")
        result = dcmtk(program, *caller, *options, *given, LOOPBACK, self.node.port)
        assert result.ok, result
        return str(result)


@pytest.fixture(scope="module")
def scene(shared_data: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    [path] = [path for path in files_of("us") if path.name == NAME]
    file = read_real_file(path)
    with StoreScp(ae_title="VIEWER") as receiver:
        node = EchoNodeProcess(port=free_port())
        may = ["store", "find", "move", "get"]
        node.add_peer("viewer", ae_title="VIEWER", port=receiver.port, may=may)
        with node:
            address = Address(host=LOOPBACK, port=node.port, called="ECHONODE", calling="VIEWER")
            assert send_real(address, file) == 0
            yield Scene(file, node, receiver)


def test_patients_and_studies_are_found(scene: Scene) -> None:
    """At its two levels, as in the Patient Root."""
    patients = scene.ask("findscu", QueryRetrieveLevel="PATIENT", PatientID="")
    assert scene.file.patient_id in patients
    studies = scene.ask(
        "findscu", QueryRetrieveLevel="STUDY", PatientID=scene.file.patient_id, StudyInstanceUID=""
    )
    assert scene.file.study_instance_uid in studies


def test_a_patient_is_moved_and_a_study_is_got(scene: Scene, tmp_path: Path) -> None:
    """C-MOVE by Patient ID, C-GET by Study Instance UID: the instance arrives by both."""
    patient_id = scene.file.patient_id
    scene.ask("movescu", "-aem", "VIEWER", QueryRetrieveLevel="PATIENT", PatientID=patient_id)
    assert len(scene.receiver.received()) == 1
    scene.ask(
        "getscu",
        "-od",
        tmp_path,
        QueryRetrieveLevel="STUDY",
        PatientID=patient_id,
        StudyInstanceUID=scene.file.study_instance_uid,
    )
    assert len(list(tmp_path.iterdir())) == 1
