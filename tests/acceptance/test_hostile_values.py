"""Scenario 37 at its number: 200 hostile values in every field, through every way in.

They come by C-STORE, the worklist and the API. No canary of them stands in a log, a metric or a
page; DICOMweb and the ledger give them as data alone: whole JSON, without control characters.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

from tests.acceptance.exam_client import ExamClient, Refused
from tests.peers.dcmtk import dcmtk
from tests.peers.instances import InstanceKind, build_dataset
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.ris import Wlmscpfs, write_item
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.full, pytest.mark.timeout(1800)]

CANARY = b"CANARY37"
EACH = 20
# By class, a maker of each value: `canary` marks it, `n` makes it one of many. As bytes, for some
# are text in no encoding.
CLASSES: Mapping[str, Callable[[bytes, int], bytes]] = {
    "markup": lambda canary, n: (
        (
            b"<script>alert(%d)</script>",
            b"<img src=x onerror=alert(%d)>",
            b"<svg/onload=alert(%d)>",
            b"javascript:alert(%d)",
            b"<!--#exec cmd=%d-->",
        )[n % 5]
        % n
        + canary
    ),
    "ANSI": lambda canary, n: b"\x1b[%dm\x1b]0;title\x07%s\x1b[2J" % (30 + n, canary),
    "C0": lambda canary, n: canary + bytes([(n % 31) + 1]) + b"after",
    "C1": lambda canary, n: canary + chr(0x80 + n).encode() + b"after",
    "bidi": lambda canary, n: canary + "\u202e\u202d\u2066\u2067\u2068\u200f\u061c"[n % 7].encode(),
    "long": lambda canary, n: canary + b"W" * (3000 * (n + 1)),
    "NUL": lambda canary, n: canary + b"\x00" * (n + 1) + b"after",
    "quotes and SQL": lambda canary, n: (
        (b"'", b'"', b"`", b"'; DROP TABLE delivery;--")[n % 4] + b"%d" % n + canary
    ),
    "formula and template": lambda canary, n: (
        (
            b"=cmd|' /C calc'!A%d",
            b"@SUM(%d)",
            b"{{%d*7}}",
            b"${%d}",
            b"%%s%%n%d",
        )[n % 5]
        % n
        + canary
    ),
    "encoding": lambda canary, n: (
        canary
        + (b"\xed\xa0\x80", b"\xff\xfe", b"\xc0\xaf", b"\xf8\x88\x80\x80", b"\xc3")[n % 5] * (n + 1)
    ),
}
FIELDS = (
    *("PatientName", "PatientID", "StudyDescription", "SeriesDescription", "AccessionNumber"),
    *("StudyID", "ReferringPhysicianName", "OperatorsName", "InstitutionName", "Manufacturer"),
    *("BodyPartExamined", "ImageComments", "PatientComments", "ProtocolName", "StationName"),
)
PERSONS = ("PatientName", "ReferringPhysicianName", "OperatorsName")
CONTROLS = {*range(0x20), 0x7F} - {0x0A}


@dataclass(frozen=True)
class Hostile:
    kind: str
    value: bytes

    @property
    def text(self) -> str:
        """As JSON carries it; what is in no encoding by lone surrogates."""
        return self.value.decode("utf-8", "surrogateescape")


VALUES = [Hostile(kind, make(CANARY, n)) for kind, make in CLASSES.items() for n in range(EACH)]


def image(path: Path, value: bytes) -> None:
    """An image with this value in every field."""
    ds = build_dataset(InstanceKind(name="small", columns=8, rows=8))
    ds.SOPInstanceUID, ds.StudyInstanceUID = generate_uid(), generate_uid()
    ds.SeriesInstanceUID = generate_uid()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.SpecificCharacterSet = "ISO_IR 192"
    for keyword in FIELDS:
        fill(ds, keyword, value)
    ds.save_as(path, enforce_file_format=True)


def fill(ds: Dataset, keyword: str, value: bytes) -> None:
    """As the bytes are, under a VR that takes a text of its kind."""
    vr = "PN" if keyword in PERSONS else "LT" if "Comments" in keyword else "LO"
    ds.add_new(keyword, vr, value + b" " * (len(value) % 2))


def order(number: int, value: bytes) -> Dataset:
    """A worklist item with this value wherever the RIS may write."""
    item, step = Dataset(), Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.AccessionNumber, item.RequestedProcedureID = f"A{number}", f"R{number}"
    item.StudyInstanceUID = generate_uid()
    for keyword in ("PatientName", "PatientID", "RequestedProcedureDescription"):
        fill(item, keyword, value[:64])
    step.Modality, step.ScheduledStationAETitle = "US", "ECHONODE"
    step.ScheduledProcedureStepStartDate = time.strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime = "080000"
    step.ScheduledProcedureStepID = "S1"
    fill(step, "ScheduledProcedureStepDescription", value[:64])
    item.ScheduledProcedureStepSequence = [step]
    return item


class Target:
    """A node that got every value by every way. counts: what became of them."""

    def __init__(self, parts: ExitStack, folder: Path) -> None:
        probe = parts.enter_context(
            ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "10")
        )
        ris = parts.enter_context(Wlmscpfs())
        with disable_value_validation():
            for number, each in enumerate(VALUES):
                write_item(ris.items, order(number, each.value))
                image(folder / f"{number:03}.dcm", each.value)
        self.client = ExamClient(free_port())
        self.counts = {"stored": 0, "orders": 0, "opened": 0}
        self.refusals: list[Refused] = []
        peer = {"host": LOOPBACK, "port": free_port(), "may": []}
        self.node = parts.enter_context(
            EchoNodeProcess(
                peers={
                    "scanner": {**peer, "ae_title": "SCANNER", "may": ["echo", "store"]},
                    "ris": {**peer, "ae_title": ris.ae_title, "port": ris.port},
                    "pacs": {**peer, "ae_title": "NOWHERE", "may": ["commit"]},
                },
                destinations=[{"peer": "pacs", "commitment": "required"}],
                probes=[
                    {
                        "name": "handheld",
                        "protocol": "echopen",
                        "dialect": "kit",
                        "connect": f"{LOOPBACK}:{probe.port}",
                        "capture": {"mode": "manual"},
                    }
                ],
                extra={
                    "web": {"port": self.client.port},
                    "forwarding": [{"from": "scanner", "to": "pacs"}],
                    "worklist": {"peer": "ris", "station_ae_title": "ECHONODE", "refresh_s": 60},
                },
            )
        )
        self._store(folder)
        self._write()

    def _store(self, folder: Path) -> None:
        sent = dcmtk(
            *("storescu", "-aet", "SCANNER", "-aec", "ECHONODE", LOOPBACK, self.node.port),
            *("--scan-directories", "--no-halt", folder),
        )
        assert sent.ok, sent.output
        self.counts["stored"] = len(self.node.stored_files())

    def _write(self) -> None:
        wait_until(
            lambda: self.client.get("/api/status")["probes"][0]["frames_received"] > 0,
            "a frame of the probe",
        )
        self.client.post("/api/worklist/refresh")
        self.counts["orders"] = len(self.client.get("/api/worklist")["items"])
        for each in VALUES:
            for field in ("id", "name"):
                patient = {"id": "1", "name": "Doe", field: each.text}
                try:
                    exam = self.client.open(patient=patient)
                except Refused as refused:
                    self.refusals.append(refused)
                    continue
                self.counts["opened"] += 1
                self.client.post(f"/api/exams/{exam}/end")

    def answer(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(LOOPBACK, self.client.port, timeout=60)
        try:
            connection.request("GET", path, headers={"Accept": "*/*"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with ExitStack() as parts:
        yield Target(parts, tmp_path_factory.mktemp("values"))


def test_there_are_two_hundred(target: Target) -> None:
    """Of ten classes; each is either taken or refused in words, and most are taken by C-STORE."""
    assert len({each.value for each in VALUES}) >= 185
    assert len(VALUES) == 200
    taken = target.counts
    print(f"\nof {len(VALUES)} values: {taken}, {len(target.refusals)} refused by the API")
    assert taken["opened"] + len(target.refusals) == 2 * len(VALUES), taken
    assert taken["opened"] > 0, taken
    assert taken["stored"] > len(VALUES) // 2, taken
    assert taken["orders"] > len(VALUES) // 2, taken
    for refused in target.refusals:
        assert refused.status < 500
        assert refused.body["error"]
        assert CANARY.decode() not in json.dumps(refused.body)


def test_no_canary_in_logs_metrics_and_health(target: Target) -> None:
    """Each line of the log is one event, and names no patient."""
    lines = [json.dumps(event, ensure_ascii=False) for event in target.node.events]
    assert len(lines) > len(VALUES)
    assert [line for line in lines if CANARY.decode() in line] == []
    for path in ("/metrics", "/health/ready", "/health/live", "/api/openapi.json", "/"):
        status, body = target.answer(path)
        assert status in (200, 503), path
        assert CANARY not in body, path


def test_what_answers_holds_them_as_data_alone(target: Target) -> None:
    """JSON that is whole, without a control character on its wire; never a failure of the node."""
    asked = 0
    paths = ["/api/exams", "/api/worklist", "/api/ledger", "/api/recent", "/api/status"]
    paths += ["/api/studies", "/api/outbox", "/api/system"]
    paths += [f"/dicom-web/{level}?limit=300" for level in ("studies", "series", "instances")]
    study = target.node.ledger()[0]["study_instance_uid"]
    paths.append(f"/dicom-web/studies/{study}/metadata")
    for path in paths:
        status, body = target.answer(path)
        assert status == 200, (path, status)
        json.loads(body)
        assert not CONTROLS & {*body}, path
        asked += CANARY in body
    assert asked >= 3, "the values are nowhere: this test shows nothing"


def test_the_commands_write_no_control_characters(target: Target) -> None:
    """`echonode ledger`, for people and for programs: nothing moves a terminal's cursor."""
    for arguments in (("ledger",), ("ledger", "--json"), ("exam", "list")):
        done = target.node.command(*arguments)
        assert done.returncode == 0, done.stderr
        written = (done.stdout + done.stderr).encode("utf-8", "surrogateescape")
        assert CONTROLS & {*written} <= {ord("\t")}, arguments
        if arguments[0] == "ledger":
            assert CANARY not in written
