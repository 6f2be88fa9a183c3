"""Hostile requests to DICOMweb (scenario 39): an answer by the standard each, memory flat."""

from __future__ import annotations

import gzip
import json
import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from echonode.dicomweb.multipart import end, part_head
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.faults.programme import FULL, HOSTILE_REQUESTS, MUTATED_REQUESTS
from tests.fuzz.mutation import mutated
from tests.peers import EchoNodeProcess
from tests.peers.instances import CINE, STILL, InstanceKind, make_instances
from tests.peers.ports import LOOPBACK, free_port

pytestmark = pytest.mark.timeout(300)

MIB = 1024**2
MORE_BYTES = 100 * MIB
BOUNDARY = "part"
CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
SMALL = InstanceKind(name="small", columns=64, rows=48, frames=4)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A running node with a study, and where that is."""

    node: EchoNodeProcess
    port: int
    study: str
    instance: str
    file: bytes

    def answer(self, request: bytes) -> int | None:
        """The status of the answer to these bytes; None where the node only closes."""
        with socket.create_connection((LOOPBACK, self.port), timeout=20) as connection:
            # A node that has answered already may close while more is sent.
            with suppress(ConnectionError):
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
            received = b""
            with suppress(ConnectionError):
                while len(received) < 64 and (piece := connection.recv(4096)):
                    received += piece
        if not received:
            return None
        assert received.startswith(b"HTTP/1.1 "), received
        return int(received[9:12])

    def serves(self) -> bool:
        """Whether it still answers as it should."""
        url = f"http://{LOOPBACK}:{self.port}/dicom-web/studies/{self.study}/series"
        return requests.get(url, timeout=20).status_code == 200


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    port = free_port()
    with ExitStack() as parts:
        node = EchoNodeProcess(extra={"web": {"host": LOOPBACK, "port": port}})
        parts.enter_context(node)
        folder = tmp_path_factory.mktemp("images")
        file = make_instances(folder, SMALL, 1).files[0].read_bytes()
        body = part_head(BOUNDARY, {}, first=True) + file + end(BOUNDARY, first=False)
        answer = requests.post(
            f"http://{LOOPBACK}:{port}/dicom-web/studies",
            data=body,
            headers={"Content-Type": CONTENT_TYPE},
            timeout=30,
        )
        assert answer.status_code == 200
        (stored,) = answer.json()["00081199"]["Value"]
        url = stored["00081190"]["Value"][0]
        place = url[url.index("/dicom-web") :]
        yield Target(node=node, port=port, study=place.split("/")[3], instance=place, file=file)


def request_of(
    target: Target, line: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    fields = {"Host": f"{LOOPBACK}:{target.port}", **(headers or {})}
    if body and "Content-Length" not in fields:
        fields["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body


def post(target: Target, body: bytes, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return request_of(
        target, "POST /dicom-web/studies", {"Content-Type": CONTENT_TYPE, **named}, body
    )


def hostile(target: Target) -> Iterator[tuple[str, bytes]]:
    """What it is, and the request."""
    whole = part_head(BOUNDARY, {}, first=True) + target.file + end(BOUNDARY, first=False)
    bomb = gzip.compress(bytes(200 * MIB), 9)
    yield "gzip bomb as a body", post(target, bomb, Content_Encoding="gzip")
    yield (
        "gzip bomb as a part",
        post(target, part_head(BOUNDARY, {}, first=True) + bomb + end(BOUNDARY, first=False)),
    )
    yield "a length of 4 GB", post(target, whole[:500], Content_Length=str(4 * 1024**3))
    yield "a length below zero", post(target, whole, Content_Length="-1")
    yield (
        "two lengths",
        post(target, whole).replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\n", 1),
    )
    yield "no boundary", post(target, whole, Content_Type="multipart/related")
    yield "a boundary that is nowhere", post(target, bytes(3 * MIB))
    empty = part_head(BOUNDARY, {}, first=False)
    yield "many empty parts", post(target, b"\r\n" + empty * 30_000 + end(BOUNDARY, first=False))
    yield "a part's head without end", post(target, b"--part\r\nA: " + b"x" * 3 * MIB)
    yield "a meta header of 4 GB", post(target, _long_meta(target.file))
    nested = CONTENT_TYPE.replace("part", "other")
    yield (
        "a multipart in a part",
        post(target, part_head(BOUNDARY, {"Content-Type": nested}, first=True) + whole),
    )
    entity = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
    xml = 'multipart/related; type="application/dicom+xml"; boundary=part'
    yield (
        "an XML entity",
        post(target, b"--part\r\n\r\n" + entity + b"\r\n--part--", Content_Type=xml),
    )
    uri = json.dumps([{"7FE00010": {"vr": "OB", "BulkDataURI": "http://169.254.169.254/"}}])
    as_json = xml.replace("xml", "json")
    yield (
        "a BulkDataURI to elsewhere",
        post(target, b"--part\r\n\r\n" + uri.encode() + b"\r\n--part--", Content_Type=as_json),
    )
    for path in (
        "/dicom-web/studies/../../../etc/passwd",
        "/dicom-web/studies/..%2f..%2fetc%2fpasswd",
        "/dicom-web/studies/%00",
        f"{target.instance}/bulkdata/../../../../etc/passwd",
        f"{target.instance}/bulkdata/{'0040A730/0/' * 400}0040A730",
        f"{target.instance}/bulkdata/7FE00010/999999/7FE00010",
        f"{target.instance}/frames/0",
        f"{target.instance}/frames/{'1,' * 20_000}1",
        f"{target.instance}/frames/99999999999999999999",
        f"{target.instance}/rendered?viewport=8192,8192,0,0,0,0",
        f"{target.instance}/rendered?quality=99999999999999999999",
        "/dicom-web/studies?limit=99999999999999999999",
        f"/dicom-web/studies?{'&'.join(f'PatientID={n}' for n in range(1_500))}",
        f"/dicom-web/studies?StudyInstanceUID={'1.2,' * 10_000}",
        f"/dicom-web/studies?{'RequestAttributesSequence.' * 100}PatientID=1",
        f"/dicom-web/studies?PatientName={'%2Aa%3Fb' * 2_000}",
        "/dicom-web/wado?requestType=WADO&objectUID=../../x",
        "/dicom-web/" + "x/" * 10_000,
    ):
        yield path[:60], request_of(target, f"GET {path}")
    for field, value in (
        ("Accept", "application/dicom;" * 3_000),
        ("Accept", ", ".join(f"a/b{n}" for n in range(5_000))),
        ("Accept", 'multipart/related; type="' + "\\" * 5_000),
        ("Range", "bytes=" + ",".join("0-1" for _ in range(5_000))),
        ("Range", "bytes=99999999999999999999-"),
        ("If-None-Match", '"x",' * 10_000),
        ("Host", "evil.example"),
    ):
        yield (
            f"{field}: {value[:30]}",
            request_of(target, f"GET {target.instance}/frames/1", {field: value}),
        )


def _long_meta(file: bytes) -> bytes:
    """Its private information claims to have four gigabytes."""
    claim = b"\x02\x00\x02\x01OB\x00\x00\xff\xff\xff\xff"
    changed = file[:144] + claim + file[144:]
    return part_head(BOUNDARY, {}, first=True) + changed + end(BOUNDARY, first=False)


def test_each_hostile_request_has_an_answer(target: Target) -> None:
    """4xx, or the connection ends; no code of ours fails, and no memory is taken."""
    every = list(hostile(target))
    before = resident_bytes(target.node.pid)
    reset_peak(target.node.pid)
    for _ in range(HOSTILE_REQUESTS.count):
        for what, request in every:
            status = target.answer(request)
            # An answer that is right although the request is odd: a range that is left out, a key
            # that matches nothing.
            assert status is None or status < 500, what
    assert peak_bytes(target.node.pid) - before < MORE_BYTES
    assert target.serves()
    assert not [event for event in target.node.events if event["event"] == "web_request_failed"]
    assert not list(Path(target.node.data_dir, "incoming").glob("*"))


def seeds(target: Target) -> Sequence[bytes]:
    """Good requests of every kind."""
    small = target.file[:3_000]
    parts = part_head(BOUNDARY, {"Content-Type": "application/dicom"}, first=True) + small
    body = parts + part_head(BOUNDARY, {}, first=False) + b"x" + end(BOUNDARY, first=False)
    place = target.instance
    octets = {"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'}
    return (
        post(target, body),
        request_of(target, "GET /dicom-web/studies?PatientName=L*&StudyDate=20260101-&limit=2"),
        request_of(target, "GET /dicom-web/instances?includefield=all&00080060=US&offset=0"),
        request_of(target, f"GET {place}/metadata", {"Accept": "application/dicom+json"}),
        request_of(target, f"GET {place}/frames/1,2", octets),
        request_of(target, f"GET {place}/frames/1", {"Accept": "application/octet-stream"}),
        request_of(target, f"GET {place}/rendered?quality=50&viewport=20,20&window=100,50,linear"),
        request_of(target, f"GET {place}", {"Accept": "application/dicom", "Range": "bytes=5-99"}),
        request_of(target, f"GET {place}/bulkdata/7FE00010"),
        request_of(target, f"HEAD {place}/thumbnail", {"If-None-Match": '"0"'}),
        request_of(target, f"GET /dicom-web/wado?requestType=WADO&objectUID={place[-44:]}"),
        request_of(target, "OPTIONS /dicom-web/studies", {"Origin": "https://x.example"}),
    )


@pytest.mark.slow
def test_mutated_requests_have_an_answer_by_the_standard(target: Target) -> None:
    """Bits, lengths and pieces changed at random: never a fault of ours, and nothing grows."""
    draw, good = random.Random(39), seeds(target)
    before = resident_bytes(target.node.pid)
    reset_peak(target.node.pid)
    for _ in range(MUTATED_REQUESTS.count):
        request = mutated(draw, good)
        status = target.answer(request)
        assert status is None or status in range(200, 500) or status in (501, 503, 505), request
    assert peak_bytes(target.node.pid) - before < MORE_BYTES
    assert target.serves()
    assert not [event for event in target.node.events if event["event"] == "web_request_failed"]


@pytest.mark.slow
def test_large_instances_pass_through_little_memory(target: Target, tmp_path: Path) -> None:
    """Posted and retrieved, a cine is never held whole."""
    file = make_instances(tmp_path, CINE if not FULL else STILL, 1 if not FULL else 400)
    contents = [path.read_bytes() for path in file.files]
    body = b"".join(
        part_head(BOUNDARY, {}, first=index == 0) + content
        for index, content in enumerate(contents * (8 if not FULL else 1))
    ) + end(BOUNDARY, first=False)
    assert len(body) > 100 * MIB
    before = resident_bytes(target.node.pid)
    reset_peak(target.node.pid)
    url = f"http://{LOOPBACK}:{target.port}/dicom-web/studies"
    answer = requests.post(url, data=body, headers={"Content-Type": CONTENT_TYPE}, timeout=200)
    assert answer.status_code == 200
    study = answer.json()["00081190"]["Value"][0]
    got = requests.get(study.replace(f"{LOOPBACK}/", f"{LOOPBACK}:{target.port}/"), timeout=200)
    assert len(got.content) > len(contents[0])
    assert peak_bytes(target.node.pid) - before < 40 * MIB
