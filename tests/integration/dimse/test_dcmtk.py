"""DCMTK's own programs as the other side, in both directions."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filereader import read_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from echonode.dimse.contexts import VERIFICATION, ProposedContext
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Part10File, SubOperations
from tests.integration.dimse.parts import LOOPBACK, Node, peer
from tests.peers.dcmtk import DcmtkResult, StoreScp

pytestmark = pytest.mark.peers

Run = Callable[..., DcmtkResult]


def part10_of(path: Path) -> Part10File:
    """A real Part 10 file as something to send."""
    meta = dcmread(path, stop_before_pixels=True, specific_tags=[]).file_meta
    return Part10File(
        path=path,
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        # preamble, "DICM", the group length element (12 bytes), and the group it counts
        dataset_offset=128 + 4 + 12 + int(meta.FileMetaInformationGroupLength),
        size=path.stat().st_size,
    )


def dataset_bytes(path: Path) -> bytes:
    return path.read_bytes()[part10_of(path).dataset_offset :]


def raw_values(data: bytes, *, explicit: bool) -> dict[int, object]:
    """Tag -> value as encoded, of a dataset's elements except sequences and group lengths."""
    dataset = read_dataset(BytesIO(data), not explicit, True)
    elements = [dataset.get_item(tag) for tag in list(dataset._dict) if tag.element]
    return {int(item.tag): item.value for item in elements if item.VR != "SQ"}


@pytest.fixture
def us_files(shared_data: Path) -> list[Path]:
    """Real ultrasound files of several transfer syntaxes."""
    names = ["philips_epiq5g_mono.dcm", "philips_cx50_pal_rle_2f.dcm", "esaote_6100_ybr422_raw.dcm"]
    return [shared_data / "us" / name for name in names]


def as_scu(node: Node, *more: str) -> tuple[str | int, ...]:
    return ("-aet", "SCU", "-aec", "ECHONODE", *more, LOOPBACK, node.port)


def test_echoscu_is_answered(node: Node, run_dcmtk: Run) -> None:
    """DCMTK's echoscu verifies us."""
    assert run_dcmtk("echoscu", *as_scu(node)).ok


def test_a_stranger_is_told_that_it_is_one(node: Node, run_dcmtk: Run) -> None:
    """DCMTK shows the standard's reason when its AE title is not configured here."""
    result = run_dcmtk("echoscu", "-v", "-aet", "WHO", "-aec", "ECHONODE", LOOPBACK, node.port)
    assert not result.ok
    assert "Calling AE Title Not Recognized" in result.output


def test_storescu_sends_whole_datasets(node: Node, run_dcmtk: Run, us_files: list[Path]) -> None:
    """What storescu sends is what our file holds, RLE and raw alike.

    Element by element: storescu itself rewrites the lengths of sequences.
    """
    for path, option in zip(us_files, ["-xe", "-xr", "-xe"], strict=True):
        syntax = part10_of(path).transfer_syntax_uid
        result = run_dcmtk("storescu", "-R", option, *as_scu(node), path)
        assert result.ok, (syntax, result.output)
        explicit = not UID(syntax).is_implicit_VR
        received = raw_values(node.archive.data(), explicit=explicit)
        assert received == raw_values(dataset_bytes(path), explicit=explicit)
        assert node.archive.stored[-1].head.transfer_syntax_uid == syntax


def test_a_deflated_dataset_is_stored_as_it_came(
    node: Node, run_dcmtk: Run, shared_data: Path
) -> None:
    """Deflated bytes are kept as received: never inflated on the way in."""
    path = shared_data / "other" / "sc_deflated.dcm"
    result = run_dcmtk("storescu", "-xd", *as_scu(node), path)
    assert result.ok, result.output
    assert node.archive.stored[-1].head.transfer_syntax_uid == "1.2.840.10008.1.2.1.99"


def test_storescp_gets_bit_for_bit(
    requestor: Requestor, storescp: StoreScp, us_files: list[Path]
) -> None:
    """What storescp writes is what our file holds, one context for each class and syntax."""
    files = [part10_of(path) for path in us_files]
    contexts = [
        ProposedContext(
            abstract_syntax=file.sop_class_uid, transfer_syntaxes=(file.transfer_syntax_uid,)
        )
        for file in files
    ]
    pacs = peer("pacs", ae_title="STORESCP", port=storescp.port)
    with requestor.associate(pacs, contexts) as assoc:
        assert [assoc.c_store(file).status for file in files] == [0, 0, 0]
    received = {dataset_bytes(path) for path in storescp.received()}
    assert received == {dataset_bytes(path) for path in us_files}


def test_findscu_gets_each_answer(node: Node, run_dcmtk: Run) -> None:
    """findscu prints one response for each match and ends with success."""
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="]
    result = run_dcmtk("findscu", "-S", "-v", *keys, *as_scu(node))
    assert result.ok
    assert len(re.findall(r"\(Pending\)", result.output)) == 3


def test_findscu_cancels(node: Node, run_dcmtk: Run) -> None:
    """A C-CANCEL of findscu after two answers ends a query of a thousand."""
    node.archive.answers = 100_000
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID="]
    result = run_dcmtk("findscu", "-S", "-v", "--cancel", "2", *keys, *as_scu(node), timeout_s=30)
    assert 2 <= len(re.findall(r"\(Pending\)", result.output)) < 100_000


@pytest.mark.parametrize(
    ("final", "words"),
    [
        ({"completed": 3, "failed": 0, "warning": 0}, "Success"),
        ({"completed": 2, "failed": 1, "warning": 0}, "SubOperationsCompleteOneOrMoreFailures"),
        ({"completed": 0, "failed": 3, "warning": 0}, "OutOfResourcesNumberOfSubOperations|0xa702"),
    ],
)
def test_movescu_is_told_how_it_went(
    node: Node, run_dcmtk: Run, final: dict[str, int], words: str
) -> None:
    """movescu gets a Pending with counts for each sub-operation and the right final status."""

    def move(request: object) -> object:
        yield SubOperations(remaining=2, completed=1, failed=0, warning=0)
        yield SubOperations(remaining=0, failed_sop_instance_uids=("1.2.3",), **final)

    node.archive.move = move  # type: ignore[method-assign, assignment]
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2"]
    result = run_dcmtk("movescu", "-S", "-d", "-aem", "SCU", *keys, *as_scu(node))
    assert "Pending" in result.output
    assert re.search(words, result.output), result.output[-3000:]


def test_getscu_receives_on_the_same_association(
    node: Node, run_dcmtk: Run, us_files: list[Path], tmp_path: Path
) -> None:
    """getscu, which proposes the SCP role, receives our file bit for bit as a sub-operation."""
    node.archive.files = [part10_of(us_files[0])]
    keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=1.2"]
    result = run_dcmtk("getscu", "-S", "-v", "+B", "-od", tmp_path, *keys, *as_scu(node))
    assert result.ok, result.output
    received = [path for path in tmp_path.iterdir() if path.is_file()]
    assert [dataset_bytes(path) for path in received] == [dataset_bytes(us_files[0])]


def test_our_echo_to_storescp(requestor: Requestor, storescp: StoreScp) -> None:
    """C-ECHO to DCMTK succeeds."""
    pacs = peer("pacs", ae_title="STORESCP", port=storescp.port)
    with requestor.associate(pacs, [VERIFICATION]) as assoc:
        assert assoc.c_echo() == 0
        assert assoc.accepts("1.2.840.10008.1.1", "1.2.840.10008.1.2")
        assert not assoc.accepts("1.2.840.10008.1.1", ExplicitVRLittleEndian)
