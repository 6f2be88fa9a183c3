"""A destination that gets anonymised copies: a real Orthanc, and every byte that goes to it."""

from __future__ import annotations

import json
import selectors
import socket
import threading
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread

from echonode.model.delivery import WAITS_FOR_LOOK
from echonode.store.store import Store
from tests.acceptance.clinic import dataset_sha256, read
from tests.integration.delivery.pictures import CINE, STILL, picture
from tests.peers.dcmtk import StoreScp, dcmtk
from tests.peers.node_process import EchoNodeProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(180)]

# What must not be in one byte that goes to the destination.
CANARIES = {
    "PatientName": "Canary^Marguerite",
    "PatientID": "CNRY-4711",
    "PatientBirthDate": "19420203",
    "AccessionNumber": "ACC-CNRY-9",
    "InstitutionName": "Canary Clinic",
    "ReferringPhysicianName": "Birdwatcher^Otto",
    "StudyID": "CNRYSTUDY",
    "OtherPatientNames": "Maidencanary^Marguerite",
}
_END = b"end of the test"


class Overheard:
    """Forwards connections to a port of loopback, and keeps what the caller sends."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = bytearray()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with self._listener:
            while True:
                caller, _ = self._listener.accept()
                with caller, suppress(OSError):
                    if not self._forward(caller):
                        return

    def _forward(self, caller: socket.socket) -> bool:
        """Both ways, until either side ends it; False: it was the call that ends this."""
        first = caller.recv(65_536)
        if first == _END:
            return False
        done = threading.Thread(target=self._connection, args=(caller.dup(), first))
        self._threads.append(done)
        done.start()
        return True

    def _connection(self, caller: socket.socket, first: bytes) -> None:
        with caller, socket.create_connection((LOOPBACK, self._target)) as called:
            self.heard += first
            called.sendall(first)
            with selectors.DefaultSelector() as ready, suppress(OSError):
                ready.register(caller, selectors.EVENT_READ, called)
                ready.register(called, selectors.EVENT_READ, caller)
                while True:
                    for key, _ in ready.select():
                        one = key.fileobj
                        assert isinstance(one, socket.socket)
                        piece = one.recv(65_536)
                        if not piece:
                            return
                        if one is caller:
                            self.heard += piece
                        key.data.sendall(piece)

    def close(self) -> None:
        with socket.create_connection((LOOPBACK, self.port)) as last:
            last.sendall(_END)
        for thread in self._threads:
            thread.join(10)


def identified(path: Path, *, burned_in: str | None) -> Path:
    """The image with canaries, and one region; what it says of text in its pixels."""
    ds = dcmread(path)
    for keyword, value in CANARIES.items():
        setattr(ds, keyword, value)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.05
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 8, 16
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 100, 90
    ds.SequenceOfUltrasoundRegions = [region]
    if burned_in is not None:
        ds.BurnedInAnnotation = burned_in
    ds.save_as(path, enforce_file_format=True)
    return path


class ResearchClinic:
    """A node that sends what a scanner stores to an Orthanc, anonymised; all that goes there."""

    def __init__(self, parts: ExitStack, *, commitment: str, also: StoreScp | None = None) -> None:
        port, web = free_port(), free_port()
        self.orthanc = parts.enter_context(
            OrthancServer(modalities={"echonode": ("ECHONODE", LOOPBACK, port)})
        )
        self.line = Overheard(self.orthanc.dicom_port)
        parts.callback(self.line.close)
        self.web = f"http://{LOOPBACK}:{web}"
        peers: dict[str, dict[str, Any]] = {
            "research": {
                "ae_title": self.orthanc.ae_title,
                "host": LOOPBACK,
                "port": self.line.port,
                "may": ["echo", "commit"],
            },
            "scanner": {
                "ae_title": "SCANNER",
                "host": LOOPBACK,
                "port": 104,
                "may": ["echo", "store", "find", "move"],
            },
        }
        destinations: list[Mapping[str, Any]] = [
            {"peer": "research", "commitment": commitment, "anonymise": "study-7"}
        ]
        if also is not None:
            peers["pacs"] = {
                "ae_title": also.ae_title,
                "host": LOOPBACK,
                "port": also.port,
                "may": ["echo"],
            }
            destinations.append({"peer": "pacs", "commitment": "none"})
        self.node = EchoNodeProcess(
            port=port,
            peers=peers,
            destinations=destinations,
            extra={
                "anonymise": {"study-7": {"options": ["retain_modified_dates"]}},
                "forwarding": [{"from": "scanner", "to": each["peer"]} for each in destinations],
                "web": {"port": web},
                "retention": {"keep_days_after_commit": 0, "minimum_free_percent": 0},
            },
        )
        parts.enter_context(self.node)

    def store(self, *files: Path) -> None:
        sending = ("-R", "-aet", "SCANNER", "-aec", "ECHONODE", LOOPBACK, self.node.port)
        done = dcmtk("storescu", *sending, *files)
        assert done.ok, done.output

    def wait_for(self, states: dict[str, str]) -> dict[str, dict[str, Any]]:
        """The ledger by SOP Instance UID, once its rows of `research` have these states."""
        rows: dict[str, dict[str, Any]] = {}

        def reached() -> bool:
            rows.clear()
            rows.update(
                (row["sop_instance_uid"], row)
                for row in self.node.ledger()
                if row["destination"] == "research"
            )
            return {uid: row["state"] for uid, row in rows.items()} == states

        wait_until(reached, timeout_s=60, what=f"{states}", every_s=0.5)
        return rows

    def post(self, path: str) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.web}{path}", data=b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def held_by_orthanc(self) -> dict[str, bytes]:
        rest = self.orthanc.rest
        files = [rest.file(orthanc_id) for orthanc_id in rest.instances()]
        return {str(read(raw).SOPInstanceUID): raw for raw in files}

    def assert_nothing_of_the_patient(self, *originals: Path) -> None:
        """In no byte that went out: no canary, and no UID of the originals."""
        heard = bytes(self.line.heard)
        assert len(heard) > 1000
        found = [word for word in CANARIES.values() if word.encode() in heard]
        for path in originals:
            ds = dcmread(path, stop_before_pixels=True)
            uids = (ds.SOPInstanceUID, ds.StudyInstanceUID, ds.SeriesInstanceUID)
            found += [uid for uid in uids if str(uid).encode() in heard]
        assert found == []


@pytest.fixture
def make_clinic(
    parts: ExitStack, make_orthanc: Callable[..., OrthancServer]
) -> Callable[..., ResearchClinic]:
    """Skips where Orthanc is missing."""

    def make(*, commitment: str, also: StoreScp | None = None) -> ResearchClinic:
        return ResearchClinic(parts, commitment=commitment, also=also)

    return make


def test_copies_go_and_are_committed_and_no_byte_names_the_patient(
    make_clinic: Callable[..., ResearchClinic], tmp_path: Path
) -> None:
    """What says NO of its pixels goes at once; what says nothing is held until a person has looked.
    Each ends `committed` with the copy's UID in the ledger, and Orthanc has these copies alone. The
    originals stay, for no archive keeps them.
    """
    clinic = make_clinic(commitment="required")
    free = identified(picture(CINE, tmp_path), burned_in="NO")
    doubtful = identified(picture(STILL, tmp_path), burned_in=None)
    uids = [str(read(each.read_bytes()).SOPInstanceUID) for each in (free, doubtful)]
    clinic.store(free, doubtful)
    rows = clinic.wait_for({uids[0]: "committed", uids[1]: "held"})
    assert rows[uids[1]]["last_error"] == WAITS_FOR_LOOK
    assert len(clinic.held_by_orthanc()) == 1

    looked = clinic.post(f"/api/instances/{uids[1]}/look")
    assert looked["sop_instance_uid"] == uids[1]
    rows = clinic.wait_for(dict.fromkeys(uids, "committed"))
    held = clinic.held_by_orthanc()
    said = {
        f"the archive holds an anonymised copy (profile study-7), {uid}; the original is kept here"
        for uid in held
    }
    assert {row["last_error"] for row in rows.values()} == said
    assert not set(held) & set(uids)
    for raw in held.values():
        assert read(raw).PatientIdentityRemoved == "YES"
    clinic.assert_nothing_of_the_patient(free, doubtful)

    assert clinic.node.stop() == 0
    clinic.node.start()  # housekeeping looks at once; without a grace period what may go goes
    clinic.wait_for(dict.fromkeys(uids, "committed"))
    assert len(clinic.node.stored_files()) == 2
    clinic.node.stop()
    with Store.open(clinic.node.data_dir) as store:
        for uid in uids:
            [job] = store.deliveries.of_instance(uid)
            assert job.derived is not None
            assert job.derived.dataset_sha256 == dataset_sha256(held[job.derived.sop_instance_uid])


def test_a_copy_is_found_where_the_archive_is_only_asked(
    make_clinic: Callable[..., ResearchClinic],
    make_storescp: Callable[..., StoreScp],
    tmp_path: Path,
) -> None:
    """Policy verify: the C-FIND names the copy in its own study. The other destination gets the
    original. A C-MOVE to the research archive is refused.
    """
    pacs = make_storescp()
    clinic = make_clinic(commitment="verify", also=pacs)
    path = identified(picture(STILL, tmp_path), burned_in="NO")
    original = dcmread(path)
    clinic.store(path)
    clinic.wait_for({str(original.SOPInstanceUID): "verified"})
    wait_until(lambda: len(pacs.received()) == 1, timeout_s=30, what="the original is there")
    assert dcmread(pacs.received()[0]).PatientName == CANARIES["PatientName"]
    moved = dcmtk(
        *("movescu", "-v", "-S", "-aet", "SCANNER", "-aec", "ECHONODE"),
        *("-aem", clinic.orthanc.ae_title, "-k", "QueryRetrieveLevel=STUDY"),
        *("-k", f"StudyInstanceUID={original.StudyInstanceUID}", LOOPBACK, clinic.node.port),
    )
    assert "MoveDestinationUnknown" in moved.output
    assert len(clinic.held_by_orthanc()) == 1
    clinic.assert_nothing_of_the_patient(path)
