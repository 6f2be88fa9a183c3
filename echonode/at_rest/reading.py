"""Reading a file of the store, plain or sealed, at any place.

Rules
- Without a FileCipher a file is what it is. With one, a file that begins as a sealed one is opened;
  any other is read as it is, for a store may have plain files from before.
- A range is read by the chunks that it touches; the last chunk that was decrypted is kept, because
  a walk over headers asks for a few bytes at a time. So are those that a writer still has.
- Bytes that are not what was written raise Altered, which is an OSError as of a bad sector.
- A file is used by one thread at a time.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from echonode.at_rest.file_cipher import Altered, FileCipher
from echonode.at_rest.file_format import (
    CHUNK_EXTRA,
    HEAD_BYTES,
    MAGIC,
    Head,
    NotThisForm,
    chunk_count,
    content_size,
    offset_of,
    opened_chunk,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNKS_AT_ONCE = 16  # of one read from the disk: a megabyte
_NOTHING_KNOWN: Mapping[int, bytes] = {}


class PlainFile(io.FileIO):
    """A file as it is."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        super().__init__(path, "rb")

    @property
    def size(self) -> int:
        """Its length now, in bytes."""
        return os.fstat(self.fileno()).st_size

    def pread(self, length: int, position: int) -> bytes:
        """Up to so many bytes from a place on; fewer where the file ends. Raises OSError."""
        return os.pread(self.fileno(), length, position)

    def preadinto(self, room: memoryview, position: int) -> int:
        """Fill `room` from a place on; how many bytes there were. Raises OSError."""
        return os.preadv(self.fileno(), [room], position)


class SealedFile(io.RawIOBase):
    """The content of a sealed file."""

    def __init__(
        self,
        file: PlainFile | Path,
        *,
        fixed: bytes,
        chunk: int,
        cipher: AESGCM,
        known: Mapping[int, bytes] = _NOTHING_KNOWN,
        size: int | None = None,
    ) -> None:
        """Use open_file. fixed, chunk: of its head. known: the content of first and last chunks.

        file: a path is opened when a chunk is wanted that is not known. size: of the content, where
        its writer says it; otherwise it follows from the length of the file.
        """
        super().__init__()
        self._file, self._fixed, self._chunk, self._cipher = file, fixed, chunk, cipher
        self._position = 0
        self._follows_file = size is None
        self._measured = -1
        self._size = size or 0
        self._known = known
        self._kept_index, self._kept = -1, b""
        if known:
            self._measure()  # what is known is of the length that it has now

    @property
    def _disk(self) -> PlainFile:
        """Raises OSError."""
        if isinstance(self._file, Path):
            self._file = PlainFile(self._file)
        return self._file

    def _measure(self) -> None:
        if not self._follows_file:
            return
        stored = self._disk.size
        if stored == self._measured:
            return
        size = content_size(stored, self._chunk)
        if size is None:
            raise Altered("a sealed file was cut off")
        if self._measured >= 0:  # it grew: what was its last chunk is another one now
            self._kept_index, self._known = -1, _NOTHING_KNOWN
        self._measured, self._size = stored, size

    @property
    def size(self) -> int:
        """The length of its content now, in bytes."""
        self._measure()
        return self._size

    def pread(self, length: int, position: int) -> bytes:
        """As PlainFile. Raises Altered, OSError."""
        pieces = list(self._pieces(length, position))
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def preadinto(self, room: memoryview, position: int) -> int:
        """As PlainFile. Raises Altered, OSError."""
        filled = 0
        for piece in self._pieces(len(room), position):
            room[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def _pieces(self, length: int, position: int) -> Iterator[bytes]:
        """The bytes from a place on, chunk by chunk."""
        size, chunk = self.size, self._chunk
        end = min(size, position + length)
        if position >= end:
            return
        first, last = position // chunk, (end - 1) // chunk
        for start in range(first, last + 1, _CHUNKS_AT_ONCE):
            several = range(start, min(start + _CHUNKS_AT_ONCE, last + 1))
            for index, content in zip(several, self._chunks(several), strict=True):
                begin = index * chunk
                if position <= begin and begin + len(content) <= end:
                    yield content
                else:
                    yield content[max(0, position - begin) : end - begin]

    def _chunks(self, several: range) -> Iterator[bytes]:
        """Neighbouring chunks, decrypted."""
        if len(several) == 1 and several[0] == self._kept_index:
            yield self._kept
            return
        first, last = several.start, several.stop
        while first < last and (content := self._known.get(first)) is not None:
            yield content
            first += 1
        behind: list[bytes] = []
        while first < last and (content := self._known.get(last - 1)) is not None:
            behind.append(content)
            last -= 1
        if first < last:
            yield from self._from_disk(range(first, last))
        yield from reversed(behind)

    def _from_disk(self, several: range) -> Iterator[bytes]:
        chunk, count = self._chunk, chunk_count(self._size, self._chunk)
        whole = chunk + CHUNK_EXTRA
        stored = memoryview(self._read(len(several) * whole, offset_of(several.start, chunk)))
        for number, index in enumerate(several):
            sealed = stored[number * whole : (number + 1) * whole]
            try:
                content = opened_chunk(
                    self._cipher, self._fixed, index, sealed, last=index == count - 1
                )
            except (InvalidTag, ValueError):
                raise Altered("a sealed file is not what was written") from None
            self._kept_index, self._kept = index, content
            yield content

    def _read(self, length: int, position: int) -> bytes:
        data = self._disk.pread(length, position)
        while len(data) < length:  # a signal, or the file's end
            more = self._disk.pread(length - len(data), position + len(data))
            if not more:
                break
            data += more
        return data

    # --- as a file ---

    @property
    def name(self) -> Path:
        """Its path, as of a plain file: pydicom asks a buffered reader for it."""
        return self._file if isinstance(self._file, Path) else Path(self._file.name)

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """The next bytes. Raises Altered, OSError."""
        count = self.preadinto(memoryview(buffer).cast("B"), self._position)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of the content."""
        begins = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}
        begin = self.size if whence == os.SEEK_END else begins[whence]
        if begin + offset < 0:
            raise OSError(errno.EINVAL, "a place before the file's beginning")
        self._position = begin + offset
        return self._position

    def tell(self) -> int:
        """The place of the next byte."""
        return self._position

    def close(self) -> None:
        """Close the file; may be called twice."""
        if not self.closed and not isinstance(self._file, Path):
            self._file.close()
        super().close()


StoredFile = PlainFile | SealedFile
"""What `open_file` returns: an unbuffered file of bytes, with `pread`, `preadinto` and `size`."""


def open_file(path: Path, cipher: FileCipher | None) -> StoredFile:
    """Open a file for reading. Raises OSError; of it KeyNotHeld and Altered."""
    file = PlainFile(path)
    if cipher is None:
        return file
    try:
        # Twice: a rotation may empty one slot of a head between the reading of both.
        for more in (True, False):
            data = file.pread(HEAD_BYTES, 0)
            if not data.startswith(MAGIC):
                return file
            try:
                head = Head.parsed(data)
                opens = AESGCM(cipher.file_key(head))
                return SealedFile(file, fixed=head.fixed, chunk=head.chunk, cipher=opens)
            except NotThisForm as error:
                raise Altered(str(error)) from None
            except OSError:
                if not more:
                    raise
        raise AssertionError  # the second turn returns or raises
    except BaseException:
        file.close()
        raise


@contextmanager
def buffered(path: Path, cipher: FileCipher | None) -> Iterator[BinaryIO]:
    """The same for what reads many small pieces. Raises as open_file."""
    with io.BufferedReader(open_file(path, cipher)) as file:
        yield file


def head_of_file(path: Path) -> Head | None:
    """The head of a sealed file; None where the file is plain. Raises OSError, NotThisForm."""
    with PlainFile(path) as file:
        data = file.pread(HEAD_BYTES, 0)
    return Head.parsed(data) if data.startswith(MAGIC) else None


def is_sealed(path: Path) -> bool:
    """By its first bytes. Raises OSError."""
    with PlainFile(path) as file:
        return file.pread(len(MAGIC), 0) == MAGIC
