"""How a dataset says that its frames are shown: rescale, window, VOI LUT, palette.

Rules
- Values are taken one by one: one that cannot be read is as if it were not there, for an image with
  a broken window is still an image.
- Of several windows it is the first, which the standard leaves to the viewer (PS3.3 C.11.2.1.2.1).
- Of several VOI LUTs it is the first (C.11.2.1.1). One whose data are not of the length that its
  descriptor says is as if it were not there.
- Of a frame its functional groups count before the data set itself (functional_groups.py).
- A palette of 16 bits an entry is shown by its high bytes (C.7.6.3.1.6). Segmented ones are not
  read.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.tag import Tag

from echonode.errors import Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import ITEM, UNDEFINED, Value
from echonode.transcoding.file_bytes import Data, source_of
from echonode.transcoding.functional_groups import PER_FRAME, SHARED, frame_values
from echonode.transcoding.picture import Palette, Presentation, VoiFunction, VoiLut, Window

_COLOURS = ("Red", "Green", "Blue")
_DESCRIPTORS = [Tag(f"{colour}PaletteColorLookupTableDescriptor") for colour in _COLOURS]
_TABLES = [Tag(f"{colour}PaletteColorLookupTableData") for colour in _COLOURS]
_SLOPE, _INTERCEPT = Tag("RescaleSlope"), Tag("RescaleIntercept")
_CENTER, _WIDTH = Tag("WindowCenter"), Tag("WindowWidth")
_FUNCTION, _SHAPE = Tag("VOILUTFunction"), Tag("PresentationLUTShape")
_REPRESENTATION, _VOI_LUTS = Tag("PixelRepresentation"), Tag("VOILUTSequence")
_LUT_DESCRIPTOR, _LUT_DATA = Tag("LUTDescriptor"), Tag("LUTData")
_OF_FRAMES = frozenset({_SLOPE, _INTERCEPT, _CENTER, _WIDTH, _FUNCTION})
_TAGS = _OF_FRAMES | {
    *(*_DESCRIPTORS, *_TABLES, _SHAPE, _REPRESENTATION, _VOI_LUTS),
    *(SHARED, PER_FRAME),
}
# Seven VOI LUTs, or a palette, of as many entries as 16 bits can name.
_LONGEST_VALUE = 8 * 2 * 65_536
# Functional groups of a thousand frames, and more.
_LONGEST_GROUPS = 4 * 1024 * 1024
_ITEM_HEADER = struct.Struct("<HHI")
Values = Mapping[int, Value]


def read_presentation(dataset: Data, *, implicit: bool, frame: int | None = None) -> Presentation:
    """Of a little endian dataset; of one of its frames, from 0 on, or of what all share.

    Does not raise: what cannot be read is not there.
    """
    try:
        walk = DatasetWalk(source_of(dataset), implicit=implicit)
        found = walk.head(_TAGS, longest=_LONGEST_GROUPS, sequences=True)
    except Unreadable:
        return Presentation()
    found.update(frame_values(found, _OF_FRAMES, frame, implicit=walk.implicit))
    slope, intercept = _number(found, _SLOPE), _number(found, _INTERCEPT)
    return Presentation(
        slope=slope if slope else 1.0,
        intercept=intercept or 0.0,
        window=_window(found),
        voi_lut=_voi_lut(found, implicit=walk.implicit),
        inverse=_text(found, _SHAPE) == "INVERSE",
        palette=_palette(found),
    )


def presentation_of(header: Dataset) -> Presentation:
    """Of a dataset that pydicom has read. Raises what pydicom raises on bad values."""
    asked = Dataset()
    for tag in sorted(_TAGS):
        if tag in header:
            asked[tag] = header[tag]
    written = DicomBytesIO()
    written.is_little_endian, written.is_implicit_VR = True, False
    write_dataset(written, asked)
    return read_presentation(written.getvalue(), implicit=False)


def _window(found: Values) -> Window | None:
    center, width = _number(found, _CENTER), _number(found, _WIDTH)
    if center is None or width is None:
        return None
    name = _text(found, _FUNCTION) or VoiFunction.LINEAR
    if name not in set(VoiFunction):
        return None
    window = Window(center=center, width=width, function=VoiFunction(name))
    return window if window.is_valid else None


def _voi_lut(found: Values, *, implicit: bool) -> VoiLut | None:
    """The first item of the VOI LUT Sequence (0028,3010)."""
    sequence = found[_VOI_LUTS].value if _VOI_LUTS in found else b""
    if len(sequence) < _ITEM_HEADER.size:
        return None
    group, element, length = _ITEM_HEADER.unpack_from(sequence)
    if group << 16 | element != ITEM:
        return None
    content = sequence[_ITEM_HEADER.size :]
    try:
        walk = DatasetWalk(
            source_of(content if length == UNDEFINED else content[:length]), implicit=implicit
        )
        item = walk.head({_LUT_DESCRIPTOR, _LUT_DATA}, longest=_LONGEST_VALUE)
    except Unreadable:
        return None
    descriptor = item.get(_LUT_DESCRIPTOR)
    if descriptor is None or len(descriptor.value) != 6 or _LUT_DATA not in item:
        return None
    count, first, bits = struct.unpack(
        "<HhH" if _is_signed(descriptor.vr, found) else "<HHH", descriptor.value
    )
    entries = _lut_entries(item[_LUT_DATA].value, count or 65_536, bits)
    return VoiLut(first=first, bits=bits, entries=entries) if entries else None


def _is_signed(vr: str, found: Values) -> bool:
    """Whether the first value mapped is SS (C.11.2.1.1); Implicit VR does not say it."""
    if vr in ("US", "SS"):
        return vr == "SS"
    is_signed = found[_REPRESENTATION].value[:1] == b"\1" if _REPRESENTATION in found else False
    return is_signed or (_number(found, _INTERCEPT) or 0.0) < 0


def _lut_entries(value: bytes, count: int, bits: int) -> bytes:
    """Entries of 16 bits each; b'' where the data are not what the descriptor says."""
    if not 8 <= bits <= 16:
        return b""
    if len(value) == 2 * count:
        return value
    if bits == 8 and len(value) == count + count % 2:  # two entries in a word (C.11.2.1.1)
        wide = bytearray(2 * count)
        wide[::2] = value[:count]
        return bytes(wide)
    return b""


def _palette(found: Values) -> Palette | None:
    descriptors = [_descriptor(found, tag) for tag in _DESCRIPTORS]
    if None in descriptors or len(set(descriptors)) != 1 or descriptors[0] is None:
        return None
    count, first, bits = descriptors[0]
    bands = [_entries(found, tag, count, bits) for tag in _TABLES]
    if any(len(band) != count for band in bands):
        return None
    colours = bytearray(3 * count)
    for index, band in enumerate(bands):
        colours[index::3] = band
    return Palette(first=first, colours=bytes(colours))


def _descriptor(found: Values, tag: int) -> tuple[int, int, int] | None:
    """Number of entries, first value mapped, bits an entry."""
    value = found[tag].value if tag in found else b""
    if len(value) != 6:
        return None
    count, first, bits = struct.unpack("<HHH", value)
    return (count or 65_536, first, bits) if bits in (8, 16) else None


def _entries(found: Values, tag: int, count: int, bits: int) -> bytes:
    """One byte for each entry; b'' where the table is not of the length described."""
    value = found[tag].value if tag in found else b""
    if bits == 8 and len(value) in (count, count + count % 2):
        return value[:count]
    if len(value) != 2 * count:
        return b""
    # Some writers put 8 bits into words: their high bytes are all zero.
    return value[::2] if bits == 8 or not any(value[1::2]) else value[1::2]


def _text(found: Values, tag: int) -> str:
    value = found[tag].value if tag in found else b""
    return value.split(b"\\")[0].strip(b" \0").decode("ascii", "replace")


def _number(found: Values, tag: int) -> float | None:
    try:
        number = float(_text(found, tag))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
