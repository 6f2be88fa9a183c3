"""The IMAGE message of OpenIGTLink: a header of 72 bytes, then pixels.

Rules
- Sizes are checked against the bytes that are there before an array is made.
- An empty body is "no image now" (seen from Brainlab, OpenIGTLink issue 268), not an error.
- The matrix's position is the centre of the volume, whatever the C header's comment says.
- Spacing is the length of the three column vectors, in millimetres; whether it is to be believed
  is the profile's word, not the sender's: uncalibrated senders send 1.0.

Source: openigtlink/OpenIGTLink, Documents/Protocol/image.md and Source/igtlutil/igtl_image.h.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.messages import Message

IMAGE_HEADER = struct.Struct(">HBBBB3H12f3H3H")
SCALAR_TYPES = MappingProxyType(
    {2: "i1", 3: "u1", 4: "i2", 5: "u2", 6: "i4", 7: "u4", 10: "f4", 11: "f8"}
)
SKEW_LIMIT = 0.01  # the cosine; a length along a diagonal is then wrong by half a per cent at most
_BYTE_ORDERS = MappingProxyType({1: ">", 2: "<"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Image:
    """One IMAGE message.

    pixels: (k, j, i) or (k, j, i, components): slices, rows, columns; the sub-volume that was sent.
    size: i, j, k of the whole volume; offset: where the sub-volume lies in it.
    spacing_mm: along i, j, k. matrix: 3 x 4, columns i, j, k unit vectors times spacing, then the
    position of the centre, in mm. ras: True for RAS, False for LPS coordinates.
    """

    pixels: NDArray[np.generic]
    size: tuple[int, int, int]
    offset: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    matrix: NDArray[np.float32]
    ras: bool

    @property
    def is_skewed(self) -> bool:
        """Whether rows and columns are not at right angles, by more than rounding explains."""
        i, j = self.matrix[:, 0].astype(np.float64), self.matrix[:, 1].astype(np.float64)
        lengths = float(np.linalg.norm(i) * np.linalg.norm(j))
        return lengths > 0 and abs(float(i @ j)) > SKEW_LIMIT * lengths

    @property
    def is_whole(self) -> bool:
        """Whether the sub-volume is the volume."""
        shape = self.pixels.shape
        return self.offset == (0, 0, 0) and (shape[2], shape[1], shape[0]) == self.size


def decode_image(message: Message) -> Image | None:
    """The image in an IMAGE message; None for an empty body. Raises ProtocolError."""
    content = message.content
    if not content:
        return None
    if len(content) < IMAGE_HEADER.size:
        raise ProtocolError(f"IMAGE: {len(content)} bytes are less than its header")
    values = IMAGE_HEADER.unpack_from(content)
    version, components, scalar, endian, coordinates = values[:5]
    size, vectors = values[5:8], values[8:20]
    offset, subvolume = values[20:23], values[23:26]
    if version not in (1, 2):
        raise ProtocolError(f"IMAGE: version {version} is not known")
    dtype = _dtype(scalar, endian)
    _check_volume(components, size, offset, subvolume)
    shape = (subvolume[2], subvolume[1], subvolume[0]) + ((components,) if components > 1 else ())
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - IMAGE_HEADER.size != expected:
        raise ProtocolError(
            f"IMAGE: {len(content) - IMAGE_HEADER.size} bytes of pixels where its header "
            f"says {expected}"
        )
    pixels = np.frombuffer(content, dtype, offset=IMAGE_HEADER.size).reshape(shape)
    matrix = np.array(vectors, np.float32).reshape(4, 3).T
    if not np.isfinite(matrix).all():
        raise ProtocolError("IMAGE: its matrix is not finite")
    lengths = [math.hypot(*(float(v) for v in matrix[:, axis])) for axis in range(3)]
    return Image(
        pixels=pixels,
        size=size,
        offset=offset,
        spacing_mm=(lengths[0], lengths[1], lengths[2]),
        matrix=matrix,
        ras=coordinates == 1,
    )


def _dtype(scalar: int, endian: int) -> np.dtype[np.generic]:
    try:
        return np.dtype(_BYTE_ORDERS[endian] + SCALAR_TYPES[scalar])
    except KeyError:
        raise ProtocolError(
            f"IMAGE: scalar type {scalar} with byte order {endian} does not exist"
        ) from None


def _check_volume(
    components: int,
    size: tuple[int, int, int],
    offset: tuple[int, int, int],
    subvolume: tuple[int, int, int],
) -> None:
    """Whether the sub-volume lies in the volume and has anything in it."""
    if not 1 <= components <= 4:
        raise ProtocolError(f"IMAGE: {components} components a pixel; 1 to 4 are taken")
    if 0 in subvolume:
        raise ProtocolError(f"IMAGE: an empty sub-volume {subvolume}")
    if any(o + s > n for o, s, n in zip(offset, subvolume, size, strict=True)):
        raise ProtocolError(f"IMAGE: sub-volume {subvolume} at {offset} is not inside {size}")


def encode_image(
    pixels: NDArray[np.generic],
    *,
    spacing_mm: tuple[float, float, float],
    little_endian: bool = True,
) -> bytes:
    """The content of an IMAGE message for a whole volume, axes RAS, centre at the origin.

    pixels: (k, j, i) or (k, j, i, components), of a type in SCALAR_TYPES.
    """
    codes = {kind: code for code, kind in SCALAR_TYPES.items()}
    code = codes[f"{pixels.dtype.kind}{pixels.dtype.itemsize}"]
    k, j, i = pixels.shape[:3]
    components = pixels.shape[3] if pixels.ndim == 4 else 1
    x, y, z = spacing_mm
    header = IMAGE_HEADER.pack(
        1,
        components,
        code,
        2 if little_endian else 1,
        1,
        *(i, j, k),
        *(x, 0.0, 0.0, 0.0, y, 0.0, 0.0, 0.0, z, 0.0, 0.0, 0.0),
        *(0, 0, 0),
        *(i, j, k),
    )
    ordered = pixels.dtype.newbyteorder("<") if little_endian else pixels.dtype.newbyteorder(">")
    return header + pixels.astype(ordered).tobytes()
