"""Files that are a DICOM file and a program as well: none comes out of the node as a program.

Posted by STOW-RS, fetched by WADO-RS, C-GET and C-MOVE, delivered by C-STORE and STOW-RS, and
written onto a medium.
"""

from __future__ import annotations

import hashlib
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.dicomweb.multipart import end, part_head
from echonode.model.programs import kind_of
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.faults.callers.instances import DEFLATED, Instance, element, small_instance
from tests.faults.programme import FULL
from tests.faults.test_datasets import send_one
from tests.peers import EchoNodeProcess
from tests.peers.dcmtk import DcmtkResult
from tests.peers.dicomweb_server import Scripted, ScriptedDicomweb
from tests.peers.log_reader import LogEvent
from tests.peers.ports import LOOPBACK, free_port
from tests.support.data_folder import images_folder
from tests.support.waiting import wait_until
from tests.unit.model.test_programs import MAGIC

pytestmark = [pytest.mark.timeout(240), pytest.mark.filterwarnings("ignore")]
BOUNDARY = "the-boundary"
CONTENT_TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


class Rig:
    """A node that forwards what is posted to an archive, and a viewer that it may move to."""

    def __init__(self, parts: ExitStack, **extra: Any) -> None:
        self.pacs = parts.enter_context(LyingArchive(keep_datasets=True))
        self.viewer = parts.enter_context(LyingArchive(keep_datasets=True, ae_title="VIEWER"))
        self.cloud = parts.enter_context(ScriptedDicomweb(lambda seen: Scripted(status=200)))
        self.port = free_port()
        self.node = EchoNodeProcess(
            destinations=[
                {"peer": "pacs", "commitment": "none"},
                {
                    "name": "cloud",
                    "dicomweb": f"http://{LOOPBACK}:{self.cloud.port}/dicom-web",
                    "commitment": "none",
                },
            ],
            extra={
                "web": {"host": LOOPBACK, "port": self.port},
                "forwarding": [{"from": "dicomweb", "to": ["pacs", "cloud"]}],
                **extra,
            },
        )
        self.node.add_peer("pacs", ae_title="PACS", port=self.pacs.port, may=["echo"])
        self.node.add_peer(
            "viewer", ae_title="VIEWER", port=self.viewer.port, may=["find", "move", "get"]
        )
        self.node.add_peer("scu", ae_title="SCU", port=free_port(), may=["echo", "store"])
        parts.enter_context(self.node)
        self.url = f"http://{LOOPBACK}:{self.port}/dicom-web"

    def post(self, *files: bytes) -> Any:
        body = b"".join(
            part_head(BOUNDARY, {"Content-Type": "application/dicom"}, first=index == 0) + content
            for index, content in enumerate(files)
        )
        return requests.post(
            f"{self.url}/studies",
            data=body + end(BOUNDARY, first=False),
            headers={"Content-Type": CONTENT_TYPE},
            timeout=60,
        )

    def posted(self, uid: str) -> bytes:
        """What the archive in the cloud got of an instance, by STOW-RS."""

        def bodies() -> list[bytes]:
            return [seen.body for seen in self.cloud.seen if uid.encode() in seen.body]

        wait_until(lambda: bool(bodies()), what="the post to the cloud", timeout_s=60)
        return bodies()[0]

    def wado(self, instance: Instance, study: str) -> bytes:
        answer = requests.get(
            f"{self.url}/studies/{study}/series/{study}.1/instances/{instance.sop_instance_uid}",
            headers={"Accept": "application/dicom"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with ExitStack() as parts:
        yield Rig(parts)


STUDY = "2.25.77001"


def a_file(instance: Instance, preamble: bytes) -> bytes:
    """A Part 10 file with that preamble (PS3.10 7.1)."""
    meta = b"".join(
        element(0x0002, number, vr, value)
        for number, vr, value in (
            (0x0001, b"OB", b"\0\1"),
            (0x0002, b"UI", instance.sop_class_uid.encode()),
            (0x0003, b"UI", instance.sop_instance_uid.encode()),
            (0x0010, b"UI", instance.transfer_syntax_uid.encode()),
        )
    )
    length = element(0x0002, 0x0000, b"UL", len(meta).to_bytes(4, "little"))
    return preamble.ljust(128, b"\x90")[:128] + b"DICM" + length + meta + instance.dataset


@pytest.mark.peers
@pytest.mark.parametrize("kind", MAGIC)
def test_no_polyglot_comes_out(
    rig: Rig, kind: str, tmp_path: Path, run_dcmtk: Callable[..., DcmtkResult]
) -> None:
    """Its preamble is zeroed, said and counted; its dataset is equal byte for byte at each exit."""
    instance = small_instance(study=STUDY, pixels=64)
    assert rig.post(a_file(instance, MAGIC[kind])).status_code == 200
    said = rig.node.log.wait_for(
        "preamble_zeroed", lambda e: e["sop_instance_uid"] == instance.sop_instance_uid
    )
    assert said["kind"] == kind

    got = rig.wado(instance, STUDY)
    assert got[:132] == bytes(128) + b"DICM"
    assert kind_of(got) == ""
    assert got.endswith(instance.dataset)

    folder = tmp_path / "got"
    folder.mkdir()
    keys = [
        *("-k", "QueryRetrieveLevel=IMAGE", "-k", f"StudyInstanceUID={STUDY}"),
        *("-k", f"SeriesInstanceUID={STUDY}.1"),
        *("-k", f"SOPInstanceUID={instance.sop_instance_uid}"),
    ]
    where = (LOOPBACK, rig.node.port)
    titles = ("-aet", "VIEWER", "-aec", "ECHONODE", "-S")
    assert run_dcmtk("getscu", *titles, *keys, "-od", folder, "+B", *where).ok
    (file,) = folder.iterdir()
    assert not any(file.read_bytes()[:128])
    assert file.read_bytes().endswith(instance.dataset)

    assert run_dcmtk("movescu", *titles, "-aem", "VIEWER", *keys, *where).ok
    for archive in (rig.viewer, rig.pacs):
        archive.wait(lambda a=archive: instance.sop_instance_uid in a.kept, "the instance")  # type: ignore[misc]
        assert archive.kept[instance.sop_instance_uid].dataset == instance.dataset
    posted = rig.posted(instance.sop_instance_uid)
    begins = posted.index(b"DICM" + element(0x0002, 0x0000, b"UL", b"0000")[:6]) - 128
    assert posted[begins : begins + 128] == bytes(128)
    assert instance.dataset in posted

    medium = tmp_path / "medium"
    export = ("export", "--instance", instance.sop_instance_uid, "--media", str(medium))
    done = rig.node.command(*export)
    assert done.returncode == 0, done.stderr
    written = {path: path.read_bytes() for path in medium.rglob("*") if path.is_file()}
    images = [
        content for content in written.values() if instance.sop_instance_uid.encode() in content
    ]
    assert any(content.endswith(instance.dataset) for content in images)
    for path, content in written.items():
        if content[128:132] == b"DICM":
            assert content[:128] == bytes(128), path
    metrics = requests.get(f"http://{LOOPBACK}:{rig.port}/metrics", timeout=30).text
    assert f'echonode_preambles_zeroed_total{{kind="{kind}"}} 1.0' in metrics


def test_a_polyglot_that_is_imported_is_no_program_any_more(rig: Rig, tmp_path: Path) -> None:
    """`echonode import` of a medium: through the same intake, so the same is done and said."""
    instance = small_instance(study=STUDY, pixels=64)
    medium = tmp_path / "medium"
    medium.mkdir()
    (medium / "IMAGE").write_bytes(a_file(instance, MAGIC["PE"]))
    command = (sys.executable, "-m", "echonode", "import", str(medium))
    done = subprocess.run(
        [*command, "--config", str(rig.node.config_file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = rig.node.log.wait_for("preamble_zeroed", partial(_is_of, instance.sop_instance_uid))
    assert said["kind"] == "PE"
    got = rig.wado(instance, STUDY)
    assert got[:132] == bytes(128) + b"DICM"
    assert got.endswith(instance.dataset)


def test_no_file_of_the_bad_ones_comes_out_with_another_preamble(rig: Rig) -> None:
    """Each file of ../shared/data/bad (or of the stand-ins), made a polyglot and posted."""
    folder = images_folder() / "bad"
    files = sorted(folder.glob("*.dcm")) if folder.is_dir() else []
    for file in files:
        content = file.read_bytes()
        if content[128:132] == b"DICM":
            rig.post(MAGIC["PE"].ljust(128, b"\0") + content[128:])
    stored = list(rig.node.data_dir.glob("instances/*/*/*.dcm"))
    assert all(not any(path.read_bytes()[:128]) for path in stored)


def test_a_program_that_is_planted_in_the_store_does_not_go_out(rig: Rig) -> None:
    """A preamble that was changed on the disk is damage: the file is not served."""
    instance = small_instance(study=STUDY, pixels=64)
    assert rig.post(a_file(instance, b"")).status_code == 200
    rig.pacs.wait(lambda: instance.sop_instance_uid in rig.pacs.kept, "the instance")
    (path,) = (
        path
        for path in rig.node.data_dir.glob("instances/*/*/*.dcm")
        if path.read_bytes().endswith(instance.dataset)
    )
    with path.open("r+b") as file:
        file.write(MAGIC["ELF"])
    answer = requests.get(
        f"{rig.url}/studies/{STUDY}/series/{STUDY}.1/instances/{instance.sop_instance_uid}",
        headers={"Accept": "application/dicom"},
        timeout=60,
    )
    assert answer.status_code == 500
    with path.open("r+b") as file:
        file.write(bytes(8))
    assert rig.wado(instance, STUDY).endswith(instance.dataset)


def test_a_program_in_a_private_attribute_is_reported_and_kept(rig: Rig) -> None:
    """By C-STORE: the instance is stored as it came; the log has its UID, the tag and the kind."""
    tail = element(0x0099, 0x0010, b"LO", b"EXAMPLE") + element(
        0x0099, 0x1001, b"OB", MAGIC["PE"] + b"CANARY-IN-A-PROGRAM"
    )
    instance = small_instance(study=STUDY, tail=tail)
    assert send_one(rig.node.port, instance) == 0
    said = rig.node.log.wait_for(
        "program_in_attribute", lambda e: e["sop_instance_uid"] == instance.sop_instance_uid
    )
    assert (said["tag"], said["kind"], said["ae_title"]) == ("(0099,1001)", "PE", "SCU")
    assert "CANARY" not in rig.node.output()
    metrics = requests.get(f"http://{LOOPBACK}:{rig.port}/metrics", timeout=30).text
    assert 'echonode_programs_in_attributes_total{kind="PE"} 1.0' in metrics
    assert rig.wado(instance, STUDY).endswith(instance.dataset)


def _is_of(uid: str, event: LogEvent) -> bool:
    return bool(event["sop_instance_uid"] == uid)


def deflate(*pieces: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return b"".join(packer.compress(piece) for piece in pieces) + packer.flush()


def test_trailing_bytes_are_cut_only_where_that_is_configured(rig: Rig) -> None:
    """By default C000; with `content: {trailing_bytes: cut}` stored up to the dataset's end."""
    plain = small_instance(study=STUDY)
    behind = b"MZ\x90\0 this is no element"
    packed = deflate(plain.dataset)
    cases = [
        (plain.dataset + behind, plain.dataset, plain.transfer_syntax_uid),
        (packed + behind, packed + b"\0" * (len(packed) % 2), DEFLATED),
    ]
    with ExitStack() as parts:
        cutting = Rig(parts, content={"trailing_bytes": "cut"})
        for sent, kept, syntax in cases:
            other = small_instance(study=STUDY)
            renamed = [
                data
                if syntax == DEFLATED
                else data.replace(plain.sop_instance_uid.encode(), other.sop_instance_uid.encode())
                for data in (sent, kept)
            ]
            uid = plain.sop_instance_uid if syntax == DEFLATED else other.sop_instance_uid
            instance = Instance(
                sop_instance_uid=uid, dataset=renamed[0], transfer_syntax_uid=syntax
            )
            file = a_file(instance, b"")
            assert rig.post(file).status_code == 409  # no instance of it was stored
            assert cutting.post(file).status_code == 200
            said = cutting.node.log.wait_for("trailing_bytes_cut", partial(_is_of, uid))
            assert said["bytes"] >= len(behind) - 1
            cutting.pacs.wait(lambda uid=uid: uid in cutting.pacs.kept, "the instance")  # type: ignore[misc]
            arrived = cutting.pacs.kept[uid]
            assert arrived.sha256 == hashlib.sha256(renamed[1]).hexdigest()
            assert cutting.post(file).status_code == 200  # the same again is a success


BOMB_BYTES = [10**7, 10**8, 10**9, *([10**10] if FULL else [])]


@pytest.mark.parametrize("size", BOMB_BYTES)
def test_a_deflate_bomb_is_refused_in_flat_memory(rig: Rig, size: int) -> None:
    """10 MB to 10 GB of zeros, from 10 kB to 10 MB: C000, and no 32 MiB of memory."""
    plain = small_instance(study=STUDY)
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, min(size, 2**32 - 2))
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    begun = packer.compress(plain.dataset + head) + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(bytes(10**6)) + packer.flush(zlib.Z_FULL_FLUSH)
    bomb = Instance(
        sop_instance_uid=plain.sop_instance_uid,
        dataset=begun + megabyte * (size // 10**6) + packer.flush(),
        transfer_syntax_uid=DEFLATED,
    )
    send_one(rig.node.port, small_instance())
    reset_peak(rig.node.pid)
    before = resident_bytes(rig.node.pid)
    assert send_one(rig.node.port, bomb) == 0xC000
    assert peak_bytes(rig.node.pid) - before < 32 * 1024**2
