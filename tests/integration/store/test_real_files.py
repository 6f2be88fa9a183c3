"""Every real file that we have goes in, is found, and comes out again as the bytes it was.

The node is `echonode run`, the viewer DCMTK. Some files bear the same SOP Instance UID (one picture
in several transfer syntaxes), so there are several nodes, as there would be several archives.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import UID

from tests.acceptance.clinic import dataset_sha256
from tests.benchmarks.work import Address
from tests.integration.store.real_files import (
    RealFile,
    files_of,
    read_real_file,
    send,
    send_real,
)
from tests.peers import EchoNodeProcess, StoreScp, dcmtk, find_program
from tests.peers.fixtures import require_program
from tests.peers.ports import LOOPBACK

pytestmark = [
    pytest.mark.peers,
    pytest.mark.timeout(120),
    # pydicom's own opinion of what real devices write, while the test reads it.
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),
]

MAY = ["echo", "store", "find", "move", "get"]
SUCCESS, MISMATCH, CANNOT_UNDERSTAND = 0x0000, 0xA900, 0xC000
EXPLICIT_LE, EXPLICIT_BE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

# A dataset of four elements without any UID: a test of character sets, and no instance.
NO_INSTANCE = "charset_chrSQEncoding.dcm"
GOOD = [path for path in files_of("us", "other") if path.name != NO_INSTANCE]
# Malformed, and still instances: their UIDs can be read, so their bytes are kept as they came.
BAD_BUT_KEPT = (
    "CT_bad_meta.dcm",  # meta information of its own does not travel
    "ExplVR_BigEndNoMeta.dcm",
    "ExplVR_LitEndNoMeta.dcm",
    "J2K_pixelrep_mismatch.dcm",  # pixels are not looked into
    "JPEG2000-embedded-sequence-delimiter.dcm",
    "MR_small_padded.dcm",
    "MR_truncated.dcm",  # what there is of its pixels
    "SC_jpeg_no_color_transform.dcm",
    "badVR.dcm",
    "dcmjs_invalid-vr-length.dcm",
    "dcmjs_no-meta-length.dcm",
    "reportsi_with_empty_number_tags.dcm",
    "rtplan_truncated.dcm",
)
# Their datasets do not say of what class and instance they are.
BAD_AND_REFUSED = (
    NO_INSTANCE,
    "UN_sequence.dcm",
    "generated_encapsulated_defined_bot_2_to_1.dcm",
    "generated_encapsulated_empty_bot_2_to_1.dcm",
    "meta_missing_tsyntax.dcm",
    "nested_priv_SQ.dcm",
    "no_meta.dcm",
    "no_meta_group_length.dcm",
)
# Without meta information nothing says how these are encoded, but their names do.
SYNTAX_BY_NAME = {
    "ExplVR_BigEndNoMeta.dcm": EXPLICIT_BE,
    "ExplVR_LitEndNoMeta.dcm": EXPLICIT_LE,
}
KEPT = [*GOOD, *(path for path in files_of("bad") if path.name in BAD_BUT_KEPT)]
REFUSED = [path for path in files_of("other", "bad") if path.name in BAD_AND_REFUSED]


def node_with(parts: ExitStack, receiver_port: int) -> EchoNodeProcess:
    node = EchoNodeProcess()
    node.add_peer("viewer", ae_title="VIEWER", port=receiver_port, may=MAY)
    return parts.enter_context(node)


def address_of(node: EchoNodeProcess) -> Address:
    return Address(host=node.host, port=node.port, called=node.ae_title, calling="VIEWER")


class Archives:
    """Nodes enough for every file, and a viewer that they all know."""

    def __init__(self, parts: ExitStack) -> None:
        require_program("findscu")
        self.viewer = parts.enter_context(StoreScp(ae_title="VIEWER"))
        self.files = {path: _read(path) for path in KEPT}
        times: Counter[str] = Counter()
        self._place: dict[Path, int] = {}
        for path, file in self.files.items():
            self._place[path] = times[file.sop_instance_uid]
            times[file.sop_instance_uid] += 1
        count = max(times.values())
        self.nodes = [node_with(parts, self.viewer.port) for _ in range(count)]

    def node_of(self, path: Path) -> EchoNodeProcess:
        return self.nodes[self._place[path]]


def _read(path: Path) -> RealFile:
    file = read_real_file(path)
    syntax = SYNTAX_BY_NAME.get(path.name, file.transfer_syntax_uid)
    return replace(file, transfer_syntax_uid=syntax)


@pytest.fixture(scope="module")
def archives(shared_data: Path) -> Iterator[Archives]:
    with ExitStack() as parts:
        yield Archives(parts)


def stored_file(node: EchoNodeProcess, sop_instance_uid: str) -> Path:
    """The node's own file of an instance."""
    # Its meta information stands at the beginning, the UID in it as text.
    uid = sop_instance_uid.encode("ascii") + b"\0" * (len(sop_instance_uid) % 2)
    element = b"\x02\x00\x03\x00UI" + len(uid).to_bytes(2, "little") + uid
    [found] = [path for path in node.stored_files() if element in path.read_bytes()[:1024]]
    return found


def as_viewer(program: str, node: EchoNodeProcess, *arguments: str | Path) -> None:
    done = dcmtk(program, "-aet", "VIEWER", "-aec", node.ae_title, LOOPBACK, node.port, *arguments)
    assert done.ok, done.output


def test_every_real_file_has_its_place() -> None:
    """No file of the real data is left out: each is kept, or refused for a reason."""
    assert {*KEPT, *REFUSED} == {*files_of("us", "other", "bad")}


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.name)
def test_a_real_file_is_stored_found_and_moved_back_byte_for_byte(
    archives: Archives, path: Path, tmp_path: Path
) -> None:
    """C-STORE in its own transfer syntax, C-FIND by its UIDs, C-MOVE to the viewer: the dataset
    that comes back is the one that went in; and the same file again is a success."""
    file, node = archives.files[path], archives.node_of(path)
    assert send_real(address_of(node), file) == SUCCESS
    assert send_real(address_of(node), file) == SUCCESS
    kept = stored_file(node, file.sop_instance_uid)
    assert dcmread(kept, specific_tags=[]).file_meta.TransferSyntaxUID == file.transfer_syntax_uid
    assert dataset_sha256(kept) == file.sha256

    keys = (
        *("-k", "QueryRetrieveLevel=IMAGE"),
        *("-k", f"StudyInstanceUID={file.study_instance_uid}"),
        *("-k", f"SeriesInstanceUID={file.series_instance_uid}"),
        *("-k", f"SOPInstanceUID={file.sop_instance_uid}"),
    )
    as_viewer("findscu", node, "-S", "-X", "-od", tmp_path, *keys, "-k", "SOPClassUID")
    [answer] = [dcmread(found, force=True) for found in tmp_path.iterdir()]
    assert answer.SOPClassUID == file.sop_class_uid

    for earlier in archives.viewer.received():
        earlier.unlink()
    as_viewer("movescu", node, "-S", "-aem", "VIEWER", *keys)
    [moved] = archives.viewer.received()
    # An odd length gets the zero byte that the wire asks for (PS3.8 E.1); DCMTK keeps it.
    even = file.dataset + b"\0" * (len(file.dataset) % 2)
    assert dataset_sha256(moved) == hashlib.sha256(even).hexdigest()


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.name)
def test_a_file_that_is_no_instance_is_refused_and_leaves_nothing(
    archives: Archives, path: Path
) -> None:
    """No class or UID in the dataset: A900, no file, no row, and the next is served."""
    node, file = archives.nodes[0], _read(path)
    before = node.stored_files()
    file = replace(
        file,
        sop_class_uid=file.sop_class_uid or CT_IMAGE,
        sop_instance_uid=file.sop_instance_uid or "1.2.3",
    )
    assert send_real(address_of(node), file) == MISMATCH
    assert node.stored_files() == before
    assert not list((node.data_dir / "incoming").iterdir())
    as_viewer("echoscu", node)


@pytest.mark.parametrize(
    ("dataset", "transfer_syntax_uid", "statuses"),
    [
        (b"\x08\x00", EXPLICIT_LE, {MISMATCH, CANNOT_UNDERSTAND}),
        (b"\x08\x00\x16\x00UI\xff\xff1.2", EXPLICIT_LE, {MISMATCH, CANNOT_UNDERSTAND}),
        (b"\xff" * 4096, EXPLICIT_LE, {MISMATCH, CANNOT_UNDERSTAND}),
        (b"\x00" * 4096, EXPLICIT_BE, {MISMATCH, CANNOT_UNDERSTAND}),
        (b"not deflated at all", DEFLATED, {CANNOT_UNDERSTAND}),
        # A sequence in a sequence in a sequence, ten thousand deep.
        (b"\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 10_000,
         EXPLICIT_LE, {MISMATCH, CANNOT_UNDERSTAND}),
    ],
)  # fmt: skip
def test_bytes_that_are_no_dataset_are_refused(
    archives: Archives,
    tmp_path: Path,
    dataset: bytes,
    transfer_syntax_uid: str,
    statuses: set[int],
) -> None:
    """Cut off, all ones, all zeros, not deflated, endlessly deep: a status, and the node lives."""
    node, path = archives.nodes[0], tmp_path / "dataset"
    path.write_bytes(b"\0" + dataset)  # one byte that is not sent, so that there is a file to map
    status = send(
        address_of(node),
        path,
        offset=1,
        sop_class_uid=CT_IMAGE,
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=transfer_syntax_uid,
    )
    assert status in statuses
    assert not list((node.data_dir / "incoming").iterdir())
    as_viewer("echoscu", node)


def test_the_same_uid_with_other_bytes_is_refused_and_the_first_kept(archives: Archives) -> None:
    """The picture in another transfer syntax, under one UID: A900, and the second in quarantine."""
    first, second = (
        archives.files[path]
        for path in KEPT
        if path.name in {"philips_cx50_pal.dcm", "philips_cx50_pal_rle_2f.dcm"}
    )
    node = archives.nodes[0]
    assert send_real(address_of(node), first) == SUCCESS
    assert send_real(address_of(node), second) == MISMATCH
    assert dataset_sha256(stored_file(node, first.sop_instance_uid)) == first.sha256
    quarantined = [dataset_sha256(path) for path in (node.data_dir / "quarantine").iterdir()]
    assert second.sha256 in quarantined


# Of several with one UID, the first; rtstruct has no meta information, so no tool takes it up.
_LEFT_OUT = (
    *("mr_small.dcm", "mr_implicit.dcm", "rtstruct.dcm"),
    *("aloka_ssd4000_segpal_bigendian.dcm", "philips_cx50_pal_rle_2f.dcm"),
)
ONE_OF_A_KIND = [path for path in GOOD if path.name not in _LEFT_OUT]
UNKNOWN_TO_GDCM = "sr_tid1500.dcm"  # Comprehensive 3D SR: it proposes no context for it


@pytest.mark.parametrize("sender", ["dcmsend", "gdcmscu"])
def test_the_tools_of_dcmtk_and_gdcm_store_every_file(
    parts: ExitStack, shared_data: Path, sender: str
) -> None:
    """All classes and transfer syntaxes of our files, by two more implementations: each instance
    is stored, what is compressed without having been touched, and nothing fails in the node."""
    require_program(sender)
    node = node_with(parts, 104)
    sent = [p for p in ONE_OF_A_KIND if sender != "gdcmscu" or p.name != UNKNOWN_TO_GDCM]
    _send_with(sender, node, sent)
    for path in sent:
        file = read_real_file(path)
        kept = dcmread(stored_file(node, file.sop_instance_uid))
        assert kept.SOPClassUID == file.sop_class_uid
        if UID(file.transfer_syntax_uid).is_compressed and file.transfer_syntax_uid != DEFLATED:
            assert kept.file_meta.TransferSyntaxUID == file.transfer_syntax_uid
            assert kept.PixelData == dcmread(path).PixelData
    assert not [event for event in node.events if event["event"] == "service_failed"]
    assert "Traceback" not in node.stderr()


def _send_with(sender: str, node: EchoNodeProcess, paths: list[Path]) -> None:
    if sender == "dcmsend":
        # -dn: what is compressed is sent so, or not at all.
        as_viewer("dcmsend", node, "-dn", *paths)
        return
    for path in paths:
        # Debian's gdcmscu aborts after its last word, to any archive: its exit code says nothing.
        subprocess.run(
            [
                *(find_program("gdcmscu"), "--store", "-i", str(path)),
                *("--aetitle", "VIEWER", "--call", node.ae_title),
                *("-H", LOOPBACK, "-p", str(node.port)),
            ],
            capture_output=True,
            timeout=30,
            check=False,
        )
