"""MetaImage sequences, .mha and .mhd, as PLUS, SUPRA and ITK write them.

`Key = Value` lines; the last is ElementDataFile: LOCAL where the pixels follow at once, else the
name of a file in the header's folder (.raw, .zraw).

- DimSize is columns, rows and, for a sequence, frames: `x y`, `x y n` or `x y 1 n`.
- A volume is not a sequence: three axes are frames only where Kinds says `list`, or where the
  header has fields of frames, or says nothing of kinds at all.
- UltrasoundImageOrientation and UltrasoundImageType are PLUS's; without them it is a B-mode image.

Source: itk.org/Wiki/ITK/MetaIO/Documentation; PlusToolkit/PlusLib, vtkPlusMetaImageSequenceIO.cxx.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.device_metadata import device_metadata
from echonode.probe.recordings.image_sequence import (
    HeaderReader,
    ImageSequence,
    SequenceInfo,
    numbers,
)
from echonode.probe.recordings.sequence_fields import SequenceFields
from echonode.probe.recordings.sequence_header import (
    CONTENTS,
    Opener,
    PlaneShape,
    SequenceHeader,
    plain_name,
    plane_shape,
)

ELEMENT_TYPES = MappingProxyType(
    {
        "MET_CHAR": "i1",
        "MET_UCHAR": "u1",
        "MET_SHORT": "i2",
        "MET_USHORT": "u2",
        "MET_INT": "i4",
        "MET_UINT": "u4",
        "MET_FLOAT": "f4",
        "MET_DOUBLE": "f8",
    }
)


def read_metaimage(name: str, open_file: Opener) -> ImageSequence:
    """The sequence whose header is `name`. Raises ProtocolError, OSError."""
    with open_file("") as file:
        header = _read_header(name, file)
    return header.sequence(open_file)


def _read_header(name: str, file: BinaryIO) -> SequenceHeader:
    lines, keys, fields = HeaderReader(file, name), dict[str, str](), SequenceFields()
    while "ElementDataFile" not in keys:
        line = lines.line()
        if line is None:
            raise lines.fault("the file ends before its ElementDataFile")
        key, separator, value = (part.strip() for part in line.partition("="))
        if not separator:
            if key:
                raise lines.fault("not a `Key = Value`")
            continue
        if not fields.take(key, value):
            keys[key] = value
    try:
        return _header(name, keys, fields, offset=file.tell())
    except (ValueError, KeyError) as error:
        raise ProtocolError(f"{name}: {_words(error)}") from None


def _header(
    name: str, keys: Mapping[str, str], fields: SequenceFields, *, offset: int
) -> SequenceHeader:
    local = keys["ElementDataFile"].upper() == "LOCAL"
    if _flag(keys, "BinaryData", default=True) is False:
        raise ValueError("pixels written as text are not read")
    if keys.get("HeaderSize", "0") not in ("0", ""):
        raise ValueError("a HeaderSize is not read")
    shape, info = _info(name, keys, fields)
    return SequenceHeader(
        info=info,
        shape=shape,
        fields=fields,
        data_file="" if local else plain_name(keys["ElementDataFile"]),
        offset=offset if local else 0,
        compressed=_flag(keys, "CompressedData", default=False),
    )


def _info(
    name: str, keys: Mapping[str, str], fields: SequenceFields
) -> tuple[PlaneShape, SequenceInfo]:
    columns, rows, frames = _extent(keys, has_fields=bool(fields))
    content = keys.get("UltrasoundImageType", "").upper()
    if content not in CONTENTS:
        raise ValueError(f"image type {content[:32]} is not read")
    big = _flag(keys, "BinaryDataByteOrderMSB", default=False) or _flag(
        keys, "ElementByteOrderMSB", default=False
    )
    element = keys["ElementType"].upper()
    if element not in ELEMENT_TYPES:
        raise ValueError(f"element type {element[:32]} is not read")
    spacing = numbers(keys.get("ElementSpacing", "1 1"), "ElementSpacing")
    shape = plane_shape(
        content,
        rows=rows,
        columns=columns,
        components=int(keys.get("ElementNumberOfChannels", "1")),
    )
    return shape, SequenceInfo(
        name=name,
        frames=frames,
        rows=shape.rows,
        columns=shape.columns,
        components=shape.components,
        kind=np.dtype((">" if big else "<") + ELEMENT_TYPES[element]),
        orientation=keys.get("UltrasoundImageOrientation", "").upper(),
        content=CONTENTS[content],
        spacing_mm=(spacing[0], spacing[1]) if len(spacing) > 1 else None,
        device=device_metadata({**keys, **fields.common()}),
    )


def _extent(keys: Mapping[str, str], *, has_fields: bool) -> tuple[int, int, int]:
    """Columns, rows, frames."""
    sizes = [int(size) for size in keys["DimSize"].split()]
    if len(sizes) != int(keys.get("NDims", len(sizes))) or not 2 <= len(sizes) <= 4:
        raise ValueError("DimSize does not have NDims numbers, two to four")
    if len(sizes) == 4 and sizes[2] != 1:
        raise ValueError("volumes are not read, only planes")
    kinds = keys.get("Kinds", "").split()
    if len(sizes) == 3 and kinds and "list" not in kinds and not has_fields and sizes[2] != 1:
        raise ValueError("a volume is not read, only a sequence of planes")
    return sizes[0], sizes[1], 1 if len(sizes) == 2 else sizes[-1]


def _flag(keys: Mapping[str, str], key: str, *, default: bool) -> bool:
    return keys.get(key, str(default)).strip().lower() in ("true", "1", "t")


def _words(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
