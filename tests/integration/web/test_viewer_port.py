"""The viewer's port of a running node: its page, DICOMweb, and who may have what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
import requests
from pydicom import dcmwrite
from pydicom.uid import UID

from echonode.access.random_secrets import csrf_of, digest, new_session
from echonode.access.roles import Role
from echonode.node.user_administration import UserAdministration
from echonode.store.store import Store
from echonode.web.viewer.package import VERSION
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.unit.store.samples import US_IMAGE, dataset, encoded

pytestmark = [pytest.mark.timeout(120)]
START = "<html><script>let a = 1;</script></html>"
STOW = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=part'}


def file_of(number: int) -> bytes:
    """A Part 10 file."""
    made = dataset(number)
    encoded(made)
    made.file_meta.MediaStorageSOPClassUID = UID(US_IMAGE)
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    out = BytesIO()
    dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()


def body_of(number: int) -> bytes:
    head = b"--part\r\nContent-Type: application/dicom\r\n\r\n"
    return head + file_of(number) + b"\r\n--part--\r\n"


class Served:
    """A node with an operator and a viewer, each logged in at the console."""

    def __init__(self, folder: Path) -> None:
        self.port, self.viewer_port = free_port(), free_port()
        self.folder = folder
        web = {
            "host": LOOPBACK,
            "port": self.port,
            "viewer_port": self.viewer_port,
            "viewer_dir": str(folder),
        }
        self.node = EchoNodeProcess(extra={"web": web})
        self.secrets: dict[str, str] = {}
        with Store.open(self.node.data_dir) as store:
            users = UserAdministration(store.users, now=lambda: datetime.now(UTC))
            for name, role in (("olga", Role.OPERATOR), ("vic", Role.VIEWER)):
                users.add(name, role, password="four words in a row", by="")
                self.secrets[name] = new_session()
                store.sessions.begin(name, digest(self.secrets[name]), at=datetime.now(UTC))

    @property
    def origin(self) -> str:
        return f"http://{LOOPBACK}:{self.viewer_port}"

    def as_user(self, name: str) -> Mapping[str, str]:
        return {"Cookie": f"echonode_session={self.secrets[name]}"}

    def get(self, path: str, headers: Mapping[str, str] = {}) -> requests.Response:
        return requests.get(self.origin + path, headers=dict(headers), timeout=30)

    def stow(self, number: int, headers: Mapping[str, str]) -> int:
        url, whole = f"{self.origin}/dicom-web/studies", {**STOW, **headers}
        return requests.post(url, body_of(number), headers=whole, timeout=30).status_code


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(tmp_path_factory.mktemp("viewer"))
    with made.node:
        yield made


def test_it_is_served_once_it_is_installed(served: Served) -> None:
    """Before, its page says how, and the console offers no link; no restart is needed."""
    olga = served.as_user("olga")
    status = f"http://{LOOPBACK}:{served.port}/api/status"
    missing = served.get("/viewer?StudyInstanceUIDs=1.2.3", olga)
    assert (missing.status_code, "echonode viewer install" in missing.text) == (503, True)
    assert requests.get(status, headers=olga, timeout=30).json()["viewer_port"] is None
    (served.folder / VERSION).mkdir()
    (served.folder / VERSION / "index.html").write_text(START)
    assert served.get("/viewer?StudyInstanceUIDs=1.2.3", olga).text == START
    port = requests.get(status, headers=olga, timeout=30).json()["viewer_port"]
    assert port == served.viewer_port


def test_the_log_in_is_the_consoles(served: Served) -> None:
    """Nothing of a patient without it; a browser sends its cookie to every port of the host."""
    assert served.get("/dicom-web/studies").status_code == 401
    page = served.get("/")
    assert page.status_code == 401
    assert f'href="http://{LOOPBACK}:{served.port}/"' in page.text
    assert served.get("/dicom-web/studies", served.as_user("vic")).status_code == 200
    assert served.get("/", served.as_user("vic")).status_code == 200


def test_a_page_of_this_port_stores_and_no_other(served: Served) -> None:
    """By its Origin, which a browser sends and no page can change; and by the role."""
    olga = served.as_user("olga")
    ours = {"Origin": served.origin}
    assert served.stow(1, {**olga, **ours}) == 200
    assert served.stow(2, olga) == 403
    for origin in (f"http://{LOOPBACK}:{served.port}", "http://evil.example", "null"):
        assert served.stow(2, {**olga, "Origin": origin}) == 403, origin
    assert served.stow(2, {**served.as_user("vic"), **ours}) == 403
    assert served.stow(2, ours) == 401
    found = served.get("/dicom-web/instances", olga).json()
    assert [each["00080018"]["Value"] for each in found] == [["1.2.3.4.1"]]
    # The console's port takes no Origin for a proof.
    console = f"http://{LOOPBACK}:{served.port}"
    url, headers = f"{console}/dicom-web/studies", {**STOW, **olga, "Origin": console}
    assert requests.post(url, body_of(2), headers=headers, timeout=30).status_code == 403
    token = {"X-CSRF-Token": csrf_of(served.secrets["olga"])}
    answer = requests.post(url, body_of(1), headers={**headers, **token}, timeout=30)
    assert answer.status_code == 200


def test_the_rest_of_the_node_is_not_there(served: Served) -> None:
    """No API, no console, no metrics, and no file beyond the viewer's."""
    olga = served.as_user("olga")
    for path in ("/api/status", "/api/session", "/console/main.js", "/..%2f..%2fweb.key.js"):
        assert served.get(path, olga).status_code == 404, path
    assert served.get("/metrics", olga).text == START
    posted = requests.post(f"{served.origin}/api/login", json={}, timeout=30)
    assert posted.status_code == 405
