"""Orthanc's DICOMweb plugin as a client of EchoNode: it searches, stores, gets and retrieves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient

from tests.integration.dicomweb.answering_node import parts_of
from tests.peers import EchoNodeProcess, OrthancServer, RestError
from tests.peers.fixtures import require_program
from tests.peers.instances import CINE, Instances, make_instances, new_uid
from tests.peers.orthanc import DICOMWEB_PLUGIN
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]


FILES = 'multipart/related; type="application/dicom"; transfer-syntax=*'


class Pair:
    """A node, and an Orthanc that knows its DICOMweb as the server `echonode`."""

    def __init__(self, parts: ExitStack) -> None:
        require_program("Orthanc")
        port = free_port()
        url = f"http://{LOOPBACK}:{port}/dicom-web"
        node = EchoNodeProcess(extra={"web": {"host": LOOPBACK, "port": port}})
        parts.enter_context(node)
        server = {"Url": url, "HasDelete": False}
        self.orthanc = parts.enter_context(
            OrthancServer(
                plugins=(DICOMWEB_PLUGIN,),
                options={"DicomWeb": {"Servers": {"echonode": server}}},
            )
        )
        self.node = DICOMwebClient(url)

    def ask(self, what: str, body: object) -> Any:
        """A call of the plugin as a client, waited for."""
        return self.orthanc.rest.post(f"/dicom-web/servers/echonode/{what}", body)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with ExitStack() as parts:
        yield Pair(parts)


@pytest.fixture
def cine(tmp_path: Path) -> Instances:
    return make_instances(tmp_path, CINE, 2)


def dataset_bytes(file: bytes) -> bytes:
    """Without the File Meta Information: each archive writes its own."""
    return file[144 + int.from_bytes(file[140:144], "little") :]


def study_of(images: Instances) -> str:
    return str(pydicom.dcmread(images.files[0], stop_before_pixels=True).StudyInstanceUID)


def contents(images: Instances) -> dict[str, bytes]:
    """Data set bytes by SOP Instance UID."""
    return {
        uid: dataset_bytes(file.read_bytes())
        for uid, file in zip(images.sop_instance_uids, images.files, strict=True)
    }


def in_orthanc(pair: Pair, uids: tuple[str, ...]) -> dict[str, bytes]:
    found = {}
    for uid in uids:
        (orthanc_id,) = pair.orthanc.rest.lookup(uid)
        found[uid] = dataset_bytes(pair.orthanc.rest.get_bytes(f"/instances/{orthanc_id}/file"))
    return found


def in_the_node(pair: Pair, study: str) -> dict[str, bytes]:
    found = {}
    for instance in pair.node.search_for_instances(study):
        uid = instance["00080018"]["Value"][0]
        series = instance["0020000E"]["Value"][0]
        url = f"{pair.node.base_url}/studies/{study}/series/{series}/instances/{uid}"
        got = requests.get(url, headers={"Accept": FILES}, timeout=30).content
        start = got.index(b"\r\n\r\n") + 4
        found[uid] = dataset_bytes(got[start : got.rindex(b"\r\n--")])
    return found


def test_it_stores_at_the_node(pair: Pair, cine: Instances) -> None:
    """What Orthanc sends by STOW-RS is here byte for byte."""
    for file in cine.files:
        pair.orthanc.rest.post("/instances", file.read_bytes())
    ids = [pair.orthanc.rest.lookup(uid)[0] for uid in cine.sop_instance_uids]
    answer = pair.ask("stow", {"Resources": ids, "Synchronous": True})
    assert int(answer["InstancesCount"]) == 2
    assert in_the_node(pair, study_of(cine)) == contents(cine)


def test_it_retrieves_a_study_from_the_node(pair: Pair, cine: Instances) -> None:
    """What Orthanc fetches by WADO-RS is there byte for byte."""
    pair.node.store_instances([pydicom.dcmread(file) for file in cine.files])
    study = study_of(cine)
    for uid in cine.sop_instance_uids:
        assert pair.orthanc.rest.lookup(uid) == []
    pair.ask("retrieve", {"Resources": [{"Study": study}], "Synchronous": True})
    assert in_orthanc(pair, cine.sop_instance_uids) == contents(cine)


def test_its_get_reads_answers_of_the_node(pair: Pair, cine: Instances) -> None:
    """A search by any of its attributes, and the metadata of what it found."""
    pair.node.store_instances([pydicom.dcmread(file) for file in cine.files])
    study = study_of(cine)
    found = pair.ask("qido", {"Uri": "/instances", "Arguments": {"StudyInstanceUID": study}})
    uids = {each["00080018"]["Value"] for each in found}
    assert uids == set(cine.sop_instance_uids)
    accept = {"accept": "application/dicom+json"}
    got = pair.ask("get", {"Uri": f"/studies/{study}/metadata", "HttpHeaders": accept})
    assert {each["00080018"]["Value"][0] for each in got} == set(cine.sop_instance_uids)


def test_its_get_of_a_file_is_the_file(pair: Pair, cine: Instances) -> None:
    """What passes through Orthanc from the node is there byte for byte."""
    pair.node.store_instances([pydicom.dcmread(file) for file in cine.files])
    study = study_of(cine)
    asked: Any = {"Uri": f"/studies/{study}", "HttpHeaders": {"Accept": FILES}}
    url = f"{pair.orthanc.rest.base_url}/dicom-web/servers/echonode/get"
    answer = requests.post(url, json=asked, timeout=60)
    assert answer.status_code == 200
    parts = [content for _, content in parts_of(answer)]
    assert sorted(map(dataset_bytes, parts)) == sorted(contents(cine).values())


def test_it_retrieves_a_series_and_an_instance(pair: Pair, cine: Instances) -> None:
    """By their UIDs alone; what is not at the node is a failure of the call."""
    pair.node.store_instances([pydicom.dcmread(file) for file in cine.files])
    read = pydicom.dcmread(cine.files[0], stop_before_pixels=True)
    first, second = cine.sop_instance_uids
    named = {"Study": read.StudyInstanceUID, "Series": read.SeriesInstanceUID}
    pair.ask("retrieve", {"Resources": [{**named, "Instance": first}], "Synchronous": True})
    assert in_orthanc(pair, (first,)) == {first: contents(cine)[first]}
    assert pair.orthanc.rest.lookup(second) == []
    pair.ask("retrieve", {"Resources": [named], "Synchronous": True})
    assert in_orthanc(pair, cine.sop_instance_uids) == contents(cine)
    with pytest.raises(RestError):
        pair.ask("retrieve", {"Resources": [{"Study": new_uid()}], "Synchronous": True})
