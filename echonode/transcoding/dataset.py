"""An instance's dataset in another transfer syntax, its pixels encoded or decoded.

Rules
- The dataset's elements are copied as they are, header by header (native_syntax.py); only those
  that describe the pixels change: Photometric Interpretation and Planar Configuration (PS3.5 8.2).
- Without loss the SOP Instance UID stays. With loss it is another instance (PS3.3 C.7.6.1.1.5): a
  new UID, derived so that a resend has the same; Image Type DERIVED; Derivation Description and
  Code; Source Image Sequence, which names the original; Lossy Image Compression, Ratio and Method,
  each ratio and method after those of earlier compressions.
- What was once compressed with loss always says so, also after it is decoded.
- Group 7FE0's other elements (offset tables, padding) belong to the old encoding and are left out.
"""

from __future__ import annotations

import dataclasses
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from echonode.errors import InvalidObject
from echonode.model.element_header import UNDEFINED
from echonode.model.identity import derive_uid
from echonode.model.parse_faults import fenced
from echonode.transcoding.codecs import (
    DECODED,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LS_NEAR,
    LOSSY,
    RLE,
    decoded_pixels,
    encoded_photometric,
)
from echonode.transcoding.file_bytes import Data
from echonode.transcoding.fragments import frame_at, frames_in
from echonode.transcoding.native_syntax import Write, reencode_head
from echonode.transcoding.pixel_layout import (
    YBR_FULL_422,
    Pixels,
    check_size,
    pixels_of,
    read_attributes,
    values_of,
)
from echonode.transcoding.subsampled import as_full, full_frame, is_subsampled, stored_bytes

NATIVE = frozenset({ImplicitVRLittleEndian, ExplicitVRLittleEndian})
# Turned into Explicit VR Little Endian before anything else is made of them; never made.
ONLY_READ = frozenset({ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian})
CONVERTED = NATIVE | ONLY_READ | DECODED  # whatever another syntax can be made of
_PIXEL_GROUP, _PIXEL_DATA = 0x7FE00000, 0x7FE00010
# PS3.3 C.7.6.1.1.5.1: the method's defined terms.
_METHODS: dict[str, str] = {
    JPEG_BASELINE: "ISO_10918_1",
    JPEG_EXTENDED: "ISO_10918_1",
    JPEG_LS_NEAR: "ISO_14495_1",
    JPEG_2000: "ISO_15444_1",
}
_LONG_VR_HEADER = 12
_CODESTREAM_HEADERS = 1024 * 1024  # bytes; tables, and metadata that devices put into them


@dataclass(frozen=True, kw_only=True)
class Source:
    """A dataset whose pixels can be re-encoded.

    data: the whole dataset. attributes: see read_attributes. pixels: the layout of its frames.
    pixel_data: the value of Pixel Data, for encapsulated pixels from the offset table's item on.
    subsampled: whether that has two bytes for each pixel, and frames three (subsampled.py).
    """

    data: Data
    transfer_syntax_uid: str
    attributes: Dataset
    pixels: Pixels
    pixel_data: Data
    subsampled: bool = False

    @property
    def stored_bytes(self) -> int:
        """The length of all native frames as they are stored, without padding."""
        if not self.subsampled:
            return self.pixels.native_bytes
        return stored_bytes(self.pixels) * self.pixels.frames

    @property
    def encoded_in(self) -> str | None:
        """The transfer syntax that the frames have to be decoded from; None of native ones."""
        return None if self.transfer_syntax_uid in NATIVE else self.transfer_syntax_uid

    def frames(self) -> Iterator[bytes]:
        """The frames as they are stored, one at a time. Raises InvalidObject."""
        if self.encoded_in is not None:
            yield from frames_in(self.pixel_data, self.pixels.frames, longest=self._longest)
            return
        for number in range(self.pixels.frames):
            yield self._native(number)

    def frame(self, number: int) -> bytes:
        """One frame as it is stored, numbered from 0. Raises InvalidObject."""
        if self.encoded_in is None:
            return self._native(number)
        return frame_at(self.pixel_data, number, self.pixels.frames, longest=self._longest)

    @property
    def _longest(self) -> int:
        """Bytes of one codestream: noise grows when it is compressed, not to twice its size."""
        return 2 * self.pixels.frame_bytes + _CODESTREAM_HEADERS

    def _native(self, number: int) -> bytes:
        length = stored_bytes(self.pixels) if self.subsampled else self.pixels.frame_bytes
        frame = bytes(self.pixel_data[number * length : (number + 1) * length])
        return full_frame(frame) if self.subsampled else frame


def open_source(data: Data, transfer_syntax_uid: str) -> Source:
    """Look at a dataset in little endian byte order. Raises InvalidObject."""
    implicit = transfer_syntax_uid == ImplicitVRLittleEndian
    end = reencode_head(
        data,
        lambda _: None,
        from_implicit=implicit,
        to_implicit=implicit,
        edits={},
        before=_PIXEL_GROUP,
    )
    attributes = read_attributes(data[:end], implicit=implicit)
    pixels = pixels_of(attributes)
    start, length = _pixel_data(data, end, implicit=implicit)
    if (length == UNDEFINED) == (transfer_syntax_uid in NATIVE):
        raise InvalidObject("its Pixel Data is not encoded as its transfer syntax says")
    value = data[start:] if length == UNDEFINED else data[start : start + length]
    subsampled = length != UNDEFINED and is_subsampled(pixels, len(value))
    if length != UNDEFINED and pixels.photometric == YBR_FULL_422:
        pixels = as_full(pixels)
    source = Source(
        data=data,
        transfer_syntax_uid=transfer_syntax_uid,
        attributes=attributes,
        pixels=pixels,
        pixel_data=value,
        subsampled=subsampled,
    )
    if length != UNDEFINED and len(value) < source.stored_bytes:
        raise InvalidObject("its Pixel Data is shorter than the frames it counts")
    return source


def _pixel_data(data: Data, position: int, *, implicit: bool) -> tuple[int, int]:
    """Where Pixel Data's value is and how long, from the first element of its group on."""
    try:
        while position < len(data):
            header = bytes(data[position : position + _LONG_VR_HEADER])
            group, element = struct.unpack_from("<HH", header)
            if implicit or element == 0:  # (7FE0,0000) is UL: four bytes, whichever the header
                length = 4 if element == 0 else struct.unpack_from("<I", header, 4)[0]
                start = position + 8
            else:  # every other VR of this group has a 32 bit length (PS3.5 7.1.2)
                (length,) = struct.unpack_from("<I", header, 8)
                start = position + _LONG_VR_HEADER
            if (group << 16 | element) == _PIXEL_DATA:
                return start, length
            position = start + length
    except struct.error:
        pass
    raise InvalidObject("it has no Pixel Data")


def target_pixels(source: Source, transfer_syntax_uid: str) -> Pixels:
    """The layout of the pixels in the new syntax, as the dataset will describe it.

    Raises InvalidObject where they cannot be decoded, or encoded in it.
    """
    pixels = source.pixels
    check_size(pixels)
    is_native_422 = source.encoded_in is None and (
        values_of(source.attributes, "PhotometricInterpretation") == [YBR_FULL_422]
    )
    if is_native_422 and transfer_syntax_uid not in NATIVE:
        # Without loss it would be YBR_FULL, which an ultrasound image is not (PS3.3 C.8.5.6.1.2).
        raise InvalidObject("native YBR_FULL_422 is not compressed here")
    if source.encoded_in is not None:
        pixels = decoded_pixels(pixels, source.encoded_in)
    if transfer_syntax_uid in NATIVE:
        return pixels
    return dataclasses.replace(
        pixels,
        photometric=encoded_photometric(pixels, transfer_syntax_uid),
        # RLE codes plane by plane (PS3.5 G.2), the others by pixel (8.2.1, 8.2.3, 8.2.4).
        planar=pixels.samples > 1 and transfer_syntax_uid == RLE,
    )


def derived_uid(sop_instance_uid: str, transfer_syntax_uid: str, quality: int) -> str:
    """The UID of what is derived from an instance with loss: always the same."""
    return derive_uid("derived", sop_instance_uid, transfer_syntax_uid, str(quality))


def is_derived(stored_in: str, transfer_syntax_uid: str) -> bool:
    """Whether a re-encoding loses something, so that what comes out is another instance."""
    return transfer_syntax_uid in LOSSY and transfer_syntax_uid != stored_in


def changed_attributes(
    source: Source, transfer_syntax_uid: str, *, quality: int, encoded_bytes: int
) -> Dataset:
    """The attributes that the re-encoded dataset changes or adds.

    encoded_bytes: length of all codestreams, for the ratio. Raises InvalidObject.
    """
    pixels = target_pixels(source, transfer_syntax_uid)
    with fenced("its attributes do not allow a re-encoding"):
        return _changed(source, pixels, transfer_syntax_uid, quality, encoded_bytes)


def _changed(
    source: Source, pixels: Pixels, transfer_syntax_uid: str, quality: int, encoded_bytes: int
) -> Dataset:
    changed = Dataset()
    changed.PhotometricInterpretation = pixels.photometric
    if pixels.samples > 1:
        changed.PlanarConfiguration = int(pixels.planar)
    stored_in = source.transfer_syntax_uid
    if is_derived(stored_in, transfer_syntax_uid):
        _add_loss(changed, source, transfer_syntax_uid, encoded_bytes)
        _derive(changed, source.attributes, transfer_syntax_uid, quality)
    elif stored_in in LOSSY and not values_of(source.attributes, "LossyImageCompressionMethod"):
        _add_loss(changed, source, stored_in, len(source.pixel_data))
    return changed


def _add_loss(changed: Dataset, source: Source, syntax: str, encoded_bytes: int) -> None:
    """Lossy Image Compression and what it was (PS3.3 C.7.6.1.1.5)."""
    before = source.attributes
    ratio = source.pixels.native_bytes / max(1, encoded_bytes)
    changed.LossyImageCompression = "01"
    changed.LossyImageCompressionRatio = [
        # Some devices write "12:1", which is no number and cannot be written (PS3.5 6.2, DS).
        *filter(_is_decimal, values_of(before, "LossyImageCompressionRatio")),
        f"{ratio:.2f}",
    ]
    changed.LossyImageCompressionMethod = [
        *values_of(before, "LossyImageCompressionMethod"),
        _METHODS[syntax],
    ]


def _is_decimal(value: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value) is not None


def _derive(changed: Dataset, before: Dataset, syntax: str, quality: int) -> None:
    """Another instance, and what it was made of (PS3.3 C.7.6.1.1.3, C.12.4)."""
    original, sop_class_uid = str(before.get("SOPInstanceUID")), before.get("SOPClassUID")
    if sop_class_uid is None or "SOPInstanceUID" not in before:
        raise InvalidObject("it does not name its class and instance (PS3.3 C.12.1)")
    changed.SOPInstanceUID = derived_uid(original, syntax, quality)
    changed.ImageType = ["DERIVED", *(values_of(before, "ImageType")[1:] or ["PRIMARY"])]
    changed.DerivationDescription = (
        f"JPEG baseline, quality {quality}, for an archive that takes nothing lossless"
    )
    changed.DerivationCodeSequence = [_code("113040", "Lossy Compression")]
    source = Dataset()
    source.ReferencedSOPClassUID = sop_class_uid
    source.ReferencedSOPInstanceUID = original
    source.PurposeOfReferenceCodeSequence = [_code("121320", "Uncompressed predecessor")]
    changed.SourceImageSequence = [source]


def _code(value: str, meaning: str) -> Dataset:
    """A code of PS3.16 annex D."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code


def write_head(source: Source, write: Write, changed: Dataset, *, to_implicit: bool) -> None:
    """The dataset up to its pixels, with the changed attributes. Raises InvalidObject."""
    reencode_head(
        source.data,
        write,
        from_implicit=source.transfer_syntax_uid == ImplicitVRLittleEndian,
        to_implicit=to_implicit,
        edits=_encoded(changed, implicit=to_implicit),
        before=_PIXEL_GROUP,
    )


def _encoded(changed: Dataset, *, implicit: bool) -> Mapping[int, bytes]:
    """Each element by itself, as it goes into a dataset."""
    elements = {}
    for element in changed:
        alone = Dataset()
        target = DicomBytesIO()
        target.is_little_endian, target.is_implicit_VR = True, implicit
        with fenced("its attributes cannot be written"):
            alone.add(element)
            write_dataset(target, alone)
        elements[int(element.tag)] = target.getvalue()
    return elements


def native_pixel_data_header(pixels: Pixels, *, implicit: bool, length: int | None = None) -> bytes:
    """(7FE0,0010) of native pixels: OW, or OB for 8 bits in Explicit VR (PS3.5 8.1.2, A.1, A.2).

    length: of the frames where they are not as long as `pixels` says (Source.stored_bytes). Raises
    InvalidObject where they are too long for a native object.
    """
    length = pixels.native_bytes if length is None else length
    length += length % 2
    if length >= UNDEFINED:
        raise InvalidObject("decoded, its pixels are longer than an element can be (PS3.5 7.1)")
    if implicit:
        return struct.pack("<HHI", 0x7FE0, 0x0010, length)
    vr = b"OB" if pixels.bits_allocated == 8 else b"OW"
    return struct.pack("<HH2sHI", 0x7FE0, 0x0010, vr, 0, length)
