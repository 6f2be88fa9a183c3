"""Bytes of files on their way out: piece by piece, as the caller takes them.

Rules
- No file is held whole: of each answer PIECE bytes, or one frame, are in memory.
- A long piece of a plain file is named to a server that sends it by itself (web/file_answers.py);
  what is sealed or short is read in threads.
- The server waits for the caller between two pieces, so a slow one costs no more than a fast one.
- Threads are of their own: downloads keep no page and no health check waiting.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import PlainFile, StoredFile, open_file
from echonode.dicomweb.multipart import end, part_head
from echonode.model.frame_index import Extent
from echonode.model.instance import StoredInstance, open_bytes
from echonode.web.file_answers import Body, FilePiece, LaterFile

T = TypeVar("T")

PIECE = 1024 * 1024
# Of a piece that is not read here: between two, the access rules are asked again.
NAMED_PIECE = 32 * PIECE
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

    @property
    def is_plain(self) -> bool:
        """Whether its file is on this machine, and nothing is sealed there."""
        if self.instance is None:
            return self.cipher is None
        return self.instance.remote is None and self.instance.cipher is None

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

    async def pieces(self, part: Part) -> AsyncGenerator[bytes, None]:
        """A part's bytes, PIECE at a time. Raises OSError, EOFError, StoreError."""
        if part.head:
            yield part.head
        with closing(await self.run(part.opened)) as file:
            for offset, length in _cut(part.extents, PIECE):
                yield await self.run(partial(_read, file, offset, length))

    async def body(self, part: Part, *, named: bool) -> Body:
        """The same; named: where the file is plain, its bytes are named and not read."""
        if part.head:
            yield part.head
        if named and part.is_plain:
            with closing(LaterFile(part.path)) as later:
                for piece in _named(part, later):
                    yield piece
            return
        with closing(await self.run(part.opened)) as file:
            if named and isinstance(file, PlainFile):
                with closing(LaterFile(part.path, os.dup(file.fileno()))) as later:
                    for piece in _named(part, later):
                        yield piece
                return
            for offset, length in _cut(part.extents, PIECE):
                yield await self.run(partial(_read, file, offset, length))

    async def multipart(self, boundary: str, parts: Sequence[Part], *, named: bool) -> Body:
        """A multipart/related body; of short parts several go out together. named: as of `body`."""
        held = bytearray()
        for index, part in enumerate(parts):
            held += part_head(boundary, headers_of(part), first=index == 0)
            held += part.head
            if part.size <= PIECE:
                held += b"".join(await self.run(part.read))
            else:
                yield bytes(held)
                held.clear()
                async with aclosing(self.body(replace(part, head=b""), named=named)) as body:
                    async for piece in body:
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


def _named(part: Part, file: LaterFile) -> Iterable[FilePiece]:
    for offset, length in _cut(part.extents, NAMED_PIECE):
        yield FilePiece(file=file, offset=offset, length=length)


def _cut(extents: Iterable[Extent], longest: int) -> Iterable[tuple[int, int]]:
    for offset, length in extents:
        for start in range(0, length, longest):
            yield offset + start, min(longest, length - start)
