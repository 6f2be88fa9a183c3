"""Pictures, thumbnails, WADO-URI, capabilities, and pages of other origins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
import simplejpeg
from dicomweb_client.api import DICOMwebClient
from numpy.typing import NDArray

from tests.benchmarks.work import Address
from tests.integration.store.real_files import RealFile, files_of, read_real_file, send_real
from tests.peers import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

VIEWER = "https://viewer.clinic.example"


class Web:
    """A node with every real file, for a viewer of another origin."""

    def __init__(self, parts: ExitStack) -> None:
        port = free_port()
        web = {"host": LOOPBACK, "port": port, "cors_origins": [VIEWER]}
        self.node = EchoNodeProcess(extra={"web": web})
        self.node.add_peer("probe", ae_title="PROBE", may=["store"])
        parts.enter_context(self.node)
        address = Address(host=LOOPBACK, port=self.node.port, called="ECHONODE", calling="PROBE")
        found = [read_real_file(path) for path in files_of("us", "other")]
        self.files = [file for file in found if send_real(address, file) == 0]
        self.url = f"http://{LOOPBACK}:{port}/dicom-web"
        self.client = DICOMwebClient(self.url)

    def get(self, path: str, accept: str = "*/*") -> requests.Response:
        return requests.get(self.url + path, headers={"Accept": accept}, timeout=30)

    def image(self, **wanted: object) -> RealFile:
        """A file whose attributes have these values."""
        for file in self.files:
            ds = pydicom.dcmread(file.path, force=True, stop_before_pixels=True)
            if "Rows" in ds and all(ds.get(name) == value for name, value in wanted.items()):
                return file
        raise AssertionError(f"no file has {wanted}")


@pytest.fixture(scope="module")
def web(shared_data: Path) -> Iterator[Web]:
    with ExitStack() as parts:
        yield Web(parts)


def path_of(file: RealFile) -> str:
    return (
        f"/studies/{file.study_instance_uid}/series/{file.series_instance_uid}"
        f"/instances/{file.sop_instance_uid}"
    )


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(jpeg, "GRAY")
    return pixels


def test_each_image_has_a_picture(web: Web) -> None:
    """Of its own size, as JPEG and as PNG; a report has none, in words."""
    pictures = 0
    for file in web.files:
        ds = pydicom.dcmread(file.path, force=True, stop_before_pixels=True)
        answer = web.get(f"{path_of(file)}/rendered", "image/jpeg")
        if "Rows" not in ds:
            assert answer.status_code == 404
            assert answer.json()["error"]
            continue
        if answer.status_code == 404:
            continue
        assert answer.status_code == 200, (file.path.name, answer.text)
        assert decoded(answer.content).shape[:2] == (ds.Rows, ds.Columns), file.path.name
        png = web.get(f"{path_of(file)}/rendered", "image/png")
        assert png.content.startswith(b"\x89PNG")
        pictures += 1
    assert pictures > 10


def test_a_picture_as_it_is_asked_for(web: Web) -> None:
    """Quality, window, and a viewport that the picture fits in."""
    file = web.image(PhotometricInterpretation="MONOCHROME2", BitsAllocated=16)
    ds = pydicom.dcmread(file.path, force=True, stop_before_pixels=True)
    place = f"{path_of(file)}/rendered"
    whole = web.get(place).content
    small = web.get(f"{place}?viewport=64,1000").content
    assert decoded(small).shape[1] == 64
    assert decoded(small).shape[0] == round(64 * ds.Rows / ds.Columns)
    part = web.get(f"{place}?viewport=40,40,0,0,20,20").content
    assert decoded(part).shape[:2] == (40, 40)
    assert len(web.get(f"{place}?quality=10").content) < len(whole)
    white = web.get(f"{place}?window=-10000,1,linear").content
    assert decoded(white).min() > 250
    etag = web.get(place).headers["ETag"]
    again = requests.get(web.url + place, headers={"If-None-Match": etag}, timeout=30)
    assert again.status_code == 304


def test_frames_of_a_cine_have_pictures(web: Web) -> None:
    """One by itself, several as parts; the first where the path names none."""
    file = web.image(NumberOfFrames=30)
    first = web.client.retrieve_instance_rendered(
        file.study_instance_uid,
        file.series_instance_uid,
        file.sop_instance_uid,
        media_types=("image/jpeg",),
    )
    frame = web.client.retrieve_instance_frames_rendered(
        file.study_instance_uid,
        file.series_instance_uid,
        file.sop_instance_uid,
        frame_numbers=[1],
        media_types=("image/jpeg",),
    )
    assert first == frame
    both = web.get(f"{path_of(file)}/frames/1,2/rendered", "multipart/related; type=image/jpeg")
    assert both.content.count(b"Content-Type: image/jpeg") == 2
    assert web.get(f"{path_of(file)}/frames/31/rendered").status_code == 404


def test_thumbnails(web: Web) -> None:
    """Of an instance, a series and a study."""
    file = web.image(NumberOfFrames=30)
    study = f"/studies/{file.study_instance_uid}"
    for place in (study, f"{study}/series/{file.series_instance_uid}", path_of(file)):
        answer = web.get(f"{place}/thumbnail")
        assert answer.status_code == 200
        assert max(decoded(answer.content).shape[:2]) == 128


def test_wado_uri(web: Web) -> None:
    """The file, or a picture of a frame."""
    file = web.image(NumberOfFrames=30)
    asked = (
        f"/wado?requestType=WADO&studyUID={file.study_instance_uid}"
        f"&seriesUID={file.series_instance_uid}&objectUID={file.sop_instance_uid}"
    )
    whole = web.get(f"{asked}&contentType=application/dicom")
    assert whole.content.endswith(file.dataset)
    assert pydicom.dcmread(BytesIO(whole.content)).SOPInstanceUID == file.sop_instance_uid
    picture = web.get(f"{asked}&frameNumber=2&columns=100")
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert decoded(picture.content).shape[1] == 100
    region = web.get(f"{asked}&region=0.5,0.5,1,1&contentType=image/jpeg")
    ds = pydicom.dcmread(file.path, force=True, stop_before_pixels=True)
    rows, columns = decoded(region.content).shape[:2]
    assert abs(rows - ds.Rows / 2) <= 1
    assert abs(columns - ds.Columns / 2) <= 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("requestType=WADO", 400),
        ("requestType=WADO&objectUID=1.2.3.4.5", 404),
        ("requestType=WADO&objectUID=../etc", 400),
        ("requestType=WADO&objectUID=1.2&anonymize=yes", 406),
    ],
)
def test_wado_uri_refuses_what_it_does_not_do(web: Web, query: str, status: int) -> None:
    """With a status by the standard."""
    assert web.get(f"/wado?{query}").status_code == status


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("quality=0", 400),
        ("quality=x", 400),
        ("window=1,2", 400),
        ("window=1,2,cubic", 400),
        ("window=nan,2,linear", 400),
        ("viewport=0,0", 400),
        ("viewport=99999,1", 400),
        ("viewport=10,10,9999,9999", 400),
    ],
)
def test_a_picture_that_cannot_be_is_refused(web: Web, query: str, status: int) -> None:
    """In words."""
    file = web.image(NumberOfFrames=30)
    answer = web.get(f"{path_of(file)}/rendered?{query}")
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert web.get(f"{path_of(file)}/rendered", "image/gif").status_code == 406


def test_the_service_says_what_it_can_do(web: Web) -> None:
    """As JSON, and as WADL where that is asked for (PS3.18 8.9)."""
    answer = requests.options(f"{web.url}/studies", timeout=30)
    assert "GET" in answer.headers["Allow"]
    paths = {each["path"] for each in answer.json()["resources"]}
    assert {"/studies", "/studies/{study}/metadata"} <= paths
    wadl = requests.options(web.url, headers={"Accept": "application/vnd.sun.wadl+xml"}, timeout=30)
    assert wadl.text.startswith("<?xml")
    assert requests.delete(f"{web.url}/studies/1.2", timeout=30).status_code == 405


def test_a_viewer_of_a_configured_origin_may_use_it(web: Web) -> None:
    """Its browser asks first, and gives the answers to its page."""
    asked = requests.options(
        f"{web.url}/studies",
        headers={"Origin": VIEWER, "Access-Control-Request-Method": "POST"},
        timeout=30,
    )
    assert asked.status_code == 204
    assert "Authorization" in asked.headers["Access-Control-Allow-Headers"]
    answer = requests.get(f"{web.url}/studies", headers={"Origin": VIEWER}, timeout=30)
    assert answer.headers["Access-Control-Allow-Origin"] == VIEWER
    posted = requests.post(f"{web.url}/studies", headers={"Origin": VIEWER}, timeout=30)
    assert posted.status_code == 415  # it came as far as the service


def test_a_page_of_another_origin_may_not(web: Web) -> None:
    """Nor may the configured one call the console."""
    other = {"Origin": "https://elsewhere.example"}
    answer = requests.get(f"{web.url}/studies", headers=other, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert requests.post(f"{web.url}/studies", headers=other, timeout=30).status_code == 403
    console = web.url.removesuffix("/dicom-web") + "/api/status"
    answer = requests.get(console, headers={"Origin": VIEWER}, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers
