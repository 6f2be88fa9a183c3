"""STOW-RS: what is posted is stored as by C-STORE, and each instance has its own answer."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from echonode.dicomweb.multipart import end, part_head
from tests.peers import EchoNodeProcess
from tests.peers.instances import STILL, Instances, make_instances, renew
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

BOUNDARY = "the-boundary"
CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


class Web:
    """A node with an archive that is down, and DICOMweb."""

    def __init__(self, parts: ExitStack) -> None:
        port = free_port()
        self.node = EchoNodeProcess(
            destinations=[{"peer": "pacs", "commitment": "none"}],
            extra={
                "web": {"host": LOOPBACK, "port": port},
                "forwarding": [{"from": "dicomweb", "to": ["pacs"]}],
            },
        )
        self.node.add_peer("pacs", ae_title="PACS", port=free_port(), may=["echo"])
        parts.enter_context(self.node)
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}/dicom-web"
        self.client = DICOMwebClient(self.url)

    def post(self, body: bytes, *, path: str = "/studies", kind: str = CONTENT_TYPE) -> Any:
        return requests.post(self.url + path, data=body, headers={"Content-Type": kind}, timeout=60)


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with ExitStack() as parts:
        yield Web(parts)


@pytest.fixture
def images(tmp_path: Path) -> Instances:
    return make_instances(tmp_path, STILL, 3)


def body_of(contents: Sequence[bytes], *, kind: str = "application/dicom") -> bytes:
    body = b""
    for index, content in enumerate(contents):
        body += part_head(BOUNDARY, {"Content-Type": kind}, first=index == 0) + content
    return body + end(BOUNDARY, first=not contents)


def contents_of(images: Instances) -> list[bytes]:
    return [file.read_bytes() for file in images.files]


def study_of(content: bytes) -> str:
    return str(pydicom.dcmread(BytesIO(content)).StudyInstanceUID)


def dataset_bytes(content: bytes) -> bytes:
    return content[144 + int.from_bytes(content[140:144], "little") :]


def test_dicomweb_client_stores_and_gets_the_same_back(web: Web, images: Instances) -> None:
    """Each image is stored, listed with its address, and comes back byte for byte."""
    contents = contents_of(images)
    datasets = [pydicom.dcmread(BytesIO(content)) for content in contents]
    answer = web.client.store_instances(datasets)
    stored = {item.ReferencedSOPInstanceUID: item for item in answer.ReferencedSOPSequence}
    assert set(stored) == set(images.sop_instance_uids)
    assert "FailedSOPSequence" not in answer
    for content, uid in zip(contents, images.sop_instance_uids, strict=True):
        got = requests.get(
            stored[uid].RetrieveURL.replace("127.0.0.1/", f"127.0.0.1:{web.port}/"), timeout=30
        )
        assert got.status_code == 200
        assert dataset_bytes(content) in got.content


def test_what_is_stored_goes_on_and_is_in_the_ledger(web: Web, images: Instances) -> None:
    """By `forwarding`, in the same step as it is stored."""
    assert web.post(body_of(contents_of(images))).status_code == 200
    rows = [row for row in web.node.ledger() if row["sop_instance_uid"] in images.sop_instance_uids]
    assert sorted(row["sop_instance_uid"] for row in rows) == sorted(images.sop_instance_uids)
    assert {row["destination"] for row in rows} == {"pacs"}


def test_the_same_again_is_a_success(web: Web, images: Instances) -> None:
    """And makes no second instance."""
    body = body_of(contents_of(images))
    assert web.post(body).status_code == 200
    assert web.post(body).status_code == 200
    found = web.client.search_for_instances(study_of(contents_of(images)[0]))
    assert len(found) == 3


def test_a_body_in_chunks_is_stored_too(web: Web, images: Instances) -> None:
    """Orthanc once answered 200 to one and stored nothing (dicomweb-client issue 42)."""
    body = body_of(contents_of(images))
    connection = http.client.HTTPConnection(LOOPBACK, web.port, timeout=60)
    pieces = (body[at : at + 7001] for at in range(0, len(body), 7001))
    connection.request(
        "POST", "/dicom-web/studies", pieces, {"Content-Type": CONTENT_TYPE}, encode_chunked=True
    )
    answer = connection.getresponse()
    assert answer.status == 200
    assert len(json.loads(answer.read())["00081199"]["Value"]) == 3
    connection.close()


def test_each_instance_has_its_own_answer(web: Web, images: Instances) -> None:
    """One that is no file, one that is another under a known UID, and one that is stored."""
    good, other, _ = contents_of(images)
    assert web.post(body_of([other])).status_code == 200
    changed = other[:-10] + b"0123456789"
    answer = web.post(body_of([good, changed, b"no file"]))
    assert answer.status_code == 202
    found = answer.json()
    (stored,) = found["00081199"]["Value"]
    assert stored["00081155"]["Value"] == [images.sop_instance_uids[0]]
    (failed,) = found["00081198"]["Value"]
    assert failed["00081155"]["Value"] == [images.sop_instance_uids[1]]
    assert failed["00081197"]["Value"] == [0xA900]
    (unknown,) = found["0008119A"]["Value"]
    assert unknown["00081197"]["Value"] == [0xC000]


def test_when_none_is_stored_the_request_has_failed(web: Web, images: Instances) -> None:
    """409, with the reason of each."""
    content = contents_of(images)[0]
    assert web.post(body_of([b"no file", content[:200]])).status_code == 409


def test_a_study_takes_its_own_instances_alone(web: Web, images: Instances, tmp_path: Path) -> None:
    """Another study's instance in the same request fails by itself."""
    own = contents_of(images)[0]
    other = contents_of(renew(make_instances(tmp_path / "other", STILL, 1)))[0]
    answer = web.post(body_of([own, other]), path=f"/studies/{study_of(own)}")
    assert answer.status_code == 202
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0xA900]
    assert web.post(body_of([own]), path="/studies/1.2.x").status_code == 400


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", CONTENT_TYPE, 400),
        (b"nothing of the kind", CONTENT_TYPE, 400),
        (b"--the-boundary--\r\n", CONTENT_TYPE, 400),
        (b"x", "application/dicom", 415),
        (b"x", "multipart/related; type=application/dicom", 400),
        (b"x", 'multipart/related; type="application/dicom+json"; boundary=b', 415),
        (body_of([b"x"], kind="image/jpeg"), CONTENT_TYPE, 409),
    ],
)
def test_what_is_no_instance_is_refused(web: Web, body: bytes, kind: str, status: int) -> None:
    """With a status by the standard."""
    assert web.post(body, kind=kind).status_code == status


def test_what_broke_off_leaves_nothing(web: Web, images: Instances) -> None:
    """A part that did not arrive whole is not stored, and its file is removed."""
    first, second, _ = contents_of(images)
    body = body_of([first, second])
    connection = http.client.HTTPConnection(LOOPBACK, web.port, timeout=60)
    connection.putrequest("POST", "/dicom-web/studies")
    connection.putheader("Content-Type", CONTENT_TYPE)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:-1000])
    connection.sock.close()
    connection.close()
    again = web.post(body_of([first]))
    assert again.status_code == 200
    found = web.client.search_for_instances(study_of(first))
    assert [each["00080018"]["Value"][0] for each in found] == [images.sop_instance_uids[0]]
