"""A picture as the bytes of a JPEG or PNG file.

Rules
- JPEG keeps colour at full resolution (4:4:4): coloured overlays and Doppler have sharp edges.
- PNG (ISO/IEC 15948) is ours, by zlib: 8 bits, grey or RGB, each row filtered by the row above,
  which suits speckle about as well as the choice of a filter for each row would.
- Neither holds any text: no name of a patient leaves in a picture's metadata.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
import simplejpeg

from echonode.transcoding.picture import Picture

LOWEST_QUALITY, HIGHEST_QUALITY, QUALITY = 1, 100, 90
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB = 0, 2  # 11.2.2: colour types
_UP = 2  # 9.2: the filter of a row
_ZLIB_LEVEL = 6


def jpeg_of(picture: Picture, quality: int = QUALITY) -> bytes:
    """A baseline JPEG. quality: 1 to 100."""
    grey = picture.shape[2] == 1
    return bytes(
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(picture),
            quality,
            colorspace="GRAY" if grey else "RGB",
            colorsubsampling="Gray" if grey else "444",
        )
    )


def png_of(picture: Picture) -> bytes:
    """A PNG with every value of the picture."""
    rows, columns, samples = picture.shape
    kind = _GREY if samples == 1 else _RGB
    lines = picture.reshape(rows, columns * samples)
    filtered = np.empty((rows, 1 + columns * samples), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = lines[0]
    np.subtract(lines[1:], lines[:-1], out=filtered[1:, 1:])  # modulo 256, as 9.2 has it
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, kind, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(filtered.tobytes(), _ZLIB_LEVEL)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
