"""A node whose DICOMweb is asked about instances that a test has made."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import requests
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from echonode.dicomweb.multipart import end, part_head
from tests.peers import EchoNodeProcess
from tests.peers.instances import InstanceKind, build_dataset, new_uid
from tests.peers.ports import LOOPBACK, free_port

BOUNDARY = "a-part"
SMALL = InstanceKind(name="small", columns=32, rows=24)
JSON = "application/dicom+json"


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An instance at the node. file: the bytes that were posted."""

    study: str
    series: str
    instance: str
    file: bytes

    @property
    def study_path(self) -> str:
        """Of its study."""
        return f"/studies/{self.study}"

    @property
    def series_path(self) -> str:
        """Of its series."""
        return f"{self.study_path}/series/{self.series}"

    @property
    def path(self) -> str:
        """Its own."""
        return f"{self.series_path}/instances/{self.instance}"


def small_image(**attributes: object) -> Dataset:
    """A still of 24 rows and 32 columns, of a study of its own."""
    made = build_dataset(SMALL)
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    return made


def beside(placed: Placed, made: Dataset) -> Dataset:
    """The same, in the series of another."""
    made.StudyInstanceUID, made.SeriesInstanceUID = placed.study, placed.series
    made.SOPInstanceUID = new_uid()
    return made


def file_of(made: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """A Part 10 file of it, in a transfer syntax that its values are already in."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    written = BytesIO()
    made.save_as(written, enforce_file_format=True)
    return written.getvalue()


def parts_of(answer: requests.Response) -> list[tuple[dict[str, str], bytes]]:
    """Headers, by their names in small letters, and bytes of each part of a multipart answer."""
    kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/related"), kind
    boundary = kind.partition("boundary=")[2].split(";")[0].strip('"').encode()
    pieces = answer.content.split(b"--" + boundary)
    assert pieces[0].strip() == b""
    assert pieces[-1].strip() == b"--"
    found = []
    for piece in pieces[1:-1]:
        head, _, body = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        fields = (line.partition(":") for line in head.decode().split("\r\n"))
        headers = {name.lower(): value.strip() for name, _, value in fields}
        found.append((headers, body.removesuffix(b"\r\n")))
    return found


class AnsweringNode:
    """A node that anyone on this machine may store at by STOW-RS, and ask."""

    def __init__(self, parts: ExitStack) -> None:
        self.port = free_port()
        self.node = EchoNodeProcess(extra={"web": {"host": LOOPBACK, "port": self.port}})
        parts.enter_context(self.node)
        self.url = f"http://{LOOPBACK}:{self.port}/dicom-web"

    def put(self, made: Dataset, syntax: str = ExplicitVRLittleEndian) -> Placed:
        """Store it."""
        file = file_of(made, syntax)
        answer = self.post([file])
        assert answer.status_code == 200, answer.text
        return Placed(
            study=str(made.StudyInstanceUID),
            series=str(made.SeriesInstanceUID),
            instance=str(made.SOPInstanceUID),
            file=file,
        )

    def post(self, files: list[bytes], path: str = "/studies") -> requests.Response:
        """STOW-RS of these files in one request."""
        heads = (
            part_head(BOUNDARY, {"Content-Type": "application/dicom"}, first=index == 0)
            for index in range(len(files))
        )
        body = b"".join(head + file for head, file in zip(heads, files, strict=True))
        return requests.post(
            self.url + path,
            data=body + end(BOUNDARY, first=not files),
            headers={
                "Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
            },
            timeout=60,
        )

    def get(self, path: str, accept: str | None = None, **headers: str) -> requests.Response:
        """accept: None sends no Accept at all."""
        session = requests.Session()
        del session.headers["Accept"]
        fields = {} if accept is None else {"Accept": accept}
        with session:
            return session.get(self.url + path, headers={**fields, **headers}, timeout=60)

    def found(self, path: str) -> list[dict[str, Any]]:
        """The objects of an answer in DICOM JSON."""
        answer = self.get(path, JSON)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == JSON
        listed: list[dict[str, Any]] = answer.json()
        return listed
