"""MetaImage: one .igs.mha as PLUS and 3D Slicer open it, with the fields of every frame.

Rules
- Axes are columns, rows and, of a cine, frames (Kinds: domain domain list), as PLUS has them.
- The picture is as it is shown: UltrasoundImageOrientation MFA, marked side left, far side down.
- Pixels follow the header, uncompressed, so that a reader may map them.

Source: itk.org/Wiki/ITK/MetaIO/Documentation; vtkPlusMetaImageSequenceIO.cxx.
"""

from __future__ import annotations

from collections.abc import Iterator

from echonode.copies.research.frame_stack import FrameStack, frame_stack
from echonode.copies.research.sequence_fields import fields_of
from echonode.copies.source import CopyFile, CopyOptions, CopySource

_TYPES = {"u1": "MET_UCHAR", "i1": "MET_CHAR", "u2": "MET_USHORT", "i2": "MET_SHORT"}


def metaimage_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .igs.mha. Raises InvalidObject."""
    stack = frame_stack(source, options)
    yield CopyFile(ending=".igs.mha", chunks=_chunks(stack))


def _chunks(stack: FrameStack) -> Iterator[bytes]:
    lines = (f"{key} = {value}\n" for key, value in _header(stack))
    yield "".join(lines).encode()
    for frame in stack.frames():
        yield frame.tobytes()


def _header(stack: FrameStack) -> Iterator[tuple[str, str]]:
    x, y = stack.spacing_mm or (1.0, 1.0)
    yield "ObjectType", "Image"
    yield "NDims", "3"
    yield "AnatomicalOrientation", "RAI"
    yield "BinaryData", "True"
    yield "BinaryDataByteOrderMSB", "False"
    yield "CenterOfRotation", "0 0 0"
    yield "CompressedData", "False"
    yield "DimSize", f"{stack.columns} {stack.rows} {len(stack.numbers)}"
    yield "ElementSpacing", f"{x:.17g} {y:.17g} 1"
    yield "Kinds", "domain domain list"
    yield "Offset", "0 0 0"
    yield "TransformMatrix", "1 0 0 0 1 0 0 0 1"
    yield "UltrasoundImageOrientation", "MFA"
    yield "UltrasoundImageType", "RGB_COLOR" if stack.colour else "BRIGHTNESS"
    yield "SpacingIsKnown", str(stack.spacing_mm is not None)
    yield "TimesAreKnown", str(bool(stack.times_s))
    yield from fields_of(stack)
    yield "ElementNumberOfChannels", "3" if stack.colour else "1"
    yield "ElementType", _TYPES[stack.kind.str[1:]]
    yield "ElementDataFile", "LOCAL"
