"""Writing a new file of the store from its beginning to its end, plain or sealed.

Rules
- Of a sealed file the first chunk, which `put_in` changes, and the bytes after the last whole one
  wait in memory: no plain byte is ever on the disk. Of those between, what does not fill a block of
  the file waits as it is written (whole_blocks.py). `flush` writes all, and then the file can be
  read; what changes the two chunks later writes that chunk again, under another nonce. `so_far`
  reads what was written without it.
- A file has its content on the disk only after `flush` and fsync. The writer asks the system to
  begin with every EARLY_BYTES while more is coming, so that fsync waits for the rest alone.
- One thread at a time.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from echonode.at_rest.file_cipher import FileCipher, NewFile
from echonode.at_rest.file_format import (
    CHUNK_EXTRA,
    HEAD_BYTES,
    nonce_bytes,
    offset_of,
    seal_chunk,
)
from echonode.at_rest.reading import PlainFile, SealedFile, StoredFile, open_file
from echonode.at_rest.whole_blocks import WholeBlocks, write_at

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# A disk writes so much in a few milliseconds; smaller pieces cost a sender more than they save.
EARLY_BYTES = 4 * 1024 * 1024

_CLOSED = -1  # no descriptor
_EXISTING = os.O_WRONLY | os.O_CLOEXEC
_NEW = _EXISTING | os.O_CREAT | os.O_EXCL


class _NewFile(io.RawIOBase):
    """What both kinds have. cipher: opens what was written."""

    def __init__(self, path: Path, cipher: FileCipher | None, *, is_there: bool = False) -> None:
        """Make the file, for our user alone. Raises OSError where there is one.

        is_there: open the empty one that there is.
        """
        super().__init__()
        self.path = path
        self.cipher = cipher
        self._descriptor = os.open(path, _EXISTING if is_there else _NEW, 0o600)
        self._length = 0
        self._begun = 0  # up to where the system was asked to begin

    def writable(self) -> bool:
        """It is; and it cannot be read or go back: see `opened`."""
        return True

    def fileno(self) -> int:
        """For fsync."""
        return self._descriptor

    def tell(self) -> int:
        """How many bytes of content were written."""
        return self._length

    def opened(self) -> StoredFile:
        """What was written so far, to be read and closed by the caller. Raises OSError."""
        self.flush()
        return open_file(self.path, self.cipher)

    def so_far(self) -> StoredFile:
        """The same before anything more is written; the file itself need not be whole by then."""
        return self.opened()

    def _begin(self, end: int) -> None:
        """The disk may have what is before `end`: it stays as it is, but for `put_in` and `cut`.

        POSIX_FADV_DONTNEED begins to write what is dirty; it drops clean pages alone, and there
        are none (Linux, mm/fadvise.c). What goes wrong is said by fsync.
        """
        if end - self._begun >= EARLY_BYTES and hasattr(os, "posix_fadvise"):
            with suppress(OSError):
                advice = os.POSIX_FADV_DONTNEED
                os.posix_fadvise(self._descriptor, self._begun, end - self._begun, advice)
            self._begun = end

    def close(self) -> None:
        """Give the descriptor back; may be called twice. What was not flushed is lost."""
        if self.closed:
            return
        # First of all: `super` flushes, and the number may be another file's once it is free.
        descriptor, self._descriptor = self._descriptor, _CLOSED
        try:
            super().close()
        finally:
            os.close(descriptor)


class PlainWriter(_NewFile):
    """The bytes as they are."""

    def __init__(self, path: Path, *, is_there: bool = False) -> None:
        super().__init__(path, None, is_there=is_there)

    def write(self, data: ReadableBuffer) -> int:
        """Append all of it. Raises OSError."""
        view = memoryview(data).cast("B")
        size = len(view)
        # A disk that is nearly full first writes less than asked; the next write says why.
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._length += size
        self._begin(self._length)
        return size

    def put_in(self, data: bytes, position: int) -> None:
        """Write these in the place of bytes that were written. Raises OSError."""
        write_at(self._descriptor, memoryview(data), position)

    def cut(self, length: int) -> None:
        """Leave the first bytes, and nothing behind them. Raises OSError."""
        os.truncate(self.path, length)
        os.lseek(self._descriptor, 0, os.SEEK_END)
        self._length = length
        self._begun = min(self._begun, length)


class SealedWriter(_NewFile):
    """The bytes in chunks that are encrypted. Its head and first chunk are written by `flush`."""

    def __init__(self, path: Path, cipher: FileCipher, *, is_there: bool = False) -> None:
        super().__init__(path, cipher, is_there=is_there)
        self._new: NewFile = cipher.new_file()
        self._aead = AESGCM(self._new.key)
        self._head = self._new.head  # until it is written
        self._first = bytearray()  # the first chunk's content, once it is whole
        self._first_is_there = True
        self._tail = bytearray()
        self._tail_is_there = False
        self._whole_chunks = 0
        self._blocks = WholeBlocks(self._descriptor, offset_of(1, self._new.chunk))

    def write(self, data: ReadableBuffer) -> int:
        """Append all of it. Raises OSError."""
        view = memoryview(data).cast("B")
        size, chunk = len(view), self._new.chunk
        if size == 0:
            return 0
        self._tail_is_there = False
        if self._tail:
            room = chunk - len(self._tail)
            self._tail += view[:room]
            view = view[room:]
            if view:  # more follows, so that chunk is not the last
                self._take_whole(self._tail)
                self._tail.clear()
        while len(view) > chunk:
            self._take_whole(view[:chunk])
            view = view[chunk:]
        self._tail += view
        self._length += size
        return size

    def _take_whole(self, data: bytearray | memoryview) -> None:
        """A chunk that is not the last."""
        if self._whole_chunks:
            size = len(data) + CHUNK_EXTRA
            self._seal(self._whole_chunks, data, self._blocks.room(size), last=False)
            self._blocks.take(size)
            self._begin(self._blocks.position)
        else:
            self._first[:] = data
            self._first_is_there = False
        self._whole_chunks += 1

    def flush(self) -> None:
        """Write what waits: what was written until now can be read. Raises OSError."""
        if self._descriptor == _CLOSED:
            return
        if not self._tail_is_there:
            if self._whole_chunks:
                self._put_tail()
            else:
                self._put_first(self._tail, last=True)
            self._tail_is_there = True
        if not self._first_is_there:
            self._put_first(self._first, last=False)
            self._first_is_there = True

    def _put_tail(self) -> None:
        """The last chunk of some. What is appended later takes its place."""
        size = len(self._tail) + CHUNK_EXTRA
        self._seal(self._whole_chunks, self._tail, self._blocks.room(size), last=True)
        self._blocks.write_rest(size)
        self._blocks.go_to(offset_of(self._whole_chunks, self._new.chunk))

    def _put_first(self, data: bytearray, *, last: bool) -> None:
        """The first chunk, the first time behind the head."""
        start = len(self._head)
        room = self._blocks.room(start + len(data) + CHUNK_EXTRA)
        room[:start] = self._head
        self._seal(0, data, room[start:], last=last)
        write_at(self._descriptor, room, HEAD_BYTES - start)
        self._head = b""

    def _seal(
        self, number: int, data: bytearray | memoryview, room: memoryview, *, last: bool
    ) -> None:
        nonce = os.urandom(nonce_bytes(1))
        seal_chunk(self._aead, self._new.fixed, number, data, nonce, room, last=last)

    def opened(self) -> StoredFile:
        """As before; without a look at its own head, and with two chunks from memory."""
        self.flush()
        return SealedFile(
            PlainFile(self.path),
            fixed=self._new.fixed,
            chunk=self._new.chunk,
            cipher=self._aead,
            known=self._in_memory(),
        )

    def so_far(self) -> StoredFile:
        """As before. A file of one chunk is not written for it, and none is opened."""
        self._blocks.write_rest()
        return SealedFile(
            self.path,
            fixed=self._new.fixed,
            chunk=self._new.chunk,
            cipher=self._aead,
            known=self._in_memory(),
            size=self._length,
        )

    def _in_memory(self) -> dict[int, bytes]:
        """Chunks whose content is known: the first and the last."""
        return {0: bytes(self._first), self._whole_chunks: bytes(self._tail)}

    def put_in(self, data: bytes, position: int) -> None:
        """Write these in the place of bytes of the first chunk. Raises OSError."""
        end = position + len(data)
        if self._whole_chunks:
            self._first[position:end] = data
            self._first_is_there = False
        else:
            self._tail[position:end] = data
            self._tail_is_there = False

    def cut(self, length: int) -> None:
        """Leave the first bytes of the content, and nothing behind them. Raises OSError."""
        chunk = self._new.chunk
        whole = max(0, length - 1) // chunk
        with self.opened() as file:
            self._tail[:] = file.pread(length - whole * chunk, whole * chunk)
        self._whole_chunks, self._length, self._tail_is_there = whole, length, False
        self._begun = min(self._begun, offset_of(whole, chunk))
        os.truncate(self.path, offset_of(whole, chunk))
        self._blocks.go_to(offset_of(whole or 1, chunk))
        self.flush()


FileWriter = PlainWriter | SealedWriter
"""What `create_file` returns: `write`, `flush`, `cut`, `tell`, `opened`, `so_far`, `close`."""


def create_file(path: Path, cipher: FileCipher | None) -> FileWriter:
    """Make a file that does not exist yet; sealed where there is a cipher. Raises OSError."""
    return PlainWriter(path) if cipher is None else SealedWriter(path, cipher)


def open_empty(path: Path, cipher: FileCipher | None) -> FileWriter:
    """The same of a file that was made before and is empty. Raises OSError."""
    if cipher is None:
        return PlainWriter(path, is_there=True)
    return SealedWriter(path, cipher, is_there=True)


@dataclass(frozen=True)
class Scratch:
    """A folder for temporary files; cipher: seals them."""

    folder: Path
    cipher: FileCipher | None = None

    @contextmanager
    def file(self) -> Iterator[FileWriter]:
        """A file for the block, with a name that ends in `.part`. Raises OSError."""
        with _temporary(self.folder / f"{token_hex(16)}.part", self.cipher) as file:
            yield file


@contextmanager
def _temporary(path: Path, cipher: FileCipher | None) -> Iterator[FileWriter]:
    file = create_file(path, cipher)
    try:
        with file:
            yield file
    finally:
        with suppress(OSError):  # the next start removes what stays
            path.unlink(missing_ok=True)
