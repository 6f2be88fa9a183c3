"""A deflated dataset as the Explicit VR Little Endian one that it is (PS3.5 A.5)."""

from __future__ import annotations

import zlib

from echonode.errors import InvalidObject
from echonode.model.walk_limits import MOST_INFLATED
from echonode.transcoding.file_bytes import Data
from echonode.transcoding.native_syntax import Write

_PIECE = 1024 * 1024  # bytes held at once


def inflate(data: Data, write: Write, *, most: int = MOST_INFLATED) -> None:
    """Write the dataset that `data` is the raw deflate stream of.

    What follows the stream is padding (store/files/dataset_sources.py) and left out. Raises
    InvalidObject for bytes that are no such stream, end within it, or become more than `most`.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    written = 0
    try:
        for start in range(0, len(data), _PIECE):
            pending = bytes(data[start : start + _PIECE])
            while pending and not inflater.eof:
                piece = inflater.decompress(pending, _PIECE)
                pending = inflater.unconsumed_tail
                written += len(piece)
                if written > most:
                    raise InvalidObject(f"the data set inflates to over {most:,} bytes")
                write(piece)
            if inflater.eof:
                break
        else:
            write(inflater.flush())
    except zlib.error:
        raise InvalidObject("the data set is not deflated as it should be") from None
    if not inflater.eof:
        raise InvalidObject("the deflated data set is cut off")
