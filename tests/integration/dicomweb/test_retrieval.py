"""DICOMweb as its clients use it: dicomweb-client drives every call, against the files sent in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from tests.benchmarks.work import Address
from tests.integration.store.real_files import RealFile, files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

AS_STORED: Any = (("application/octet-stream", "*"),)


class Web:
    """A node that holds every real file it takes, and a client of its DICOMweb."""

    def __init__(self, parts: ExitStack) -> None:
        port = free_port()
        self.node = EchoNodeProcess(extra={"web": {"host": LOOPBACK, "port": port}})
        self.node.add_peer("probe", ae_title="PROBE", may=["store", "find"])
        parts.enter_context(self.node)
        address = Address(host=LOOPBACK, port=self.node.port, called="ECHONODE", calling="PROBE")
        self.address = address
        found = [read_real_file(path) for path in files_of("us", "other")]
        self.files: dict[str, RealFile] = {}
        for file in found:
            if file.sop_instance_uid not in self.files and send_real(address, file) == 0:
                self.files[file.sop_instance_uid] = file
        self.url = f"http://{LOOPBACK}:{port}/dicom-web"
        self.client = DICOMwebClient(self.url)

    def dataset(self, file: RealFile) -> Dataset:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pydicom.dcmread(file.path, force=True)

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def web(shared_data: Path) -> Iterator[Web]:
    with ExitStack() as parts:
        yield Web(parts)


def uids(file: RealFile) -> tuple[str, str, str]:
    return file.study_instance_uid, file.series_instance_uid, file.sop_instance_uid


def path_of(file: RealFile) -> str:
    study, series, instance = uids(file)
    return f"/studies/{study}/series/{series}/instances/{instance}"


class _Named(Protocol):
    name: str


def test_every_file_comes_back_byte_for_byte(web: Web) -> None:
    """A single instance by itself is the data set that was sent."""
    for file in web.files.values():
        answer = web.get(path_of(file), Accept="application/dicom; transfer-syntax=*")
        assert answer.status_code == 200, file.path.name
        meta = pydicom.dcmread(BytesIO(answer.content), specific_tags=[], force=True).file_meta
        assert meta.TransferSyntaxUID == file.transfer_syntax_uid
        assert answer.content.endswith(file.dataset), file.path.name


def test_a_study_is_its_instances(web: Web) -> None:
    """retrieve_study gives each instance of the study once."""
    studies = {file.study_instance_uid for file in web.files.values()}
    for study in sorted(studies)[:12]:
        wanted = {f.sop_instance_uid for f in web.files.values() if f.study_instance_uid == study}
        found = [
            str(ds.file_meta.MediaStorageSOPInstanceUID)
            for ds in web.client.iter_study(study, media_types=(("application/dicom", "*"),))
        ]
        assert sorted(found) == sorted(wanted)


def test_every_frame_comes_back_as_it_is_stored(web: Web) -> None:
    """Native and encapsulated frames, of each syntax, equal those that pydicom finds."""
    compared = 0
    for file in web.files.values():
        ds = web.dataset(file)
        if "PixelData" not in ds or file.transfer_syntax_uid in (
            "1.2.840.10008.1.2.1.99",
            "1.2.840.10008.1.2.2",
        ):
            continue
        count = int(ds.get("NumberOfFrames") or 1)
        numbers = sorted({1, count, count // 2 + 1})
        if pydicom.uid.UID(file.transfer_syntax_uid).is_encapsulated:
            every = list(generate_frames(ds.PixelData, number_of_frames=count))
            wanted = [every[number - 1] for number in numbers]
        else:
            size = len(ds.PixelData) // count // 2 * 2
            from_attributes = pydicom.pixels.utils.get_expected_length(ds) // count
            size = from_attributes
            wanted = [ds.PixelData[(n - 1) * size : n * size] for n in numbers]
        answer = web.client.retrieve_instance_frames(
            *uids(file), frame_numbers=numbers, media_types=AS_STORED
        )
        assert answer == wanted, file.path.name
        compared += 1
    assert compared > 10


def test_frames_are_decoded_where_uncompressed_ones_are_asked_for(web: Web) -> None:
    """application/octet-stream alone means uncompressed; deflated and big endian ones too."""
    for file in web.files.values():
        ds = web.dataset(file)
        if "PixelData" not in ds:
            continue
        answer = web.get(
            path_of(file) + "/frames/1",
            Accept='multipart/related; type="application/octet-stream"',
        )
        assert answer.status_code in (200, 404, 406), (file.path.name, answer.text)
        if answer.status_code == 200:
            rows, columns, samples = ds.Rows, ds.Columns, ds.SamplesPerPixel
            size = rows * columns * samples * -(-ds.BitsAllocated // 8)
            if (
                "422" in ds.PhotometricInterpretation
                and not ds.file_meta.TransferSyntaxUID.is_compressed
            ):
                size = size * 2 // 3
            assert size <= len(answer.content) < size + 500 or ds.BitsAllocated == 1


@pytest.mark.parametrize("what", ["metadata", "search"])
def test_json_is_compressed_for_callers_that_take_it(web: Web, what: str) -> None:
    """The same content in gzip and without, each with an entity tag of its own; a
    validator of one is not valid for the other."""
    file = next(iter(web.files.values()))
    study, *_ = uids(file)
    path = f"/studies/{study}/metadata" if what == "metadata" else "/instances?includefield=all"
    plain = web.get(path, **{"Accept-Encoding": "identity"})
    packed = web.get(path, **{"Accept-Encoding": "br, gzip"})
    assert plain.json() == packed.json()
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    for answer in (plain, packed):
        assert "Accept-Encoding" in answer.headers["Vary"]
    sent = len(packed.raw.data) or int(packed.headers.get("Content-Length", "0"))
    assert sent < len(plain.content)
    if what == "metadata":
        tags = [plain.headers["ETag"], packed.headers["ETag"]]
        assert len(set(tags)) == 2
        asked = {"Accept-Encoding": "gzip", "If-None-Match": tags[1]}
        assert web.get(path, **asked).status_code == 304
        assert web.get(path, **{**asked, "If-None-Match": tags[0]}).status_code == 200


def test_the_metadata_is_what_the_file_says(web: Web) -> None:
    """Each element before the pixels is there, with its VR and value, type 2 ones too."""
    for file in web.files.values():
        ds = web.dataset(file)
        metadata = web.client.retrieve_instance_metadata(*uids(file))
        wanted = {
            f"{int(element.tag):08X}"
            for element in ds
            if element.tag.element and element.tag.group != 2 and element.tag < 0x7FE00000
        }
        found = {tag for tag in metadata if tag < "7FE0"}
        assert found | {"00083002"} == wanted | {"00083002"}, file.path.name
        assert metadata["00083002"]["Value"] == [file.transfer_syntax_uid]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = Dataset.from_json(metadata, bulk_data_uri_handler=lambda _: b"")
            assert read.SOPInstanceUID == file.sop_instance_uid


def test_bulk_data_is_where_the_metadata_says(web: Web) -> None:
    """Each BulkDataURI leads to the bytes of its element."""
    followed = 0
    for file in web.files.values():
        ds = web.dataset(file)
        metadata = web.client.retrieve_instance_metadata(*uids(file))
        for tag, element in metadata.items():
            if "BulkDataURI" not in element or tag == "7FE00010":
                continue
            answer = requests.get(element["BulkDataURI"], timeout=30)
            assert answer.status_code == 200
            raw = ds.get_item(int(tag, 16)).value
            if isinstance(raw, bytes) and file.transfer_syntax_uid != "1.2.840.10008.1.2.2":
                assert answer.content == raw, (file.path.name, tag)
            followed += 1
    assert followed


def test_an_answer_that_is_known_is_not_sent_again(web: Web) -> None:
    """A strong entity tag comes with each answer, and names it in the next request."""
    file = next(f for f in web.files.values() if "PixelData" in web.dataset(f))
    for path, accept in (
        (path_of(file), "application/dicom"),
        (path_of(file) + "/metadata", "application/dicom+json"),
        (f"/studies/{file.study_instance_uid}", "*/*"),
        (path_of(file) + "/frames/1", "*/*"),
    ):
        first = web.get(path, Accept=accept)
        assert first.status_code == 200
        etag = first.headers["ETag"]
        assert etag.startswith('"')
        again = web.get(path, Accept=accept, **{"If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")
        head = requests.head(web.url + path, headers={"Accept": accept}, timeout=30)
        assert head.status_code == 200
        assert head.headers["ETag"] == etag
        assert not head.content


def test_a_part_of_a_file_can_be_asked_for(web: Web) -> None:
    """Range works on what comes in one part."""
    file = next(iter(web.files.values()))
    accept = "application/dicom; transfer-syntax=*"
    whole = web.get(path_of(file), Accept=accept).content
    for header, wanted in (
        ("bytes=0-99", whole[:100]),
        ("bytes=200-", whole[200:]),
        ("bytes=-10", whole[-10:]),
    ):
        answer = web.get(path_of(file), Accept=accept, Range=header)
        assert answer.status_code == 206
        assert answer.content == wanted
    assert web.get(path_of(file), Accept=accept, Range="bytes=99999999999-").status_code == 416


def test_another_transfer_syntax_is_made_on_request(web: Web) -> None:
    """A file in Implicit VR comes as Explicit VR where that is asked for."""
    file = next(f for f in web.files.values() if f.transfer_syntax_uid == "1.2.840.10008.1.2")
    explicit = "1.2.840.10008.1.2.1"
    accept = f'multipart/related; type="application/dicom"; transfer-syntax={explicit}'
    answer = web.get(path_of(file), Accept=accept)
    assert answer.status_code == 200
    start = answer.content.index(b"\r\n\r\n") + 4
    found = pydicom.dcmread(BytesIO(answer.content[start:]), force=True)
    assert found.file_meta.TransferSyntaxUID == explicit
    assert found.PatientID == web.dataset(file).PatientID


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/studies/1.2.3.4.5.6", "*/*", 404),
        ("/studies/1.2.3.4.5.6/metadata", "*/*", 404),
        ("/studies/..%2F..%2Fetc", "*/*", 404),
        ("/studies/1.2.x", "*/*", 400),
        ("/studies", "application/dicom+xml", 406),
        ("/studies?NoSuchThing=1", "*/*", 400),
        ("/studies?limit=-1", "*/*", 400),
        ("/studies?StudyDate=1&StudyDate=2", "*/*", 400),
        ("/nothing", "*/*", 404),
    ],
)
def test_what_cannot_be_answered_is_refused(web: Web, path: str, accept: str, status: int) -> None:
    """With a status by the standard."""
    assert web.get(path, Accept=accept).status_code == status


def test_studies_are_found_as_by_c_find(web: Web) -> None:
    """Each study is listed with its counts, and by each key that names it."""
    listed = web.client.search_for_studies()
    found = {study["0020000D"]["Value"][0]: study for study in listed}
    assert set(found) == {file.study_instance_uid for file in web.files.values()}
    for uid, study in found.items():
        files = [f for f in web.files.values() if f.study_instance_uid == uid]
        assert study["00201208"]["Value"] == [len(files)]
        assert study["00080061"]["Value"]
        series = web.client.search_for_series(uid)
        assert {s["0020000E"]["Value"][0] for s in series} == {f.series_instance_uid for f in files}
        instances = web.client.search_for_instances(uid)
        assert {i["00080018"]["Value"][0] for i in instances} == {f.sop_instance_uid for f in files}
        patient = study.get("00100020", {}).get("Value")
        if patient and "*" not in patient[0] and "\\" not in patient[0]:
            again = web.client.search_for_studies(search_filters={"PatientID": patient[0]})
            assert uid in {each["0020000D"]["Value"][0] for each in again}


def test_pages_join_without_a_gap(web: Web) -> None:
    """limit and offset give every study once, in one order."""
    whole = [s["0020000D"]["Value"][0] for s in web.client.search_for_studies()]
    pages: list[str] = []
    while page := web.client.search_for_studies(limit=3, offset=len(pages)):
        pages += [s["0020000D"]["Value"][0] for s in page]
    assert pages == whole
    assert web.get("/studies?PatientID=NOBODY").json() == []
