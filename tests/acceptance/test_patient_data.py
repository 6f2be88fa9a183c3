"""All that is held of one patient, given out and erased, by the commands and a running node."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from echonode.store.files.file_meta import dataset_offset
from echonode.store.files.seal import CREATOR_UID
from tests.peers.dcmtk import dcmtk
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.audit_trail import kinds, records
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(150)]
ID, NAME = "PATIENT-4711", "Erasable^Person"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EchoNodeProcess]:
    peers = {
        "cart": {
            "ae_title": "CART",
            "host": LOOPBACK,
            "port": free_port(),
            "may": ["echo", "store", "find"],
        }
    }
    web = {"host": LOOPBACK, "port": free_port()}
    with EchoNodeProcess(peers=peers, extra={"web": web}) as running:
        yield running


def send(node: EchoNodeProcess, folder: Path, **changes: str) -> None:
    """An image of the patient."""
    image = dcmread(str(get_testdata_file("CT_small.dcm")))
    image.PatientID, image.PatientName = ID, NAME
    for name, value in changes.items():
        setattr(image, name, value)
    path = folder / f"{len(list(folder.glob('*.dcm')))}.dcm"
    image.save_as(path)
    called = ("-aet", "CART", "-aec", "ECHONODE", LOOPBACK, node.port)
    dcmtk("storescu", *called, path)


def transferred(node: EchoNodeProcess) -> bool:
    """Whether the audit trail has a transfer of the patient."""
    return any(
        each["kind"] == "transfer" and each["patient"] and each["patient"]["id"] == ID
        for each in records(node.data_dir)
    )


def traces(node: EchoNodeProcess) -> list[str]:
    """The files of data_dir in which the number or the name is found, byte for byte."""
    return [
        str(path.relative_to(node.data_dir))
        for path in node.data_dir.rglob("*")
        if path.is_file()
        and any(canary in path.read_bytes() for canary in (ID.encode(), b"Erasable"))
    ]


def asked(node: EchoNodeProcess, path: str, **body: object) -> bytes:
    """What a POST answers; the console asks so."""
    address = f"http://{LOOPBACK}:{node.extra['web']['port']}{path}"
    with urllib.request.urlopen(address, json.dumps(body).encode(), timeout=30) as answer:
        read: bytes = answer.read()
    return read


def by_http(node: EchoNodeProcess) -> None:
    """The same that the commands give, over HTTP; and that the trail was read is in the trail."""
    held = json.loads(asked(node, "/api/patients/held", patient_id=ID))
    assert (held["names"], held["images"], held["quarantined"]) == ([NAME], 1, 1)
    assert held["reasons"] == []
    with ZipFile(BytesIO(asked(node, "/api/patients/export", patient_id=ID))) as bundle:
        assert {"images/0001.dcm", "quarantine/0001.dcm", "audit.jsonl"} <= set(bundle.namelist())
    found = json.loads(asked(node, "/api/audit/search", patient=ID, kind="transfer"))
    assert found["next"] is None
    assert {each["patient"]["name"] for each in found["records"]} == {NAME}
    lines = asked(node, "/api/audit/export", patient=ID).splitlines()
    assert [json.loads(line)["seq"] for line in lines][-1] <= found["records"][-1]["seq"]
    assert json.loads(asked(node, "/api/audit/verify"))["whole"]

    def uses() -> set[str]:
        answer = json.loads(asked(node, "/api/audit/search", kind="audit"))
        return {each["description"] for each in answer["records"]}

    wait_until(
        lambda: {"searched", "exported", "verified"} <= uses(), timeout_s=30, what="recorded"
    )


def test_a_patient_is_given_out_and_then_erased(node: EchoNodeProcess, tmp_path: Path) -> None:
    """Images, what lies in quarantine, queries and audit records; the other patient stays, and the
    audit trail is still whole.
    """
    send(node, tmp_path)
    send(node, tmp_path, StudyID="other")  # the same UID with other bytes: quarantine
    send(node, tmp_path, PatientID="P1", PatientName="Doe^J", SOPInstanceUID="1.2.3.9",
         StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.1")  # fmt: skip
    url = f"http://{LOOPBACK}:{node.extra['web']['port']}/dicom-web/studies?PatientName=Erasable*"
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert len(json.load(answer)) == 1
    wait_until(lambda: transferred(node), timeout_s=30, what="the transfer's record")

    out = tmp_path / "patient.zip"
    done = node.command("patient", "export", ID, "--out", str(out))
    assert done.returncode == 0, done.stderr
    with ZipFile(out) as bundle:
        image = bundle.read("images/0001.dcm")
        stored = [path.read_bytes() for path in (node.data_dir / "instances").rglob("*.dcm")]
        # The data set is that of the stored file; its seal stays here.
        head = dataset_offset(image)
        assert head is not None
        assert any(file.endswith(image[head:]) and file != image for file in stored)
        assert CREATOR_UID.encode("ascii") not in image
        assert "quarantine/0001.dcm" in bundle.namelist()
        index = json.loads(bundle.read("index.json"))
        assert index["names"] == [NAME]
        assert len(index["images"]) == 1
        assert b"Erasable^Person" in bundle.read("index.html")
        audited = [json.loads(line) for line in bundle.read("audit.jsonl").splitlines()]
        assert {"begin-transfer", "transfer"} <= {each["kind"] for each in audited}
    assert node.command("patient", "export", ID, "--out", str(out)).returncode == 2
    by_http(node)

    assert traces(node)
    done = node.command("patient", "erase", ID, "--yes", "--json")
    assert done.returncode == 0, done.stderr
    erased = json.loads(done.stdout)
    assert erased["done"]
    assert erased["erased"]["instances"] == erased["erased"]["quarantined"] == 1
    assert erased["erased"]["audit_records"] >= 2
    # The records of the commands themselves, if there are any, name nobody by now.
    wait_until(lambda: not traces(node), timeout_s=30, what="nothing of the patient is left")
    verified = node.command("audit", "verify")
    assert (verified.returncode, "erased" in verified.stdout) == (0, True), verified.stdout
    wait_until(lambda: "patient" in kinds(node.data_dir), timeout_s=30, what="recorded")
    again = node.command("patient", "erase", ID, "--yes")
    assert again.returncode == 2
    assert "nothing is held" in again.stderr
    node.stop()
    assert not traces(node)
    assert list((node.data_dir / "instances").rglob("*.dcm"))
    assert not [line for line in node.events if ID in json.dumps(line)]


def test_a_stopped_node_erases_too(node: EchoNodeProcess, tmp_path: Path) -> None:
    """The command opens the store, and asks before."""
    send(node, tmp_path)
    wait_until(lambda: "begin-transfer" in kinds(node.data_dir), timeout_s=30, what="recorded")
    node.stop()
    assert node.command("patient", "erase", ID).returncode == 1  # no one answers the question
    assert traces(node)
    done = node.command("patient", "erase", ID, "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("erasure 1: 1 instances")
    assert traces(node) == []
