"""NRRD: one .nrrd with the fields of every frame, as PLUS and 3D Slicer open it.

Rules
- Axes are columns, rows and, of a cine, frames (kinds: domain domain list); the samples of colour
  come first. Spacing is in `space directions`, which all readers know.
- Pixels follow the header, uncompressed.

Source: teem.sourceforge.net/nrrd/format.html; vtkPlusNrrdSequenceIO.cxx.
"""

from __future__ import annotations

from collections.abc import Iterator

from echonode.copies.research.frame_stack import FrameStack, frame_stack
from echonode.copies.research.sequence_fields import fields_of
from echonode.copies.source import CopyFile, CopyOptions, CopySource

_TYPES = {"u1": "uchar", "i1": "signed char", "u2": "ushort", "i2": "short"}


def nrrd_file(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .nrrd. Raises InvalidObject."""
    stack = frame_stack(source, options)
    yield CopyFile(ending=".nrrd", chunks=_chunks(stack))


def _chunks(stack: FrameStack) -> Iterator[bytes]:
    fields = "".join(f"{key}:={value}\n" for key, value in fields_of(stack))
    yield f"NRRD0004\n{_header(stack)}{fields}\n".encode()
    for frame in stack.frames():
        yield frame.tobytes()


def _header(stack: FrameStack) -> str:
    x, y = stack.spacing_mm or (1.0, 1.0)
    axes = [
        *([("3", "RGB-color", "none")] if stack.colour else []),
        (str(stack.columns), "domain", f"({x:.17g},0)"),
        (str(stack.rows), "domain", f"(0,{y:.17g})"),
        *([(str(len(stack.numbers)), "list", "none")] if len(stack.numbers) > 1 else []),
    ]
    sizes, kinds, directions = (" ".join(column) for column in zip(*axes, strict=True))
    return (
        f"type: {_TYPES[stack.kind.str[1:]]}\n"
        f"dimension: {len(axes)}\n"
        "space dimension: 2\n"
        f"sizes: {sizes}\n"
        f"space directions: {directions}\n"
        f"kinds: {kinds}\n"
        "endian: little\n"
        "encoding: raw\n"
        "space origin: (0,0)\n"
        "ultrasound image orientation:=MFA\n"
        f"ultrasound image type:={'RGB_COLOR' if stack.colour else 'BRIGHTNESS'}\n"
        f"spacing is known:={stack.spacing_mm is not None}\n"
        f"times are known:={bool(stack.times_s)}\n"
    )
