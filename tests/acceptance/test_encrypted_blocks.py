"""What a disk keeps of an encrypted store: its raw blocks, those of removed files among them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from echonode.commands.lying_pacs.archive import LyingArchive
from tests.acceptance.test_object_storage import kept
from tests.benchmarks import wire_client
from tests.benchmarks.work import Address, Errand
from tests.faults.disks.block_disk import BlockDisk
from tests.faults.judging.books import Book
from tests.peers.instances import CINE, STILL, InstanceKind, Instances, build_dataset
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytest.importorskip("sqlcipher3")
pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
NAME, ID, ACCESSION = "Quokka^Canary", "CANARY-0815", "CANARY-ACC-1"
PIXELS = b"pixels of a canary, and no others of this disk: 0815 "
JPEG_LS = "1.2.840.10008.1.2.4.80"


def canaries(instances: list[Instances]) -> list[bytes]:
    """What is the patient's, and must stand in no block."""
    uids = [uid.encode() for each in instances for uid in each.sop_instance_uids]
    return [b"Quokka", ID.encode(), ACCESSION.encode(), PIXELS, *uids]


def written(folder: Path, kinds: list[InstanceKind]) -> list[Instances]:
    """A file of each kind, in one study, full of canaries."""
    folder.mkdir()
    first: Dataset | None = None
    made = []
    for number, kind in enumerate(kinds):
        ds = build_dataset(kind)
        ds.PatientName, ds.PatientID, ds.AccessionNumber = NAME, ID, ACCESSION
        ds.PixelData = (PIXELS * (kind.pixel_bytes // len(PIXELS) + 1))[: kind.pixel_bytes]
        first = first or ds
        ds.StudyInstanceUID = first.StudyInstanceUID
        path = folder / f"{number}.dcm"
        ds.save_as(path, enforce_file_format=True)
        uids = (str(ds.SOPInstanceUID),)
        made.append(Instances(kind=kind, files=(path,), sop_instance_uids=uids))
    return made


def sent(node: EchoNodeProcess, instances: list[Instances]) -> None:
    """One association for each, for their classes differ."""
    address = Address(host=node.host, port=node.port, called=node.ae_title)
    for each in instances:
        assert wire_client.send(Errand.of(each), address) == [0]


def found(web: int, path: str) -> list[dict[str, Any]]:
    """The matches of a search."""
    matches: list[dict[str, Any]] = json.loads(asked(web, path, "application/dicom+json"))
    return matches


def asked(web: int, path: str, accept: str) -> bytes:
    request = urllib.request.Request(
        f"http://{LOOPBACK}:{web}/dicom-web{path}", headers={"Accept": accept}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        body: bytes = answer.read()
        return body


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("is_encrypted", [True, False], ids=["encrypted", "plain"])
def test_no_block_of_the_disk_holds_a_canary(
    parts: ExitStack, tmp_path: Path, is_encrypted: bool
) -> None:
    """After images, a kill, a delivery, viewers, re-encoding, an export and an erasure: in files,
    database, its log, scratch, audit trail, and what was removed. A plain store has them all."""
    key = tmp_path / "key"
    key.touch(0o600)
    key.write_text("0f" * 32 + "\n")
    port, web = free_port(), free_port()
    book = Book(tmp_path / "pacs.book")
    archive = parts.enter_context(LyingArchive(book, ae_title="PACS", node_port=port))
    extra: dict[str, Any] = {
        "forwarding": [{"from": "sender", "to": ["pacs"]}],
        "web": {"host": LOOPBACK, "port": web},
    }
    if is_encrypted:
        extra["encryption"] = {"key": {"file": str(key)}}
    disk = BlockDisk(tmp_path / "data", tmp_path / "disk.img", mib=320)
    peers: Mapping[str, Mapping[str, Any]] = {
        "sender": {"ae_title": "BENCH", "host": LOOPBACK, "port": 104, "may": ["echo", "store"]},
        "pacs": {"ae_title": "PACS", "host": LOOPBACK, "port": archive.port, "may": ["echo"]},
    }
    node = EchoNodeProcess(
        folder=tmp_path,
        port=port,
        peers=peers,
        destinations=[{"peer": "pacs", "commitment": "none"}],
        extra=extra,
    )
    instances = written(tmp_path / "sent", [STILL, CINE, STILL])
    with disk:
        with node:
            sent(node, instances)
            node.kill()
        with node:
            wait_until(lambda: len(kept(book)) == 3, lambda: f"delivered: {kept(book)}")
            used(web)
            given = node.command("patient", "export", ID, "--out", str(tmp_path / "given"))
            assert given.returncode == 0, given.stderr
            node.stop()
        done = node.command("patient", "erase", ID, "--yes")
        assert done.returncode == 0, done.stderr
        with node:
            sent(node, written(tmp_path / "later", [STILL]))
            node.stop()
    book.close()
    wanted = canaries(instances)
    assert disk.holds(wanted) == ([] if is_encrypted else wanted)


def used(web: int) -> None:
    """What viewers and a person do that goes through scratch files, answers and the trail."""
    [study] = [each["0020000D"]["Value"][0] for each in found(web, f"/studies?PatientID={ID}")]
    for each in found(web, f"/studies/{study}/instances"):
        at = f"/studies/{study}/series/{each['0020000E']['Value'][0]}/instances"
        one = f"{at}/{each['00080018']['Value'][0]}"
        assert asked(web, f"{one}/rendered", "image/jpeg")
        accept = f'multipart/related; type="application/dicom"; transfer-syntax={JPEG_LS}'
        assert asked(web, one, accept)
