"""A file's bytes, looked at piece by piece, and never mapped into memory.

Rules
- A read that fails raises OSError. Of a map, the same failure (a bad sector, a file that became
  shorter) is SIGBUS, which ends the whole process without a word.
- A slice is a view; `bytes(view)` reads it. What is short is read with what follows it, because a
  walk over headers asks for a few bytes at a time.
- A file that became shorter since it was opened is an OSError (EIO): it is not all there.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Self

from echonode.at_rest.reading import StoredFile
from echonode.model.element_header import CutShort, MemorySource, Source

_WINDOW = 64 * 1024  # bytes read ahead
PIECE = 1024 * 1024  # bytes of a long value that are held at once; whole units of every VR


class _Window:
    """What was read last of a file."""

    def __init__(self, file: StoredFile) -> None:
        self._file = file
        self._base, self._read = 0, b""

    def at(self, position: int, length: int) -> bytes:
        """Raises OSError."""
        first = position - self._base
        if first < 0 or first + length > len(self._read):
            if length >= _WINDOW:
                return self._whole(position, length)
            self._base, self._read = position, self._file.pread(_WINDOW, position)
            first = 0
            if len(self._read) < length:
                raise _shorter()
        return self._read[first : first + length]

    def _whole(self, position: int, length: int) -> bytes:
        pieces = []
        while length:
            piece = self._file.pread(length, position)
            if not piece:
                raise _shorter()
            pieces.append(piece)
            position, length = position + len(piece), length - len(piece)
        return b"".join(pieces)


def _shorter() -> OSError:
    return OSError(errno.EIO, "the file became shorter while it was read")


class FileBytes:
    """A part of an open file; used by one thread, for as long as the file is open."""

    def __init__(self, window: _Window, start: int, end: int) -> None:
        self._window, self._start, self._end = window, start, end

    @classmethod
    def of(cls, file: StoredFile, offset: int = 0) -> Self:
        """A file from `offset` on, as long as it is now. Raises OSError."""
        return cls(_Window(file), offset, max(offset, file.size))

    def __len__(self) -> int:
        return self._end - self._start

    def __getitem__(self, part: slice) -> FileBytes:
        """A view of a part, without a step."""
        first, last, _ = part.indices(len(self))
        return FileBytes(self._window, self._start + first, self._start + max(first, last))

    def __bytes__(self) -> bytes:
        """Read it all. Raises OSError."""
        return self._window.at(self._start, len(self)) if len(self) else b""

    def window(self, position: int, least: int, /) -> bytes:
        """See model/element_header.Source. Raises OSError."""
        if position > len(self):
            raise CutShort("the data set ends within an element")
        return bytes(self[position : position + max(least, _WINDOW)])


Data = bytes | memoryview | FileBytes
"""What a dataset is re-encoded from: sliced, counted, and read by `bytes(...)`."""


def source_of(data: Data) -> Source:
    """As a walk over headers takes it."""
    return data if isinstance(data, FileBytes) else MemorySource(data)


def pieces(data: Data) -> Iterator[bytes | memoryview]:
    """All of it, a piece at a time."""
    if not isinstance(data, FileBytes):
        yield data
        return
    for start in range(0, len(data), PIECE):
        yield bytes(data[start : start + PIECE])
