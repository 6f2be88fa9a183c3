"""Archives that do not take an instance as it is (scenario 26): another way, or held with a reason.

What arrives is decoded by GDCM and compared pixel by pixel with what was captured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, RLELossless

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.association_wire import ACCEPTED, SYNTAXES_REFUSED
from echonode.commands.lying_pacs.record import Kept
from echonode.commands.lying_pacs.script import Accepts, everything, without_class
from echonode.commands.lying_pacs.wire import (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
)
from echonode.model.delivery import DeliveryState
from tests.faults.callers.instances import (
    Instance,
)
from tests.faults.judging.books import Book
from tests.faults.nodes.delivering_half import PACS, DeliveringHalf, memory_folder
from tests.faults.programme import REFUSED_CONTEXTS
from tests.peers.instances import InstanceKind, build_dataset
from tests.peers.validators import pixels_by_gdcm

pytestmark = pytest.mark.peers

STILL_CLASS, CINE_CLASS = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LS, JPEG_2000, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
EXAM = {
    "still": InstanceKind(name="still", columns=64, rows=49),
    "colour": InstanceKind(name="colour", columns=65, rows=48, samples=3),
    "cine": InstanceKind(name="cine", columns=64, rows=48, frames=3),
}
STILLS = ("still", "colour")
S = DeliveryState


@dataclass(frozen=True, kw_only=True)
class Case:
    """An archive. arrive: what of the exam gets there, in transfer syntax `arrives_in`; the rest is
    held. stored_in: how the exam is kept here.
    """

    accepts: Accepts
    arrive: Sequence[str] = tuple(EXAM)
    arrives_in: str = EXPLICIT_LITTLE
    stored_in: str = EXPLICIT_LITTLE


def only(*transfer_syntaxes: str) -> Accepts:
    """These, whatever the class."""
    return lambda abstract, syntax: ACCEPTED if syntax in transfer_syntaxes else SYNTAXES_REFUSED


CASES: dict[str, Case] = {
    "takes only implicit VR": Case(accepts=only(IMPLICIT_LITTLE), arrives_in=IMPLICIT_LITTLE),
    "takes only explicit VR": Case(accepts=only(EXPLICIT_LITTLE)),
    "takes only JPEG-LS": Case(accepts=only(JPEG_LS), arrives_in=JPEG_LS),
    "takes only JPEG 2000": Case(accepts=only(JPEG_2000), arrives_in=JPEG_2000),
    "takes only RLE": Case(accepts=only(RLE), arrives_in=RLE),
    "takes only implicit VR of what is RLE here": Case(
        accepts=only(IMPLICIT_LITTLE), arrives_in=IMPLICIT_LITTLE, stored_in=RLE
    ),
    "takes no cines": Case(accepts=without_class(CINE_CLASS), arrive=STILLS),
    "takes no stills": Case(accepts=without_class(STILL_CLASS), arrive=("cine",)),
    "takes neither class": Case(accepts=without_class(STILL_CLASS, CINE_CLASS), arrive=()),
    "takes only JPEG with loss": Case(accepts=only(JPEG_BASELINE), arrive=()),
}
assert len(CASES) == REFUSED_CONTEXTS.count


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An instance, and the hash of its pixels: (frames, rows, columns, samples) of 8 bits."""

    instance: Instance
    pixels_sha256: str


def picture(kind: InstanceKind, stored_in: str) -> Picture:
    """One of a kind, encoded as it is to be stored."""
    dataset = build_dataset(kind)
    sha256 = hashlib.sha256(bytes(dataset.PixelData[: kind.pixel_bytes])).hexdigest()
    if stored_in == RLE:
        dataset.compress(RLELossless)
    instance = Instance(
        sop_instance_uid=str(dataset.SOPInstanceUID),
        dataset=encoded(dataset, stored_in),
        sop_class_uid=str(dataset.SOPClassUID),
        transfer_syntax_uid=stored_in,
    )
    return Picture(instance=instance, pixels_sha256=sha256)


def encoded(dataset: Dataset, transfer_syntax_uid: str) -> bytes:
    """A dataset's bytes as they travel: without preamble and meta information."""
    dataset.file_meta = meta_of(transfer_syntax_uid)
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    whole = buffer.getvalue()
    # (0002,0000) is the first element behind the preamble: its value is the meta's length.
    return whole[144 + int.from_bytes(whole[140:144], "little") :]


def meta_of(transfer_syntax_uid: str) -> FileMetaDataset:
    """What pydicom cannot fill in by itself."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    return meta


def pixels_sha256(folder: Path, kept: Kept) -> str:
    """The hash of what an archive was sent, decoded by GDCM."""
    assert kept.dataset is not None
    meta_file, file = BytesIO(), folder / "arrived.dcm"
    bare = Dataset()
    bare.SOPClassUID, bare.SOPInstanceUID = kept.sop_class_uid, "1.2.3"
    bare.file_meta = meta_of(kept.transfer_syntax_uid)
    dcmwrite(meta_file, bare, enforce_file_format=True)
    head = meta_file.getvalue()
    length = 144 + int.from_bytes(head[140:144], "little")
    file.write_bytes(head[:length] + kept.dataset)
    return hashlib.sha256(pixels_by_gdcm(file).pixels.tobytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_an_archive_does_not_take_goes_another_way_or_is_held(name: str) -> None:
    """An exam for an archive that refuses transfer syntaxes or classes: what can go without loss
    gets there under its UID with the very same pixels; what cannot is held with the reason, sent
    never, and goes as soon as a person releases it to an archive that takes it.
    """
    case = CASES[name]
    with memory_folder() as folder:
        captures, archive_book = Book(folder / "captures"), Book(folder / "archive")
        with (
            LyingArchive(archive_book, keep_datasets=True) as archive,
            DeliveringHalf(folder / "var", archive.port, book=captures, reencoding=True) as node,
        ):
            archive.accepts = case.accepts
            exam = {what: picture(kind, case.stored_in) for what, kind in EXAM.items()}
            for each in exam.values():
                node.put(each.instance)
            node.live(3600.0)
            for what, each in exam.items():
                if what in case.arrive:
                    assert has_arrived(each, archive, folder) == case.arrives_in
                else:
                    assert_held(each, node)
            assert len(archive.arrivals) == len(case.arrive)
            archive.accepts = everything
            for each in exam.values():
                node.store.operator.release(each.instance.sop_instance_uid, now=node.clock.now())
            node.live(3600.0)
            assert node.store.ledger.counts() == {PACS: {S.SENT: len(EXAM)}}


def has_arrived(each: Picture, archive: LyingArchive, folder: Path) -> str:
    """The transfer syntax it arrived in; asserts that its pixels are those that were captured."""
    kept = archive.kept[each.instance.sop_instance_uid]
    assert pixels_sha256(folder, kept) == each.pixels_sha256
    return kept.transfer_syntax_uid


def assert_held(each: Picture, node: DeliveringHalf) -> None:
    """With a reason that names its class."""
    job = node.job(each.instance.sop_instance_uid)
    assert job.state is S.HELD
    assert each.instance.sop_class_uid in job.last_error
