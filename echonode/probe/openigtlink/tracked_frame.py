"""The TRACKEDFRAME message of PLUS: an image with the fields that its tracker gave it.

Rules
- The body is a header of 86 bytes, an XML text, then the pixels. The header's integers are big
  endian; its matrix and the pixels are as the sender's processor has them, and those are all little
  endian by now.
- The XML is an element `TrackedFrame` with `CustomFrameField` children (Name, Value). It is read up
  to LONGEST_XML, and one that declares a document type or entities is refused: PLUS writes neither,
  and entities may grow without bound.
- Sizes are checked against the bytes that are there before an array is made.
- The orientation's number is left aside: its meaning changed between versions of PLUS. The matrix
  gives the spacing only: PLUS does not say where in the image its position lies.

Source: PlusToolkit/PlusLib, src/PlusOpenIGTLink/igtlPlusTrackedFrameMessage.h and .cxx;
IGSIO/IGSIO, igsioTrackedFrame.cxx (the XML).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.image import SCALAR_TYPES, Image
from echonode.probe.openigtlink.messages import Message

_HEADER = struct.Struct(">6H2IH")
_MATRIX = struct.Struct("<16f")
HEADER_BYTES = _HEADER.size + _MATRIX.size
LONGEST_XML = 64 * 1024  # a frame has some dozens of fields of a hundred characters


def decode_tracked_frame(message: Message) -> tuple[Image, Mapping[str, str]]:
    """The image of a TRACKEDFRAME message and the fields of its frame. Raises ProtocolError."""
    content = bytes(message.content)
    if len(content) < HEADER_BYTES:
        raise ProtocolError(f"TRACKEDFRAME: {len(content)} bytes are less than its header")
    scalar, components, _, i, j, k, pixel_bytes, xml_bytes, _ = _HEADER.unpack_from(content)
    if scalar not in SCALAR_TYPES:
        raise ProtocolError(f"TRACKEDFRAME: scalar type {scalar} does not exist")
    dtype = np.dtype("<" + SCALAR_TYPES[scalar])
    if not 1 <= components <= 4 or 0 in (i, j, k):
        raise ProtocolError(f"TRACKEDFRAME: {i} x {j} x {k} with {components} components")
    shape = (k, j, i) + ((components,) if components > 1 else ())
    expected = math.prod(shape) * dtype.itemsize
    given = len(content) - HEADER_BYTES - xml_bytes
    if pixel_bytes != expected or given != expected:
        raise ProtocolError(f"TRACKEDFRAME: {given} bytes of pixels where there are {expected}")
    start = HEADER_BYTES + xml_bytes
    matrix = np.array(_MATRIX.unpack_from(content, _HEADER.size), np.float32).reshape(4, 4)
    image = Image(
        pixels=np.frombuffer(content, dtype, offset=start).reshape(shape),
        size=(i, j, k),
        offset=(0, 0, 0),
        spacing_mm=_spacing(matrix),
        matrix=matrix[:3],
        ras=True,
    )
    return image, _fields(content[HEADER_BYTES:start])


def _spacing(matrix: NDArray[np.float32]) -> tuple[float, float, float]:
    if not np.isfinite(matrix).all():
        raise ProtocolError("TRACKEDFRAME: its matrix is not finite")
    i, j, k = (math.hypot(*(float(v) for v in matrix[:3, axis])) for axis in range(3))
    return i, j, k


def _fields(text: bytes) -> Mapping[str, str]:
    """Name to value of the frame's fields, with its Timestamp among them."""
    if len(text) > LONGEST_XML or b"<!" in text:
        raise ProtocolError("TRACKEDFRAME: its XML is too long, or declares entities")
    try:
        root = ElementTree.fromstring(text.rstrip(b"\0"))
    except (ElementTree.ParseError, ValueError, LookupError):  # LookupError: an unknown encoding
        raise ProtocolError("TRACKEDFRAME: its XML cannot be read") from None
    fields = {
        field.get("Name", ""): field.get("Value", "") for field in root.iter("CustomFrameField")
    }
    if "Timestamp" in root.attrib:
        fields.setdefault("Timestamp", root.attrib["Timestamp"])
    return fields
