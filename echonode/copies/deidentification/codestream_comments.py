"""Comments and application data taken out of compressed frames; the picture stays as it is.

Rules
- JPEG and JPEG-LS (ISO 10918-1 B.2.4): COM, and APPn but for APP0 (JFIF) and APP14 (Adobe), which
  say how colours are coded. Cameras and converters write names and dates there.
- JPEG 2000 (ISO 15444-1 A.9.2): COM in the main header. A JP2 box is refused: DICOM has codestreams
  alone (PS3.5 A.4.4), and boxes hold texts.
- Headers only are walked, up to the first scan or tile. RLE has none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from echonode.errors import InvalidObject

_JPEG, _JPEG_2000 = b"\xff\xd8", b"\xff\x4f"
_COM, _APP, _SOS = 0xFE, range(0xE0, 0xF0), 0xDA
_KEPT_APP = frozenset({0xE0, 0xEE})
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_J2K_COM, _J2K_SOT = 0x64, 0x90


def without_comments(codestream: bytes) -> bytes:
    """The codestream of one frame without its texts. Raises InvalidObject."""
    if codestream.startswith(_JPEG):
        return _walked(codestream, ends=_SOS, drop=_is_jpeg_text)
    if codestream.startswith(_JPEG_2000):
        return _walked(codestream, ends=_J2K_SOT, drop=lambda marker: marker == _J2K_COM)
    if codestream.startswith(b"\x00\x00\x00\x0c"):
        raise InvalidObject("a frame lies in a JP2 box, which may hold texts (PS3.5 A.4.4)")
    return codestream


def _is_jpeg_text(marker: int) -> bool:
    return marker == _COM or (marker in _APP and marker not in _KEPT_APP)


def _walked(codestream: bytes, *, ends: int, drop: Callable[[int], bool]) -> bytes:
    kept, at = [codestream[:2]], 2
    while at + 4 <= len(codestream):
        if codestream[at] != 0xFF:
            raise InvalidObject("a compressed frame has no marker where one must be")
        marker = codestream[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker == ends:
            return b"".join((*kept, codestream[at:]))
        length = 0
        if marker not in _WITHOUT_LENGTH:
            (length,) = struct.unpack_from(">H", codestream, at + 2)
        if not drop(marker):
            kept.append(codestream[at : at + 2 + length])
        at += 2 + length
    raise InvalidObject("a compressed frame has no picture")
