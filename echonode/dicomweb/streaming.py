"""Bytes of files on their way out: read in threads, piece by piece, as the caller takes them.

Rules
- No file is held whole: of each answer PIECE bytes, or one frame, are in memory.
- The server waits for the caller between two pieces, so a slow one costs no more than a fast one.
- Threads are of their own: downloads keep no page and no health check waiting.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import StoredFile, open_file
from echonode.dicomweb.multipart import end, part_head
from echonode.model.frame_index import Extent
from echonode.model.instance import StoredInstance, open_bytes

T = TypeVar("T")

PIECE = 1024 * 1024
THREADS = 16


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of an answer: bytes of a file. head: bytes before them, which are no part of it.

    instance: whose file it is, where that may not be on this machine. cipher: opens another file,
    where it is sealed.
    """

    path: Path
    extents: Sequence[Extent]
    content_type: str
    location: str = ""
    head: bytes = b""
    instance: StoredInstance | None = None
    cipher: FileCipher | None = None

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.head) + sum(extent.length for extent in self.extents)

    def opened(self) -> StoredFile:
        """The whole file. Raises OSError, StoreError."""
        if self.instance is None:
            return open_file(self.path, self.cipher)
        return open_bytes(self.instance)

    def read(self) -> list[bytes]:
        """The bytes of each extent, and of nothing else. Raises OSError, EOFError, StoreError."""
        if self.instance is None or self.instance.remote is None:
            with self.opened() as file:
                return [_read(file, *extent) for extent in self.extents]
        remote, instance = self.instance.remote, self.instance
        return [remote.read_range(instance, *extent) for extent in self.extents]


class FileThreads:
    """The threads that read for all requests of one server."""

    def __init__(self) -> None:
        self._limiter = CapacityLimiter(THREADS)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in one of them."""
        return await to_thread.run_sync(work, limiter=self._limiter)

    async def pieces(self, part: Part) -> AsyncIterator[bytes]:
        """A part's bytes, PIECE at a time. Raises OSError, EOFError."""
        if part.head:
            yield part.head
        file = await self.run(part.opened)
        try:
            for offset, length in _cut(part.extents):
                yield await to_thread.run_sync(_read, file, offset, length, limiter=self._limiter)
        finally:
            file.close()

    async def multipart(self, boundary: str, parts: Sequence[Part]) -> AsyncIterator[bytes]:
        """A multipart/related body; of short parts several go out together."""
        held = bytearray()
        for index, part in enumerate(parts):
            held += part_head(boundary, headers_of(part), first=index == 0)
            if part.size <= PIECE:
                held += part.head
                pieces = await to_thread.run_sync(part.read, limiter=self._limiter)
                held += b"".join(pieces)
            else:
                yield bytes(held)
                held.clear()
                async for piece in self.pieces(part):
                    yield piece
            if len(held) >= PIECE:
                yield bytes(held)
                held.clear()
        yield bytes(held) + end(boundary, first=not parts)


def read_extents(instance: StoredInstance, extents: Iterable[Extent]) -> bytes:
    """All of them together. Raises OSError; EOFError where the file is shorter."""
    with open_bytes(instance) as file:
        return b"".join(_read(file, *extent) for extent in extents)


def multipart_size(boundary: str, parts: Sequence[Part]) -> int:
    """The length of a body of these parts."""
    heads = sum(
        len(part_head(boundary, headers_of(part), first=index == 0))
        for index, part in enumerate(parts)
    )
    return heads + sum(part.size for part in parts) + len(end(boundary, first=not parts))


def headers_of(part: Part) -> dict[str, str]:
    """Of a part of a multipart body (PS3.18 8.6.1.2.1)."""
    found = {"Content-Type": part.content_type}
    if part.location:
        found["Content-Location"] = part.location
    return found


def _read(file: StoredFile, offset: int, length: int) -> bytes:
    data = file.pread(length, offset)
    while len(data) < length:  # a signal, or more than the system reads at once
        more = file.pread(length - len(data), offset + len(data))
        if not more:
            raise EOFError("a stored file is shorter than it was")
        data += more
    return data


def _cut(extents: Iterable[Extent]) -> Iterable[tuple[int, int]]:
    for offset, length in extents:
        for start in range(0, length, PIECE):
            yield offset + start, min(PIECE, length - start)
