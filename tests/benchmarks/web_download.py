"""Downloads by DICOMweb whose client costs next to nothing, and whether they are what was stored.

Within the clock the body is received into the same megabyte again and again and counted; nothing of
it is looked at. The same request is read part by part outside the clock.
"""

from __future__ import annotations

import hashlib
import http.client
import socket
from collections.abc import Iterable, Iterator
from email.message import Message
from io import BytesIO
from typing import Final

from pydicom import dcmread

from echonode.at_rest.aligned_memory import page_aligned
from echonode.dicomweb.multipart import MultipartReader, PartData, PartEnd
from tests.benchmarks.contest import Failed
from tests.peers.instances import Instances
from tests.peers.ports import LOOPBACK

FILES: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
ROOM_BYTES: Final = 1024 * 1024
TIMEOUT_S: Final = 300.0


def downloaded(port: int, study: str) -> int:
    """Retrieve a study: how many bytes came, head and all. Raises Failed."""
    room, size = page_aligned(ROOM_BYTES), 0
    with socket.create_connection((LOOPBACK, port), timeout=TIMEOUT_S) as line:
        line.sendall(
            f"GET /dicom-web/studies/{study} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\n"
            f"Accept: {FILES}\r\nConnection: close\r\n\r\n".encode()
        )
        while count := line.recv_into(room):
            if not size and not bytes(room[:count]).startswith(b"HTTP/1.1 200 "):
                raise Failed("the study was refused")
            size += count
    return size


def check_study(port: int, study: str, instances: Instances) -> None:
    """Whether each instance comes once, its data set byte for byte. Raises Failed."""
    wanted = sorted(_dataset_hash(file.read_bytes()) for file in instances.files)
    if sorted(map(_dataset_hash, _parts(port, study))) != wanted:
        raise Failed("what was retrieved is not what was stored")


def _parts(port: int, study: str) -> Iterator[bytes]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
    connection.request("GET", f"/dicom-web/studies/{study}", headers={"Accept": FILES})
    answer = connection.getresponse()
    kind = Message()
    kind["Content-Type"] = answer.headers["Content-Type"]
    reader, part = MultipartReader(str(kind.get_param("boundary"))), bytearray()
    for event in _events(reader, iter(lambda: answer.read(ROOM_BYTES), b"")):
        if isinstance(event, PartData):
            part += event.data
        elif isinstance(event, PartEnd):
            yield bytes(part)
            part.clear()
    connection.close()


def _events(reader: MultipartReader, pieces: Iterable[bytes]) -> Iterator[object]:
    for piece in pieces:
        yield from reader.feed(piece)
    reader.close()


def _dataset_hash(file: bytes) -> str:
    """Over what follows the meta information, which each archive writes itself."""
    stream = BytesIO(file)
    meta = dcmread(stream, specific_tags=[], stop_before_pixels=True).file_meta
    begin = 144 + int(meta.FileMetaInformationGroupLength)
    return hashlib.sha256(memoryview(file)[begin:]).hexdigest()
