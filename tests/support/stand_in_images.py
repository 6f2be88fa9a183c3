"""DICOM files in place of real ones: those that pydicom ships, and pictures of the phantom.

The pictures have the class, the transfer syntax and the colour that the names promise, not what
else a vendor writes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import gdcm
import numpy as np
import pydicom.data
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

# Where pydicom keeps its own test files: beside the package, in every installation.
PYDICOM: Final = Path(pydicom.data.__file__).parent
# Our name of it -> where pydicom has the same file.
SHIPPED: Final = {
    "us/philips_cx50_pal.dcm": "test_files/examples_palette.dcm",
    "us/sonosite_turbo_30f.dcm": "test_files/examples_ybr_color.dcm",
    "us/ge_logiq700_us1_j2kr.dcm": "test_files/examples_jpeg2k.dcm",
    "other/ct_small.dcm": "test_files/CT_small.dcm",
    "other/mr_small.dcm": "test_files/MR_small.dcm",
    "other/mr_implicit.dcm": "test_files/MR_small_implicit.dcm",
    "other/mr_bigendian.dcm": "test_files/MR_small_bigendian.dcm",
    "other/sc_deflated.dcm": "test_files/image_dfl.dcm",
    "other/rtstruct.dcm": "test_files/rtstruct.dcm",
    "other/ecg_12lead.dcm": "test_files/waveform_ecg.dcm",
    "other/sr_reportsi.dcm": "test_files/reportsi.dcm",
    "other/sr_test.dcm": "test_files/test-SR.dcm",
    "other/sr_tid1500.dcm": "test_files/test-SR.dcm",  # any report with nested content
    "other/seg_binary.dcm": "test_files/liver_1frame.dcm",
    **{
        f"other/charset_{name}.dcm": f"charset_files/{name}.dcm"
        for name in (
            *("chrArab", "chrFrenMulti", "chrGreek", "chrH31", "chrH32", "chrHbrw", "chrI2"),
            *("chrKoreanMulti", "chrRuss", "chrSQEncoding", "chrX1", "chrX2"),
        )
    },
    **{
        f"bad/{name}.dcm": f"test_files/{name}.dcm"
        for name in (
            *("ExplVR_BigEndNoMeta", "ExplVR_LitEndNoMeta", "J2K_pixelrep_mismatch"),
            *("JPEG2000-embedded-sequence-delimiter", "MR_small_padded", "MR_truncated"),
            *("SC_jpeg_no_color_transform", "UN_sequence", "badVR", "meta_missing_tsyntax"),
            *("nested_priv_SQ", "no_meta", "no_meta_group_length"),
            *("reportsi_with_empty_number_tags", "rtplan_truncated"),
        )
    },
}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A picture to make. colour: RGB, PLANAR (RGB by planes), YBR_FULL_422, PALETTE or MONO.

    uid_of: the shipped file whose SOP Instance UID it bears as well, in another transfer syntax.
    """

    syntax: UID
    colour: str
    frames: int = 1
    uid_of: str = ""


MADE: Final = {
    "hp_pediatric_I01": Made(syntax=JPEGBaseline8Bit, colour="RGB", frames=34),
    "toshiba_xario_mmode_I34": Made(syntax=ExplicitVRLittleEndian, colour="RGB"),
    "acuson_rgb_implicit_8f": Made(syntax=ImplicitVRLittleEndian, colour="RGB", frames=8),
    "acuson_jpeg_fragmented_nobot_8f": Made(syntax=JPEGBaseline8Bit, colour="RGB", frames=8),
    "aloka_ssd4000_segpal_implicit": Made(syntax=ImplicitVRLittleEndian, colour="PALETTE"),
    "aloka_ssd4000_segpal_bigendian": Made(syntax=ExplicitVRBigEndian, colour="PALETTE"),
    "acme_esopecho_planar": Made(syntax=ExplicitVRLittleEndian, colour="PLANAR"),
    "esaote_6100_ybr422_raw": Made(syntax=ExplicitVRLittleEndian, colour="YBR_FULL_422"),
    "ge_logiq700_us1_j2ki": Made(syntax=JPEG2000, colour="RGB"),
    "medistim_veriqc_jpegll_rgb_2f": Made(syntax=JPEGLosslessSV1, colour="RGB", frames=2),
    "philips_cx50_pal_rle_2f": Made(
        syntax=RLELossless, colour="PALETTE", frames=2, uid_of="us/philips_cx50_pal.dcm"
    ),
    "philips_epiq5g_mono": Made(syntax=ExplicitVRLittleEndian, colour="MONO"),
    "philips_epiq7c_jpegll_mono": Made(syntax=JPEGLosslessSV1, colour="MONO"),
}
ROWS, COLUMNS = 120, 160
ROOT: Final = "1.2.826.0.1.3680043.10.1521"
NATIVE: Final = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)


def write_images(folder: Path) -> None:
    """Fill us/, other/ and bad/ below `folder`."""
    for kind in ("us", "other", "bad"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, shipped in SHIPPED.items():
        shutil.copyfile(PYDICOM / shipped, folder / name)
    for number, (stem, made) in enumerate(MADE.items(), start=1):
        _write(folder / "us" / f"{stem}.dcm", made, number)


def _write(path: Path, made: Made, number: int) -> None:
    ds = _dataset(made, number)
    native = made.syntax in NATIVE
    syntax = made.syntax if native else ExplicitVRLittleEndian
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(path, enforce_file_format=True)
    if not native:
        _compress(path, made.syntax)


def _compress(path: Path, syntax: UID) -> None:
    """By GDCM, which these tests do not test. Raises ValueError."""
    reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
    reader.SetFileName(str(path))
    wanted = gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax)))
    change.SetTransferSyntax(wanted)
    if not reader.Read():
        raise ValueError(f"{path.name}: GDCM cannot read what was made")
    change.SetInput(reader.GetImage())
    if not change.Change():
        raise ValueError(f"{path.name}: GDCM cannot encode {syntax.name}")
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path))
    if not writer.Write():
        raise ValueError(f"{path.name}: GDCM cannot write it")


def _dataset(made: Made, number: int) -> Dataset:
    ds = Dataset()
    many = made.frames > 1
    ds.SOPClassUID = UltrasoundMultiFrameImageStorage if many else UltrasoundImageStorage
    ds.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    ds.SOPInstanceUID = f"{ROOT}.{number}.3"
    if made.uid_of:
        ds.SOPInstanceUID = dcmread(PYDICOM / SHIPPED[made.uid_of]).SOPInstanceUID
    ds.StudyInstanceUID = f"{ROOT}.{number}.1"
    ds.SeriesInstanceUID = f"{ROOT}.{number}.2"
    ds.PatientName, ds.PatientID = f"Standin^Number{number}", f"STANDIN{number}"
    ds.PatientBirthDate, ds.PatientSex = "19700102", "O"
    ds.StudyDate, ds.StudyTime = f"201706{number:02d}", f"1632{number:02d}"
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = str(number), f"A{number}", ""
    ds.Modality, ds.Manufacturer, ds.SeriesNumber, ds.InstanceNumber = "US", "EchoNode", 1, 1
    ds.PatientOrientation = ""
    private = ds.private_block(0x0029, "ECHONODE STAND-IN", create=True)
    private.add_new(0x01, "LO", "a private element")
    private.add_new(0x02, "US", [1, 513])
    ds.SequenceOfUltrasoundRegions = [_region()]
    if many:
        ds.NumberOfFrames = made.frames
        ds.FrameTime = "40.0"
        ds.FrameIncrementPointer = 0x00181063
        ds.StartTrim, ds.StopTrim = 1, made.frames
    _add_pixels(ds, made, number)
    return ds


def _region() -> Dataset:
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, ROWS - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.05, 0.05
    return region


@cache
def _speckle(number: int) -> NDArray[np.uint8]:
    """A sector of smooth speckle on black; (rows, columns)."""
    random = np.random.default_rng(number)
    noise = random.rayleigh(60, (ROWS // 4, COLUMNS // 4)).repeat(4, 0).repeat(4, 1)
    across, down = np.meshgrid(np.linspace(-1, 1, COLUMNS), np.linspace(0, 1, ROWS))
    sector: NDArray[np.uint8] = np.where(abs(across) < down, noise, 0).clip(0, 255).astype(np.uint8)
    return sector


def _add_pixels(ds: Dataset, made: Made, number: int) -> None:
    """Frames that shift by four columns each."""
    grey = [np.roll(_speckle(number), 4 * frame, axis=1) for frame in range(made.frames)]
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    if made.colour in ("MONO", "PALETTE"):
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        pixels = np.stack(grey)
        if made.colour == "PALETTE":
            _add_palette(ds, made)
    else:
        ds.SamplesPerPixel = 3
        ds.PlanarConfiguration = 1 if made.colour == "PLANAR" else 0
        ds.PhotometricInterpretation = "RGB"
        pixels = np.stack([np.stack([frame, frame // 2, 255 - frame], -1) for frame in grey])
        if made.colour == "PLANAR":
            pixels = np.moveaxis(pixels, -1, 1)
        if made.colour == "YBR_FULL_422":
            ds.PhotometricInterpretation = "YBR_FULL_422"
            pairs = pixels.reshape(made.frames, -1, 2, 3)
            first, second = pairs[:, :, 0, :1], pairs[:, :, 1, :1]
            pixels = np.concatenate([first, second, pairs[:, :, 0, 1:]], axis=-1)
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW" if made.syntax == ImplicitVRLittleEndian else "OB"


def _add_palette(ds: Dataset, made: Made) -> None:
    """256 colours of 16 bits; segmented (PS3.3 C.7.9.2) except where GDCM is to read them."""
    ds.PhotometricInterpretation = "PALETTE COLOR"
    segmented = made.syntax != RLELossless
    ramp = np.arange(256, dtype=np.uint16) * 257
    for colour, values in (("Red", ramp), ("Green", ramp // 2), ("Blue", ramp[::-1])):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        words = np.concatenate([[0, 256], values]) if segmented else values
        order = ">u2" if made.syntax == ExplicitVRBigEndian else "<u2"
        kind = "Segmented" if segmented else ""
        keyword = f"{kind}{colour}PaletteColorLookupTableData"
        setattr(ds, keyword, words.astype(order).tobytes())
