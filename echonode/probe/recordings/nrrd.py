"""NRRD sequences, .nrrd and .nhdr, as PLUS and 3D Slicer write them.

`NRRD000x`, then `field: value` and `key:=value` lines, up to an empty one; then the pixels, or they
are in the file that `data file` names.

- The fastest axis may be components (`vector`, `RGB-color` ...); then columns, rows, perhaps one
  slice, and the frames (`list` or `time`) last. Another order of axes is not read.
- A frame's time is PLUS's Seq_Frame..._Timestamp, else Slicer's `axis <n> index values`.
- Encodings raw and gzip.

Source: teem.sourceforge.net/nrrd/format.html; PlusToolkit/PlusLib, vtkPlusNrrdSequenceIO.cxx.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, BinaryIO

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.device_metadata import device_metadata
from echonode.probe.recordings.image_sequence import (
    HeaderReader,
    ImageSequence,
    SequenceInfo,
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

TYPES: Mapping[str, str] = MappingProxyType(
    {
        name: code
        for code, names in (
            ("i1", ("signed char", "int8", "int8_t")),
            ("u1", ("uchar", "unsigned char", "uint8", "uint8_t")),
            ("i2", ("short", "short int", "signed short", "int16", "int16_t")),
            ("u2", ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t")),
            ("i4", ("int", "signed int", "int32", "int32_t")),
            ("u4", ("uint", "unsigned int", "uint32", "uint32_t")),
            ("f4", ("float",)),
            ("f8", ("double",)),
        )
        for name in names
    }
)
_MAGIC = re.compile(r"NRRD000[1-6]")
_COMPONENT_KINDS = ("vector", "rgb-color", "rgba-color", "3-color", "4-color")
_FRAME_KINDS = ("list", "time")
_ORIENTATION = ("ultrasound image orientation", "ultrasoundimageorientation")
_IMAGE_TYPE = ("ultrasound image type", "ultrasoundimagetype")


@dataclass(frozen=True, kw_only=True)
class _Axes:
    """Where the axes of a plane stand. frames: None where there is one image."""

    components: int | None
    columns: int
    rows: int
    frames: int | None


def read_nrrd(name: str, open_file: Opener) -> ImageSequence:
    """The sequence whose header is `name`. Raises ProtocolError, OSError."""
    with open_file("") as file:
        header = _read_header(name, file)
    return header.sequence(open_file)


def _read_header(name: str, file: BinaryIO) -> SequenceHeader:
    lines, keys, fields = HeaderReader(file, name), dict[str, str](), SequenceFields()
    if not _MAGIC.fullmatch(lines.line() or ""):
        raise lines.fault("not an NRRD file")
    while line := lines.line():  # an empty line, or the end of a detached header, ends it
        if line.startswith("#"):
            continue
        key, separator, value = line.partition(":")
        if not separator:
            raise lines.fault("neither `field: value` nor `key:=value`")
        value = value.removeprefix("=").strip()
        if not fields.take(key.strip(), value):
            keys[key.strip().lower()] = value
    try:
        return _header(name, keys, fields, offset=file.tell())
    except (ValueError, KeyError) as error:
        missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ProtocolError(f"{name}: {missing}") from None


def _header(
    name: str, keys: Mapping[str, str], fields: SequenceFields, *, offset: int
) -> SequenceHeader:
    encoding = keys["encoding"].lower()
    if encoding not in ("raw", "gzip", "gz"):
        raise ValueError(f"encoding {encoding[:32]} is not read")
    if any(int(keys.get(skip, "0")) for skip in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise ValueError("skips are not read")
    data_file = keys.get("data file", keys.get("datafile", ""))
    sizes = [int(size) for size in keys["sizes"].split()]
    axes = _axes(sizes, keys.get("kinds", "").lower().split())
    shape, info = _info(name, keys, fields, sizes, axes)
    return SequenceHeader(
        info=info,
        shape=shape,
        fields=fields,
        times=_times(keys, axes.frames),
        data_file=plain_name(data_file.removeprefix("./")) if data_file else "",
        offset=0 if data_file else offset,
        compressed=encoding != "raw",
    )


def _info(
    name: str,
    keys: Mapping[str, str],
    fields: SequenceFields,
    sizes: Sequence[int],
    axes: _Axes,
) -> tuple[PlaneShape, SequenceInfo]:
    content = next((keys[key].upper() for key in _IMAGE_TYPE if key in keys), "")
    if content not in CONTENTS:
        raise ValueError(f"image type {content[:32]} is not read")
    shape = plane_shape(
        content,
        rows=sizes[axes.rows],
        columns=sizes[axes.columns],
        components=1 if axes.components is None else sizes[axes.components],
    )
    return shape, SequenceInfo(
        name=name,
        frames=1 if axes.frames is None else sizes[axes.frames],
        rows=shape.rows,
        columns=shape.columns,
        components=shape.components,
        kind=_kind(keys),
        orientation=next((keys[key].upper() for key in _ORIENTATION if key in keys), ""),
        content=CONTENTS[content],
        spacing_mm=_spacing(keys, axes),
        device=device_metadata(fields.common()),
    )


def _kind(keys: Mapping[str, str]) -> np.dtype[Any]:
    name = keys["type"].lower()
    if name not in TYPES:
        raise ValueError(f"type {name[:32]} is not read")
    code = TYPES[name]
    if code[1] != "1" and keys["endian"].lower() not in ("little", "big"):
        raise ValueError("endian is neither little nor big")
    return np.dtype((">" if keys.get("endian", "").lower() == "big" else "<") + code)


def _axes(sizes: Sequence[int], kinds: Sequence[str]) -> _Axes:
    """Which axis is what, by `kinds`, else by their number."""
    if kinds and len(kinds) != len(sizes):
        raise ValueError("kinds and sizes are not alike")
    has_components = bool(kinds) and kinds[0] in _COMPONENT_KINDS
    rest = list(range(1 if has_components else 0, len(sizes)))
    if any(kinds[axis] in _FRAME_KINDS for axis in rest[:-1] if kinds):
        raise ValueError("frames must be the last axis")
    if not 2 <= len(rest) <= 4 or (len(rest) == 4 and sizes[rest[2]] != 1):
        raise ValueError("not a plane, nor a sequence of planes")
    is_volume = len(rest) == 3 and bool(kinds) and kinds[rest[-1]] not in _FRAME_KINDS
    if is_volume and sizes[rest[2]] != 1:
        raise ValueError("a volume is not read, only a sequence of planes")
    return _Axes(
        components=0 if has_components else None,
        columns=rest[0],
        rows=rest[1],
        frames=None if len(rest) == 2 else rest[-1],
    )


def _spacing(keys: Mapping[str, str], axes: _Axes) -> tuple[float, float] | None:
    """(x, y), from the lengths of the axes' vectors, else from `spacings`."""
    if directions := re.findall(r"none|\([^()]*\)", keys.get("space directions", "").lower()):
        steps = [
            math.hypot(*(float(part) for part in vector.strip("()").split(",")))
            if vector != "none"
            else math.nan
            for vector in directions
        ]
    else:
        steps = [float(step) for step in keys.get("spacings", "").split()]
    if max(axes.columns, axes.rows) >= len(steps):
        return None
    return steps[axes.columns], steps[axes.rows]


def _times(keys: Mapping[str, str], axis: int | None) -> Sequence[float]:
    """Slicer's index of the frames, where it is numbers that could be seconds."""
    try:
        times = [float(value) for value in keys.get(f"axis {axis} index values", "").split()]
    except ValueError:
        return ()
    return times if all(map(math.isfinite, times)) else ()
