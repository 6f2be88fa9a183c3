"""Areas outside the ultrasound regions are black, and inside every pixel is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
)

from echonode.at_rest.writing import Scratch
from echonode.copies.deidentification.codestream_comments import without_comments
from echonode.copies.deidentification.copying import Anonymiser
from echonode.copies.deidentification.profile import Profile
from echonode.copies.deidentification.pseudonyms import Pseudonyms
from echonode.errors import InvalidObject, NeedsLook
from echonode.model.instance import StoredInstance
from echonode.transcoding.codecs import (
    JPEG_BASELINE,
    LOSSLESS_ENCODED,
    LOSSY,
    encode,
    encoded_photometric,
)
from echonode.transcoding.dataset import CONVERTED
from echonode.transcoding.pixel_layout import pixels_of
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from tests.support.stand_in_images import _compress as compress
from tests.unit.store.samples import US_MULTI_FRAME, dataset

ROWS, COLUMNS, FRAMES = 48, 64, 2
X0, Y0, X1, Y1 = 8, 16, 55, 43
INSIDE = np.zeros((ROWS, COLUMNS), dtype=bool)
INSIDE[Y0 : Y1 + 1, X0 : X1 + 1] = True
ENCODED_HERE = frozenset({*LOSSLESS_ENCODED, JPEG_BASELINE, JPEGExtended12Bit})
UNCOMPRESSED = {uid for uid in CONVERTED if not UID(uid).is_encapsulated}
# Every syntax with what it may hold: palettes are not compressed with loss, and frames are colour
# by pixel once compressed.
CASES = [
    *(
        (uid, colour)
        for uid in sorted(CONVERTED)
        for colour in ("MONOCHROME2", "MONOCHROME1", "RGB")
    ),
    *((uid, "PLANAR") for uid in sorted(UNCOMPRESSED)),
    *((uid, "YBR_FULL_422") for uid in sorted(UNCOMPRESSED)),
    *((uid, "PALETTE COLOR") for uid in sorted(UNCOMPRESSED | {*LOSSLESS_ENCODED})),
]


@pytest.fixture(scope="module")
def workers() -> Iterator[TranscodeWorkers]:
    made = TranscodeWorkers(1)
    yield made
    made.close()


@pytest.fixture
def anonymiser(workers: TranscodeWorkers, tmp_path: Path) -> Anonymiser:
    explicit = Reencoder(Scratch(tmp_path), workers).lossless
    return Anonymiser(Profile(), Pseudonyms(b"k" * 32), explicit=explicit, workers=workers)


def image(colour: str, **more: object) -> Dataset:
    """Two frames of a gradient without black, with one region."""
    frame, row, column = np.indices((FRAMES, ROWS, COLUMNS))
    grey = (30 + 40 * frame + row + column).astype(np.uint8)
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.05, 0.05
    region.RegionLocationMinX0, region.RegionLocationMinY0 = X0, Y0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = X1, Y1
    attributes: dict[str, object] = {
        "SOPClassUID": US_MULTI_FRAME,
        "NumberOfFrames": FRAMES,
        "Rows": ROWS,
        "Columns": COLUMNS,
        "SamplesPerPixel": 1,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "PhotometricInterpretation": colour,
        "SequenceOfUltrasoundRegions": [region],
        "PixelData": grey.tobytes(),
    }
    if colour in ("RGB", "PLANAR"):
        pixels = np.stack([grey, grey + 20, 255 - grey], axis=-1)
        pixels = np.moveaxis(pixels, -1, 1) if colour == "PLANAR" else pixels
        attributes |= {
            "SamplesPerPixel": 3,
            "PlanarConfiguration": int(colour == "PLANAR"),
            "PhotometricInterpretation": "RGB",
            "PixelData": pixels.tobytes(),
        }
    if colour == "YBR_FULL_422":
        pairs = np.stack(
            [grey[..., ::2], grey[..., 1::2], 90 + grey[..., ::2] // 4, grey[..., ::2]]
        )
        attributes |= {
            "SamplesPerPixel": 3,
            "PlanarConfiguration": 0,
            "PixelData": np.moveaxis(pairs, 0, -1).tobytes(),
        }
    made = dataset(1, **(attributes | more))
    if colour == "PALETTE COLOR":
        for name in ("Red", "Green", "Blue"):
            setattr(made, f"{name}PaletteColorLookupTableDescriptor", [256, 0, 16])
            table = np.arange(256, dtype="<u2") * 257
            setattr(made, f"{name}PaletteColorLookupTableData", table.tobytes())
    return made


def stored(ds: Dataset, syntax: str, folder: Path) -> StoredInstance:
    """A file of it in a transfer syntax; what this node does not encode, GDCM does."""
    path = folder / "original.dcm"
    native, ours = not UID(syntax).is_encapsulated, syntax in ENCODED_HERE
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax) if native or ours else ExplicitVRLittleEndian
    if ours:
        _encode(ds, syntax)
    else:
        ds["PixelData"].VR = "OB" if ds.BitsAllocated == 8 else "OW"
    ds.save_as(path, enforce_file_format=True)
    if not native and not ours:
        compress(path, UID(syntax))
    with path.open("rb") as file:
        file.seek(140)
        offset = 144 + int.from_bytes(file.read(4), "little")
    return StoredInstance(
        sop_class_uid=str(ds.SOPClassUID),
        sop_instance_uid=str(ds.SOPInstanceUID),
        study_instance_uid=str(ds.StudyInstanceUID),
        series_instance_uid=str(ds.SeriesInstanceUID),
        transfer_syntax_uid=str(dcmread(path).file_meta.TransferSyntaxUID),
        path=path,
        size=path.stat().st_size,
        dataset_offset=offset,
        dataset_sha256="",
    )


def _encode(ds: Dataset, syntax: str) -> None:
    codec = JPEG_BASELINE if syntax == JPEGExtended12Bit else syntax  # devices write it of 8 bits
    pixels = pixels_of(ds)
    whole, length = ds.PixelData, pixels.frame_bytes
    frames = [
        encode(whole[start : start + length], pixels, codec, 95)
        for start in range(0, len(whole), length)
    ]
    ds.PixelData = encapsulate(frames)
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.PhotometricInterpretation = encoded_photometric(pixels, codec)


def copied(anonymiser: Anonymiser, instance: StoredInstance, **how: bool) -> pydicom.FileDataset:
    target = BytesIO()
    anonymiser.write(instance, target, **{"made_here": False, "looked_at": True, **how})
    target.seek(0)
    return dcmread(target)


def decoded(ds: Dataset) -> NDArray[np.uint8]:
    """(frames, rows, columns[, 3]), by pydicom and not by us; colour as RGB."""
    shown: NDArray[np.uint8] = ds.pixel_array
    return shown


@pytest.mark.slow
@pytest.mark.parametrize(("syntax", "colour"), CASES)
def test_outside_is_black_and_inside_is_equal(
    anonymiser: Anonymiser, tmp_path: Path, syntax: str, colour: str
) -> None:
    """Read by pydicom and GDCM from the copy, for every transfer syntax that is decoded here."""
    instance = stored(image(colour), syntax, tmp_path)
    before = dcmread(instance.path)
    made = copied(anonymiser, instance)
    black = 255 if colour == "MONOCHROME1" else 0
    assert (decoded(made)[:, INSIDE] == decoded(before)[:, INSIDE]).all()
    assert (decoded(made)[:, ~INSIDE] == black).all()
    kept = made.file_meta.TransferSyntaxUID
    assert kept == syntax if syntax in LOSSLESS_ENCODED else kept not in LOSSY
    assert made.BurnedInAnnotation == "NO"
    assert ("113101", "Clean Pixel Data Option") in codes(made)
    if syntax in LOSSY:
        assert made.LossyImageCompression == "01"  # what was lost stays lost


def codes(ds: Dataset) -> list[tuple[str, str]]:
    return [(item.CodeValue, item.CodeMeaning) for item in ds.DeidentificationMethodCodeSequence]


def test_pixels_that_share_their_colour_stay_together(
    anonymiser: Anonymiser, tmp_path: Path
) -> None:
    """YBR_FULL_422 stays so. A pair at an edge of the region that is half outside is black: its
    colour would be left outside.
    """
    ds = image("YBR_FULL_422")
    ds.SequenceOfUltrasoundRegions[0].RegionLocationMinX0 = X0 - 1
    instance = stored(ds, ExplicitVRLittleEndian, tmp_path)
    made = copied(anonymiser, instance)
    assert made.PhotometricInterpretation == "YBR_FULL_422"
    assert len(made.PixelData) == FRAMES * ROWS * COLUMNS * 2
    assert (decoded(made)[:, INSIDE] == decoded(dcmread(instance.path))[:, INSIDE]).all()
    assert (decoded(made)[:, ~INSIDE] == 0).all()
    untouched = image("YBR_FULL_422", BurnedInAnnotation="NO")
    made = copied(anonymiser, stored(untouched, ExplicitVRLittleEndian, tmp_path), made_here=True)
    assert made.PixelData == untouched.PixelData


@pytest.mark.slow
def test_sixteen_bits_are_cleaned_as_well(anonymiser: Anonymiser, tmp_path: Path) -> None:
    """In lossless JPEG, and inside every value stays."""
    frame, row, column = np.indices((FRAMES, ROWS, COLUMNS))
    values = (300 + 900 * frame + 7 * row + 9 * column).astype("<u2")
    ds = image("MONOCHROME2", PixelData=values.tobytes(), BitsStored=12, HighBit=11)
    ds.BitsAllocated = 16
    made = copied(anonymiser, stored(ds, JPEGLosslessSV1, tmp_path))
    assert (made.pixel_array[:, INSIDE] == values[:, INSIDE]).all()
    assert (made.pixel_array[:, ~INSIDE] == 0).all()


def test_an_image_that_may_carry_text_waits_for_a_person(
    anonymiser: Anonymiser, tmp_path: Path
) -> None:
    """Without a look it is refused, also of our own make, unless it says that it has no text."""
    for said in (None, "YES"):
        instance = stored(image("RGB", BurnedInAnnotation=said), ExplicitVRLittleEndian, tmp_path)
        for made_here in (False, True):
            with pytest.raises(NeedsLook, match="a person must look at it first"):
                copied(anonymiser, instance, made_here=made_here, looked_at=False)
    instance = stored(image("RGB", BurnedInAnnotation="NO"), ExplicitVRLittleEndian, tmp_path)
    made = copied(anonymiser, instance, looked_at=False)
    assert (decoded(made)[:, ~INSIDE] == 0).all()


def test_an_image_of_ours_without_text_keeps_every_pixel(
    anonymiser: Anonymiser, tmp_path: Path
) -> None:
    """Also outside its region: nothing but echoes was drawn there."""
    ds = image("MONOCHROME2", BurnedInAnnotation="NO")
    instance = stored(ds, JPEGLosslessSV1, tmp_path)
    made = copied(anonymiser, instance, made_here=True, looked_at=False)
    assert made.file_meta.TransferSyntaxUID == JPEGLosslessSV1
    assert (decoded(made) == decoded(dcmread(instance.path))).all()
    assert ("113101", "Clean Pixel Data Option") not in codes(made)


def test_comments_in_compressed_frames_go(anonymiser: Anonymiser, tmp_path: Path) -> None:
    """JPEG has room for a name; the picture is the same without it."""
    instance = stored(image("MONOCHROME2", BurnedInAnnotation="NO"), JPEGLosslessSV1, tmp_path)
    text = b"CANARY^JANE"
    [first, *_] = generate_frames(dcmread(instance.path).PixelData, number_of_frames=2)
    comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2) + text
    exif = b"\xff\xe1" + (len(text) + 2).to_bytes(2) + text
    assert without_comments(first[:2] + comment + exif + first[2:]) == first
    with pytest.raises(InvalidObject):
        without_comments(b"\xff\xd8\x00\x00\x00\x00")


def test_an_overlay_within_the_pixels_is_refused(anonymiser: Anonymiser, tmp_path: Path) -> None:
    """Bits above the picture may hold text, and are not taken out here."""
    ds = image("MONOCHROME2", BurnedInAnnotation="NO")
    ds.add_new(0x60000010, "US", ROWS)
    with pytest.raises(InvalidObject, match="overlay within its pixels"):
        copied(anonymiser, stored(ds, ExplicitVRLittleEndian, tmp_path))


@pytest.mark.slow
def test_the_file_around_it_is_new(anonymiser: Anonymiser, tmp_path: Path) -> None:
    """Neither preamble nor File Meta Information nor what follows the pixels is copied."""
    ds = image("MONOCHROME2", BurnedInAnnotation="NO")
    ds.DataSetTrailingPadding = b"CANARY"
    instance = stored(ds, ExplicitVRLittleEndian, tmp_path)
    whole = bytearray(instance.path.read_bytes())
    whole[:6] = b"CANARY"
    instance.path.write_bytes(whole)
    target = BytesIO()
    anonymiser.write(instance, target, made_here=True, looked_at=False)
    assert b"CANARY" not in target.getvalue()
    assert target.getvalue()[:128] == bytes(128)
