"""A stored dataset's bytes for a walk: read in pieces, and inflated where they are deflated.

Rules
- A few tens of kilobytes are held, however long the dataset is or becomes.
- After the stream of a deflated dataset only NUL bytes may follow (PS3.5 A.5), and before them a
  trailer that real writers leave: of gzip (RFC 1952: CRC-32 and length) or of zlib. No reader of
  the dataset would see anything else there, but another program might.
"""

from __future__ import annotations

import zlib

from echonode.at_rest.reading import StoredFile
from echonode.errors import TrailingBytes, Unreadable
from echonode.model.element_header import CutShort

_PIECE = 32 * 1024  # a head is rarely longer: one read for it, and one for what follows the pixels
_LONGEST_TRAILER = 8  # bytes
# What inflates to less is no burden, whatever it was before.
LEAST_BOMB = 8 * 1024 * 1024
_INFLATED_PIECE = 256 * 1024  # at once; zlib works without the GIL


class FileSource:
    """The bytes of a file from an offset on. Reads raise OSError."""

    def __init__(self, file: StoredFile, offset: int, *, piece: int = _PIECE) -> None:
        """piece: bytes that are read at once, where no more are asked for."""
        self._file = file
        self._offset = offset
        self._piece = piece

    def window(self, position: int, least: int, /) -> bytes:
        """See model/element_header.Source."""
        found = self._file.pread(max(least, self._piece), self._offset + position)
        if not found and position > self._file.size - self._offset:
            raise CutShort("the data set ends within an element")
        return found


class InflatedSource:
    """What a deflated dataset becomes (PS3.5 A.5: raw deflate, without a zlib header)."""

    def __init__(
        self, file: StoredFile, offset: int, *, most: int, most_ratio: int | None = None
    ) -> None:
        """most: bytes that it may become; `most` may be raised later.

        most_ratio: as many times as large as what was read it may become, beyond LEAST_BOMB.
        """
        self.most = most
        self._most_ratio = most_ratio
        self._file = FileSource(file, offset)
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._read = 0
        self._base = 0
        self._window = b""

    def window(self, position: int, least: int, /) -> bytes:
        """See model/element_header.Source. Raises Unreadable beyond `most`, zlib.error."""
        while position > self._base + len(self._window):
            self._base += len(self._window)
            self._window = self._inflate()
            if not self._window:
                raise CutShort("the data set ends within an element")
        self._window = self._window[position - self._base :]
        self._base = position
        while len(self._window) < least and (more := self._inflate()):
            self._window += more
        return self._window

    def _check_size(self, inflated: int) -> None:
        """Raises Unreadable."""
        if inflated > self.most:
            raise Unreadable(f"the data set inflates to over {self.most:,} bytes")
        used = self._read - len(self._inflater.unconsumed_tail)
        ratio = self._most_ratio
        if ratio is not None and inflated > LEAST_BOMB and inflated > ratio * used:
            raise Unreadable(f"the data set inflates to over {ratio} times its size")

    def check_end(self) -> None:
        """Raises TrailingBytes where more than a trailer and NUL bytes follow; at the end only."""
        rest = self._inflater.unused_data[_LONGEST_TRAILER:]
        end = self._read - len(self._inflater.unused_data)
        while self._inflater.eof:
            if rest.strip(b"\0"):
                raise TrailingBytes("bytes follow the deflated data set's end", end)
            rest = self._file.window(self._read, _PIECE)
            self._read += len(rest)
            if not rest:
                return

    def _inflate(self) -> bytes:
        """The next bytes; b"" at the end, or where the stream is cut off."""
        while not self._inflater.eof:
            data = self._inflater.unconsumed_tail
            if not data:
                data = self._file.window(self._read, _PIECE)
                self._read += len(data)
            if found := self._inflater.decompress(data, _INFLATED_PIECE):
                self._check_size(self._base + len(self._window) + len(found))
                return found
            if not data:
                return b""
        return b""
