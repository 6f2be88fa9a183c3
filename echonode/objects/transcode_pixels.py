"""What has to be known of an instance's pixels to encode or decode one frame of them.

Rules
- Read from the dataset's own attributes (PS3.3 C.7.6.3) and checked: what breaks them is refused
  before a pixel is touched (InvalidObject), and the instance may still go as it is stored.
- Native frames stand behind each other without a gap (PS3.5 8.1.1), so a frame is a slice.
- A compressed frame is colour by pixel once decoded; a native one may be colour by plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag, Tag

from echonode.errors import InvalidObject

_GROUP_PIXEL_DATA = 0x7FE0
_LONGEST_VALUE = 64 * 1024  # none of the attributes below is longer; longer ones are skipped
_KEYWORDS = (  # none of them is text: values of other VRs are not looked at
    *("SOPClassUID", "SOPInstanceUID", "ImageType", "SamplesPerPixel"),
    *("PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)
_TAGS = tuple(Tag(keyword) for keyword in _KEYWORDS)
# What pydicom is known to raise on bytes that are no dataset.
_PARSE_FAULTS = (
    *(InvalidDicomError, BytesLengthException, ArithmeticError, AssertionError, AttributeError),
    *(EOFError, LookupError, NotImplementedError, OSError, RecursionError, TypeError, ValueError),
)

MONOCHROME = frozenset({"MONOCHROME1", "MONOCHROME2"})
PALETTE = "PALETTE COLOR"
RGB = "RGB"
YBR_FULL = "YBR_FULL"
YBR_FULL_422 = "YBR_FULL_422"
YBR_RCT = "YBR_RCT"


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """How an instance's frames are laid out.

    photometric: Photometric Interpretation of the stored bytes. planar: colour by plane. signed:
    Pixel Representation 1.
    """

    rows: int
    columns: int
    samples: int
    bits_allocated: int
    bits_stored: int
    frames: int
    photometric: str
    planar: bool = False
    signed: bool = False

    @property
    def frame_bytes(self) -> int:
        """The length of one native frame."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8

    @property
    def native_bytes(self) -> int:
        """The length of all native frames, without padding."""
        return self.frame_bytes * self.frames


def read_attributes(head: bytes | memoryview, *, implicit: bool) -> Dataset:
    """The attributes that re-encoding looks at, of a little endian dataset before its pixels.

    Raises InvalidObject for bytes that cannot be parsed; its message quotes nothing of them.
    """
    try:
        ds = read_dataset(
            BytesIO(head),
            is_implicit_VR=implicit,
            is_little_endian=True,
            stop_when=_at_the_pixels,
            defer_size=_LONGEST_VALUE,
            specific_tags=[*_TAGS],
        )
    except _PARSE_FAULTS as error:
        raise InvalidObject(f"the dataset cannot be parsed ({type(error).__name__})") from None
    return ds


def _at_the_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group >= _GROUP_PIXEL_DATA


def pixels_of(ds: Dataset) -> Pixels:
    """The layout that a dataset describes. Raises InvalidObject where it describes none."""
    try:
        pixels = Pixels(
            rows=int(ds.Rows),
            columns=int(ds.Columns),
            samples=int(ds.SamplesPerPixel),
            bits_allocated=int(ds.BitsAllocated),
            bits_stored=int(ds.BitsStored),
            frames=max(1, int(ds.get("NumberOfFrames") or 1)),
            photometric=str(ds.PhotometricInterpretation or ""),
            planar=int(ds.get("PlanarConfiguration") or 0) == 1,
            signed=int(ds.get("PixelRepresentation") or 0) == 1,
        )
    except (AttributeError, TypeError, ValueError):
        raise InvalidObject("it has no complete Image Pixel module (PS3.3 C.7.6.3)") from None
    if pixels.samples not in (1, 3) or pixels.bits_allocated not in (8, 16):
        raise InvalidObject("only 1 or 3 samples of 8 or 16 bits are re-encoded")
    if not (
        pixels.frame_bytes
        and pixels.photometric
        and 0 < pixels.bits_stored <= pixels.bits_allocated
    ):
        raise InvalidObject("its Image Pixel module describes no pixels (PS3.3 C.7.6.3)")
    return pixels


def values_of(ds: Dataset, keyword: str) -> list[str]:
    """The values of an attribute as strings; none where it is absent or empty."""
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(item) for item in value]
    return [str(value)]
