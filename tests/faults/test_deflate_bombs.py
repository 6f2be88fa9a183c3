"""Ten megabytes that inflate to ten gigabytes, by every way in (scenario 30): refused, memory flat.

Each block of zeros is compressed once and repeated: after a full flush a block of deflate stands by
itself (RFC 1951, RFC 1979 2.1), so the stream is made in a moment.
"""

from __future__ import annotations

import random
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from echonode.dicomweb.multipart import end, part_head
from tests.benchmarks.usage import peak_bytes, reset_peak, resident_bytes
from tests.faults.callers.instances import DEFLATED, ULTRASOUND, Instance, element, small_instance
from tests.faults.nodes.attacked import peers_for
from tests.faults.programme import FULL
from tests.faults.test_datasets import send_one
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

MIB = 1024**2
BLOCK = 16 * MIB  # bytes that one block inflates to
BECOMES = 10 * 1024**3
LONGEST = 0xFFFF_FFFE  # bytes that an element can claim (PS3.5 7.1)
CANNOT_UNDERSTAND = 0xC000
# Of the node: what is posted is held in pieces, and the allocator keeps some.
GROWTH = 64 * MIB
# Of the command without a node: Python and the store's libraries, and no data set.
COMMAND = 320 * MIB
GOOD = small_instance()
# The command, and then its peak memory (`wait4` would say that of the process which started it).
SAYING_ITS_PEAK = """
import os, runpy
from tests.benchmarks.usage import peak_bytes
try:
    runpy.run_module("echonode", run_name="__main__", alter_sys=True)
finally:
    print(peak_bytes(os.getpid()))
"""


@dataclass(frozen=True)
class Bomb:
    """noise: bytes next to the zeros of each block that do not shrink. pixels: it is all one pixel
    element, which no walk over the head inflates."""

    noise: int = 0
    pixels: bool = False

    def instance(self) -> Instance:
        """A head that is right, then elements of BLOCK bytes each, or pixels, until BECOMES."""
        plain = small_instance()
        packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
        pieces = [_flushed(packer, plain.dataset)]
        noise = random.Random(30).randbytes(self.noise)
        block = _flushed(packer, noise + bytes(BLOCK - self.noise))
        if self.pixels:
            pieces.append(_flushed(packer, element(0x7FE0, 0x0010, b"OB", b"", length=LONGEST)))
        for number in range(BECOMES // BLOCK):
            if not self.pixels:
                head = element(0x0041, 0x1010 + number, b"OB", b"", length=BLOCK)
                pieces.append(_flushed(packer, head))
            pieces.append(block)
        return Instance(
            sop_instance_uid=plain.sop_instance_uid,
            dataset=b"".join(pieces) + packer.flush(),
            transfer_syntax_uid=DEFLATED,
        )


def _flushed(packer: zlib._Compress, data: bytes) -> bytes:
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


# More than 500 times its size is refused when that is seen; less, when the head has 64 MiB, or all
# of it two gigabytes.
BOMBS = {"nothing but zeros": Bomb()}
if FULL:
    BOMBS["less than 500 times its size"] = Bomb(noise=24 * 1024)
    BOMBS["less, as pixels"] = Bomb(noise=24 * 1024, pixels=True)


@dataclass(frozen=True, kw_only=True)
class Attacked:
    """A running node that takes C-STORE and STOW-RS."""

    node: EchoNodeProcess
    web_port: int

    def post(self, part10: bytes) -> requests.Response:
        body = part_head("b", {}, first=True) + part10 + end("b", first=False)
        kind = 'multipart/related; type="application/dicom"; boundary=b'
        url = f"http://{LOOPBACK}:{self.web_port}/dicom-web/studies"
        return requests.post(url, data=body, headers={"Content-Type": kind}, timeout=200)


@pytest.fixture(scope="module")
def attacked() -> Iterator[Attacked]:
    port = free_port()
    with ExitStack() as parts:
        node = EchoNodeProcess(peers=peers_for(1), extra={"web": {"port": port}})
        parts.enter_context(node)
        found = Attacked(node=node, web_port=port)
        send_one(node.port, small_instance())  # what any first storing takes
        assert found.post(part10(GOOD)).status_code == 200
        yield found


@pytest.fixture(scope="module", params=BOMBS)
def bomb(request: pytest.FixtureRequest) -> Instance:
    made: Instance = BOMBS[request.param].instance()
    assert len(made.dataset) < BECOMES // 300
    return made


@pytest.fixture
def flat(attacked: Attacked) -> Iterator[None]:
    """The node's memory does not grow meanwhile, and nothing of the bomb stays."""
    reset_peak(attacked.node.pid)
    before, stored = resident_bytes(attacked.node.pid), attacked.node.stored_files()
    yield
    growth = peak_bytes(attacked.node.pid) - before
    print(f"{growth / MIB:.0f} MiB more")
    assert growth < GROWTH
    assert attacked.node.stored_files() == stored
    assert not list((attacked.node.data_dir / "incoming").glob("*"))
    assert not list((attacked.node.data_dir / "quarantine").rglob("*.dcm"))


def part10(instance: Instance) -> bytes:
    """The instance as a file."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(ULTRASOUND)
    meta.MediaStorageSOPInstanceUID = UID(instance.sop_instance_uid)
    meta.TransferSyntaxUID = UID(instance.transfer_syntax_uid)
    head = DicomBytesIO()
    write_file_meta_info(head, meta, enforce_standard=True)
    return bytes(128) + b"DICM" + head.getvalue() + instance.dataset


@pytest.mark.usefixtures("flat")
def test_a_bomb_by_c_store(attacked: Attacked, bomb: Instance) -> None:
    """C000."""
    assert send_one(attacked.node.port, bomb) == CANNOT_UNDERSTAND


@pytest.mark.usefixtures("flat")
def test_a_bomb_by_stow(attacked: Attacked, bomb: Instance) -> None:
    """409, with the instance among those that failed."""
    answer = attacked.post(part10(bomb))
    assert answer.status_code == 409
    [failed] = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [CANNOT_UNDERSTAND]
    assert failed["00081155"]["Value"] == [bomb.sop_instance_uid]


@pytest.mark.usefixtures("flat")
def test_a_bomb_on_a_medium_for_a_running_node(
    attacked: Attacked, bomb: Instance, tmp_path: Path
) -> None:
    """Named by its file, and the good image next to it comes in."""
    done = attacked.node.command("import", str(medium(tmp_path, bomb)))
    assert done.returncode == 1
    assert {"refused: 1", "already here: 1"} <= set(done.stdout.splitlines())
    assert "bomb: its data set cannot be read" in done.stderr


def test_a_bomb_on_a_medium_without_a_node(bomb: Instance, tmp_path: Path) -> None:
    """The command stores by itself, and takes no more memory than for any medium."""
    config = tmp_path / "echonode.yaml"
    config.write_text(f"ae_title: ECHONODE\ndata_dir: {tmp_path / 'var'}\n")
    words = ["import", str(medium(tmp_path, bomb)), "--config", str(config)]
    command = subprocess.run(
        [sys.executable, "-c", SAYING_ITS_PEAK, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said, _, peak = command.stdout.rstrip().rpartition("\n")
    assert command.returncode == 1, said
    assert "refused: 1" in said
    assert "stored: 1" in said
    assert int(peak) < COMMAND


def medium(folder: Path, bomb: Instance) -> Path:
    """A folder without a DICOMDIR: a good image, and the bomb."""
    box = folder / "box"
    box.mkdir()
    (box / "bomb").write_bytes(part10(bomb))
    (box / "good").write_bytes(part10(GOOD))
    return box


def test_the_streams_are_what_they_claim() -> None:
    """A block repeated inflates as often as it stands there: the bomb is a real one."""
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = _flushed(packer, bytes(BLOCK))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    size = sum(len(inflater.decompress(piece)) for piece in (block, block, packer.flush()))
    assert size == 2 * BLOCK
