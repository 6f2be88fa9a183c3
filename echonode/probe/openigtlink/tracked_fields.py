"""The fields that PLUS keeps with a frame, in OpenIGTLink metadata and in sequence files alike.

`Timestamp` is in seconds of the sender's clock. `<From>To<To>Transform` is a 4 x 4 matrix, row by
row, in mm, and `<From>To<To>TransformStatus` says whether it was a good one at that time.

A TRANSFORM message (openigtlink/OpenIGTLink, Documents/Protocol/transform.md) has the same matrix
as twelve big-endian float32, column by column, its last row left out.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping

from echonode.errors import ProtocolError

Matrix = tuple[float, ...]
"""Sixteen numbers, row by row; translations in mm."""

_TRANSFORM_FIELD = re.compile(r"([A-Za-z0-9_]{1,40}To[A-Za-z0-9_]{1,40})Transform")
_TRANSFORM_BODY = struct.Struct(">12f")
TRANSFORMS_A_FRAME = 32  # a tracked exam has three to ten


def timestamp_of(fields: Mapping[str, str]) -> float | None:
    """`Timestamp`, where it is there and a number."""
    try:
        seconds = float(fields.get("Timestamp", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def transforms_of(fields: Mapping[str, str]) -> dict[str, Matrix | None]:
    """Name (without `Transform`) to matrix; at most TRANSFORMS_A_FRAME.

    None where its status is not OK, whatever numbers stand there, or where it is no matrix.
    """
    found: dict[str, Matrix | None] = {}
    for key, value in fields.items():
        match = _TRANSFORM_FIELD.fullmatch(key)
        if match is None or len(found) >= TRANSFORMS_A_FRAME:
            continue
        is_good = fields.get(f"{key}Status", "OK").upper() == "OK"
        found[match[1]] = _matrix(value) if is_good else None
    return found


def _matrix(text: str) -> Matrix | None:
    try:
        values = tuple(float(value) for value in text[:1024].split())
    except ValueError:
        return None
    return values if len(values) == 16 and all(map(math.isfinite, values)) else None


def decode_transform(content: bytes | memoryview) -> Matrix:
    """The matrix of a TRANSFORM message. Raises ProtocolError."""
    if len(content) != _TRANSFORM_BODY.size:
        raise ProtocolError(f"TRANSFORM: {len(content)} bytes where there are 48")
    columns = _TRANSFORM_BODY.unpack(content)
    if not all(map(math.isfinite, columns)):
        raise ProtocolError("TRANSFORM: its matrix is not finite")
    rows = tuple(columns[row + 3 * column] for row in range(3) for column in range(4))
    return (*rows, 0.0, 0.0, 0.0, 1.0)


def encode_transform(matrix: Matrix) -> bytes:
    """The content of a TRANSFORM message."""
    by_column = (matrix[4 * row + column] for column in range(4) for row in range(3))
    return _TRANSFORM_BODY.pack(*by_column)
