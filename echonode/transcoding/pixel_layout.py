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

from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from echonode.errors import InvalidObject
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.parse_faults import fenced
from echonode.transcoding.file_bytes import Data, source_of

_LONGEST_VALUE = 64 * 1024  # none of the attributes below is longer; longer ones are skipped
_KEYWORDS = (  # none of them is text: values of other VRs are not looked at
    *("SOPClassUID", "SOPInstanceUID", "ImageType", "SamplesPerPixel"),
    *("PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)
_TAGS = frozenset(Tag(keyword) for keyword in _KEYWORDS)

# Of one frame: 8192 x 8192 grey, or 4730 x 4730 colour. The largest radiographs have 25 million. A
# codec holds some copies of a frame, and a process of ours has bounded memory.
MOST_SAMPLES = 2**26
# Of all frames of an instance, uncompressed: what one element can hold (PS3.5 7.1).
MOST_BYTES = 2**32 - 2

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


def read_attributes(head: Data, *, implicit: bool) -> Dataset:
    """The attributes that re-encoding looks at, of a little endian dataset before its pixels.

    Every one of them is converted here: pydicom would do so when it is first looked at, and raise
    whatever its value makes it raise. Raises InvalidObject, whose message quotes nothing.
    """
    walk = DatasetWalk(source_of(head), implicit=implicit)
    ds = Dataset()
    for tag, found in walk.head(_TAGS, longest=_LONGEST_VALUE).items():
        raw = RawDataElement(
            *(BaseTag(tag), found.vr or None, len(found.value), found.value, found.position),
            *(walk.implicit, True),
        )
        with fenced(f"{keyword_for_tag(tag)} cannot be read"):
            ds[tag] = raw
            str(ds[tag].value)
    return ds


def pixels_of(ds: Dataset) -> Pixels:
    """The layout that a dataset describes. Raises InvalidObject where it describes none."""
    with fenced("it has no complete Image Pixel module (PS3.3 C.7.6.3)"):
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
    if pixels.samples not in (1, 3) or pixels.bits_allocated not in (8, 16):
        raise InvalidObject("only 1 or 3 samples of 8 or 16 bits are re-encoded")
    if not (
        pixels.frame_bytes
        and pixels.photometric
        and 0 < pixels.bits_stored <= pixels.bits_allocated
    ):
        raise InvalidObject("its Image Pixel module describes no pixels (PS3.3 C.7.6.3)")
    return pixels


def check_size(pixels: Pixels) -> None:
    """Raises InvalidObject for frames that are too large to encode or decode here."""
    if pixels.rows * pixels.columns * pixels.samples > MOST_SAMPLES:
        raise InvalidObject(f"a frame of over {MOST_SAMPLES:,} samples is not re-encoded")
    if pixels.native_bytes > MOST_BYTES:
        raise InvalidObject("uncompressed, its pixels are longer than an element (PS3.5 7.1)")


def values_of(ds: Dataset, keyword: str) -> list[str]:
    """The values of an attribute as strings; none where it is absent or empty."""
    value = ds.get(keyword)
    if value is None or value == "":
        return []
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(item) for item in value]
    return [str(value)]
